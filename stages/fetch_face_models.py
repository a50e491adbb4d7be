"""Fetch MediaPipe's face detector and face mesh into models/face, checked by SHA-256."""

import sys
from pathlib import Path

from lipsync.faces.models import fetch
from lipsync.stage import errors_for_people

FOLDER = Path("models/face")

if __name__ == "__main__":
    with errors_for_people("fetch_face_models"):
        print("fetching the 35 MB wheel that holds the face models", file=sys.stderr)
        fetch(FOLDER)
