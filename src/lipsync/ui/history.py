"""Losses of a training that has ended, from the log that it left."""

import json
from pathlib import Path

from lipsync.telemetry import thin


def finished_losses(project: Path, person: str, stage: str) -> tuple[tuple[int, float, float], ...]:
    """(epoch, training loss, held-out loss) of metrics/<p>/<network>/training_log.json.

    () where there is none that can be read.
    """
    folder = project / "metrics" / person / stage.removeprefix("train_")
    try:
        log = json.loads((folder / "training_log.json").read_text(encoding="utf-8"))
        return thin(log["history"])
    except (OSError, ValueError, KeyError, TypeError):
        return ()
