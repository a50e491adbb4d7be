"""DVC as a child process: its command line, its environment, and what its log says."""

import os
import re
import sys
from pathlib import Path
from typing import Literal

Effect = Literal["ran", "restored", "nothing"]


def dvc(*arguments: str) -> list[str]:
    """The command line of this Python's own DVC."""
    return [sys.executable, "-m", "dvc", *arguments]


def lipsync(*arguments: str) -> list[str]:
    """The command line of this Python's own `lipsync`."""
    return [sys.executable, "-c", "from lipsync.cli import app; app()", *arguments]


def watched_dvc(*arguments: str) -> list[str]:
    """The same, but it ends when this process is gone; see `lipsync.running.watched_dvc`."""
    return [sys.executable, "-m", "lipsync.running.watched_dvc", str(os.getpid()), *arguments]


def environment(**more: str) -> dict[str, str]:
    """Of a child: stages are run by this Python; the page's password stays here."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    ours = {name: value for name, value in os.environ.items() if name != "LIPSYNC_PASSWORD"}
    return ours | {"PATH": programs} | more


def reason(text: str) -> str:
    """The line of a log that says best why a run failed: the stage's own, else DVC's."""
    lines = [line for line in text.splitlines() if line.strip()]
    own = [line for line in lines if re.match(r"\w+@[\w-]+: ", line)]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (own or errors or lines or [""])[-1]


def effect(text: str) -> Effect:
    """What a `dvc repro -s` that succeeded did: ran the stage, took its outs from the cache, or
    found nothing to do."""
    if re.search(r"^(Running stage|Verifying data sources)", text, re.MULTILINE):
        return "ran"
    return "restored" if re.search(r"^Stage '.*' is cached", text, re.MULTILINE) else "nothing"
