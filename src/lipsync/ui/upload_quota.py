"""How many bytes browsers' files may take together."""

import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

from lipsync.errors import LipsyncError
from lipsync.ui.workspace import Workspace

SHARE = 4  # times the largest upload
BLOCK = 4096  # bytes that a file takes beside what is in it, so that empty ones count


class QuotaExceeded(LipsyncError):  # noqa: N818  what happened is no error of the page's
    """An upload that is refused; one line."""


@dataclass(eq=False)
class Sending:
    """An upload on its way.

    Attributes:
        left: bytes that have not come yet
    """

    left: int


class UploadQuota:
    """Uploads, videos and waiting jobs in a workspace; not the project's own pictures.

    Args:
        max_upload: bytes of the largest upload
    """

    def __init__(self, workspace: Workspace, max_upload: int) -> None:
        self.max_upload, self.quota = max_upload, SHARE * max_upload
        self._workspace = workspace
        self._sending: set[Sending] = set()
        self._lock = threading.Lock()

    def reserve(self, size: int) -> Sending:
        """Reserve bytes for an upload; the oldest uploads and videos go where they are short.

        What a job reads, and what is being sent, stays. Hand the result to ``release``.

        Raises QuotaExceeded if that is not enough, or the disk has less than the quota free.
        """
        with self._lock:
            wanted = size + sum(other.left for other in self._sending)
            taken, oldest = self._look()
            for _, path, room in oldest:
                if taken + wanted <= self.quota:
                    break
                path.unlink(missing_ok=True)
                taken -= room
            if taken + wanted > self.quota:
                raise QuotaExceeded(
                    f"no room for {size / 1e6:.1f} MB: other uploads and waiting videos take it; "
                    "try again when they are done"
                )
            free = shutil.disk_usage(self._workspace.root).free
            if free < self.quota:
                raise QuotaExceeded(
                    f"the disk of the page's computer has {free / 1e9:.2f} GB free, and uploads "
                    f"want {self.quota / 1e9:.2f} GB; free some, or start the page with a smaller "
                    "--max-upload-mb"
                )
            sending = Sending(size)
            self._sending.add(sending)
            return sending

    def release(self, sending: Sending) -> None:
        """It has come, or has been broken off."""
        with self._lock:
            self._sending.discard(sending)

    def _look(self) -> tuple[int, list[tuple[float, Path, int]]]:
        """Bytes taken; (time of change, path, bytes) of what may go, oldest first."""
        place = self._workspace
        seen: set[tuple[int, int]] = set()  # a job's sound is a link to its upload
        taken, may_go = 0, []
        for top in (place.jobs, place.results, place.uploads):
            for path in top.rglob("*"):
                try:
                    stat = path.lstat()
                except OSError:
                    continue  # gone meanwhile
                known = (stat.st_dev, stat.st_ino)
                if path.is_dir() or known in seen:
                    continue
                seen.add(known)
                taken += stat.st_size + BLOCK
                # What is being sent lies in the folder itself, under Gradio's temporary name.
                on_its_way = bool(self._sending) and path.parent == place.uploads
                if top != place.jobs and not on_its_way:
                    may_go.append((stat.st_mtime, path, stat.st_size + BLOCK))
        return taken, sorted(may_go)
