"""One module for each tab; Gradio's components and what happens when they are used."""

from typing import Any

EVENT: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}  # of every event
