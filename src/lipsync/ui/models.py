"""Loaded avatars: the last few stay, with their speech encoders."""

import hashlib
import threading
from collections import OrderedDict
from pathlib import Path

from lipsync.errors import LipsyncError
from lipsync.rendering.avatar import INFO, load_avatar
from lipsync.rendering.options import RenderOptions
from lipsync.rendering.render import Renderer

MOST = 3  # avatars in memory


class LoadedAvatars:
    """Renderers by folder and by the SHA-256 of its avatar.json, which holds those of all files.

    So an avatar that is exported again is read again. For one thread: a renderer's options are set
    before each use.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._renderers: OrderedDict[tuple[Path, str], Renderer] = OrderedDict()
        self._lock = threading.Lock()

    def renderer(self, folder: Path, options: RenderOptions) -> Renderer:
        """The renderer of an avatar with these options, loaded where it is not yet.

        Raises LipsyncError as of ``load_avatar`` and ``Renderer``.
        """
        key = (folder.resolve(), info_sha256(folder))
        with self._lock:
            if key not in self._renderers:
                for other in [other for other in self._renderers if other[0] == key[0]]:
                    del self._renderers[other]  # what the folder held before
                self._renderers[key] = Renderer(load_avatar(folder), options)
                while len(self._renderers) > self._most:
                    self._renderers.popitem(last=False)
            self._renderers.move_to_end(key)
            renderer = self._renderers[key]
        renderer.options = options
        return renderer

    def __len__(self) -> int:
        return len(self._renderers)


def info_sha256(folder: Path) -> str:
    """Of avatar.json; LipsyncError if it cannot be read."""
    try:
        return hashlib.sha256((folder / INFO).read_bytes()).hexdigest()
    except OSError as error:
        raise LipsyncError(f"{folder / INFO}: {error.strerror}; export the avatar again") from None
