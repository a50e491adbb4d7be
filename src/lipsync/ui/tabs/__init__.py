"""One module for each tab; Gradio's components and what happens when they are used."""

from importlib.resources import files
from typing import Any

EVENT: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}  # of every event


def script(*names: str) -> str:
    """Scripts of this package for an HTML component's ``js_on_load``; `live_region.js` is one."""
    return "\n".join((files("lipsync.ui") / name).read_text(encoding="utf-8") for name in names)


LIVE = script("live_region.js")
