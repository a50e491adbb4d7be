"""One module for each tab; Gradio's components and what happens when they are used."""

from importlib.resources import files
from typing import Any

EVENT: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}  # of every event
INTERVAL = 2.0  # seconds between two looks of a tab that shows what changes by itself


def if_visible(element: str) -> str:
    """JavaScript that puts into the last input whether an element of the page is to be seen.

    A tab's timer runs from the beginning and asks for this at each tick. Switching it on by the
    event that a tab was chosen fails on a slow computer: such an event is lost before the page is
    whole, and of two events the first may be answered last.
    """
    visible = f"!!document.getElementById('{element}')?.offsetParent"
    return f"(...inputs) => [...inputs.slice(0, -1), {visible}]"


def script(*names: str) -> str:
    """Scripts of this package for an HTML component's ``js_on_load``; `live_region.js` is one."""
    return "\n".join((files("lipsync.ui") / name).read_text(encoding="utf-8") for name in names)


LIVE = script("live_region.js")
