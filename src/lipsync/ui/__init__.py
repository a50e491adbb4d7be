"""The web page: `lipsync app`. Only `page`, `serve` and `tabs` import Gradio (extra `ui`)."""
