"""The page's own temporary folder; it serves files from nowhere else.

    uploads/     Gradio's, of what browsers send
    jobs/        what is being rendered
    results/     rendered videos
    pictures/    copies of the project's pictures and videos, under their content's hash

Results and uploads go after an hour, everything when the page ends.
"""

import hashlib
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import quote

from lipsync.errors import LipsyncError
from lipsync.ui.settings import KEEP

SWEEP_INTERVAL = 60.0  # seconds


class Workspace:
    """Use as a context manager."""

    def __init__(self, keep: float = KEEP) -> None:
        self._keep = keep
        self._ended = threading.Event()
        self._known: dict[tuple[Path, int, int], Path] = {}

    def __enter__(self) -> "Workspace":
        self.root = Path(tempfile.mkdtemp(prefix="lipsync-page-")).resolve()  # mode 0700
        self.uploads, self.jobs, self.results, self.pictures = folders = [
            self.root / name for name in ("uploads", "jobs", "results", "pictures")
        ]
        for folder in folders:
            folder.mkdir()
        threading.Thread(target=self._watch, name="sweep", daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        shutil.rmtree(self.root, ignore_errors=True)

    def _watch(self) -> None:
        while not self._ended.wait(SWEEP_INTERVAL):
            self.sweep(time.time())

    def sweep(self, now: float) -> None:
        """Remove results and uploads that were last changed more than ``keep`` seconds ago."""
        for top in (self.results, self.uploads):
            for path in sorted(top.rglob("*"), reverse=True):  # what is inside comes first
                try:
                    if path.is_dir():
                        if now - path.stat().st_mtime > self._keep:
                            path.rmdir()  # only if it is empty
                    elif now - path.stat().st_mtime > self._keep:
                        path.unlink(missing_ok=True)
                except OSError:
                    continue  # not empty, or gone meanwhile

    def copy(self, file: Path, suffix: str = "") -> Path:
        """A copy of one of the project's files that browsers may have.

        ``suffix`` ends its name where the file's own has none, as in DVC's cache.

        Raises LipsyncError if the file cannot be read.
        """
        try:
            stat = file.stat()
            key = (file, stat.st_mtime_ns, stat.st_size)
            if key not in self._known:
                with file.open("rb") as stream:
                    digest = hashlib.file_digest(stream, "sha256").hexdigest()
                target = self.pictures / f"{digest[:32]}{suffix or file.suffix}"
                if not target.exists():
                    temporary = target.with_name(f".{target.name}.{threading.get_ident()}")
                    shutil.copyfile(file, temporary)
                    os.replace(temporary, target)
                self._known[key] = target
            return self._known[key]
        except OSError as error:
            raise LipsyncError(f"{file}: {error.strerror}; run `dvc repro`") from None


def url(path: Path) -> str:
    """Where a browser finds a file of the workspace, relative to the page."""
    return f"gradio_api/file={quote(str(path))}"
