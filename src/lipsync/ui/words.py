"""Numbers and lines as the page shows them."""

from collections.abc import Iterable
from html import escape

STAGE_WORDS = {  # the others are called as in dvc.yaml
    "fetch_face_models": "Face models",
    "gather_base": "Base: data of its people",
    "train_base": "Base: training",
    "extract_frames": "Frames",
    "detect_landmarks": "Landmarks",
    "crop_faces": "Face crops",
    "fit_geometry": "Head pose and expression",
    "align_audio": "Audio offset",
    "profile": "Profile",
    "extract_audio_features": "Audio features",
    "inherit": "Base: weights taken over",
    "train_syncnet": "Training: SyncNet",
    "train_motion": "Training: motion from speech",
    "train_generator": "Training: refiner",
    "evaluate": "Evaluation",
    "export": "Export of the avatar",
    "render_sample": "Sample video",
}


def duration(seconds: float) -> str:
    """ "8 s", "3 min 05 s", "2 h 10 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def stage_words(name: str) -> str:
    """What a stage of dvc.yaml is called on the page."""
    return STAGE_WORDS.get(name, name)


def ago(seconds: float) -> str:
    """ "just now", "4 min ago"."""
    if seconds < 10:
        return "just now"
    if seconds < 3600:
        return f"{duration(seconds).split(' min')[0]}{' min' if seconds >= 60 else ''} ago"
    return f"{duration(seconds)} ago"


def bar(share: float, label: str) -> str:
    """A progress bar; ``share`` 0..1. ``label`` is what a screen reader calls it."""
    percent = 100 * min(1.0, max(0.0, share))
    return (
        f'<div class="ls-bar" role="progressbar" aria-label="{escape(label)}" '
        f'aria-valuenow="{percent:.0f}" aria-valuemin="0" aria-valuemax="100">'
        f'<span style="width:{percent:.1f}%"></span></div>'
    )


def warning_lines(messages: Iterable[str]) -> str:
    return "".join(f'<p class="ls-warning">{escape(message)}</p>' for message in messages)


def error_line(message: str) -> str:
    return f'<p class="ls-error" role="alert">{escape(message)}</p>'


def note_line(message: str) -> str:
    return f'<p class="ls-note">{escape(message)}</p>'


def quarter(share: float, what: str) -> str:
    """What a screen reader says of progress, as ``data-say``: it changes with each quarter only."""
    return f'data-say="{escape(what)}: {25 * int(4 * min(1.0, max(0.0, share)))} percent done"'
