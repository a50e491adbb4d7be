"""The one place for a live session, and the event loop that it runs in. Needs no aiortc to be made.

The loop has a thread of its own: encrypting and sending 25 pictures a second would make the page's
own loop late, and a long answer of the page would make the pictures late.
"""

import asyncio
import logging
import secrets
import threading
from collections.abc import Coroutine
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from lipsync.errors import LipsyncError
from lipsync.ui.library import Library

if TYPE_CHECKING:
    from lipsync.ui.live.session import Session

T = TypeVar("T")
NOT_INSTALLED = (
    'Live needs aiortc, which is not installed; run `uv pip install -e ".[live]"` and start the '
    "page again."
)
TAKEN = (
    "Somebody else is live: one person can be at a time, for an avatar takes a whole processor. "
    "Try again when they have stopped."
)
ENDED = "The page was ended on its computer."
CLOSING = 30.0  # seconds that the last session may take to end
log = logging.getLogger(__name__)


class NotInstalled(LipsyncError):  # noqa: N818  its words are for people
    """The extra `live` is missing."""


class Taken(LipsyncError):  # noqa: N818
    """There is a session already."""


def installed() -> bool:
    return find_spec("aiortc") is not None


class Live:
    """Sessions, one at a time. Use as a context manager; any event loop may await its methods."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._place: tuple[str, "Session | None"] | None = None  # noqa: UP037
        self._offers = 0  # that are being answered
        self._lock = threading.Lock()  # of the thread's start
        self._thread: threading.Thread | None = None
        self._loop = asyncio.new_event_loop()

    def __enter__(self) -> "Live":
        return self

    def __exit__(self, *error: object) -> None:
        if self._thread is not None:
            try:
                asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(CLOSING)
            except TimeoutError:
                log.warning("a live session did not end within %g s", CLOSING)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    @property
    def taken(self) -> bool:
        return self._place is not None

    async def offer(self, name: object, offer: object) -> tuple[str, str]:
        """The session's id, with which it can be ended, and the SDP that answers the browser's.

        Raises NotInstalled, Taken, or LipsyncError if there is no such avatar, it cannot be loaded,
        or the offer is none.
        """
        if not installed():
            raise NotInstalled(NOT_INSTALLED)
        return await self._do(self._open(name, offer))

    async def end(self, key: object) -> bool:
        """End the session of this id; whether it was there."""
        if self._thread is None:
            return False
        return await self._do(self._end(key))

    async def _do(self, what: Coroutine[Any, Any, T]) -> T:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="webrtc", daemon=True
                )
                self._thread.start()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(what, self._loop))

    async def _open(self, name: object, offer: object) -> tuple[str, str]:
        from lipsync.ui.live.session import Session

        if self._place is not None:
            raise Taken(TAKEN)
        key = secrets.token_urlsafe(16)
        self._place = key, None  # before anything is waited for

        def ended() -> None:
            if self._place is not None and self._place[0] == key:
                self._place = None

        self._offers += 1
        try:
            if not isinstance(offer, str):
                raise LipsyncError("offer: missing; load the page anew")
            folder = await asyncio.to_thread(self._library.avatar, name)
            session = Session(folder, ended)
            self._place = key, session
            return key, await session.answer(offer)
        except BaseException:
            ended()
            raise
        finally:
            self._offers -= 1

    async def _end(self, key: object) -> bool:
        if self._place is None or self._place[0] != key or self._place[1] is None:
            return False
        await self._place[1].close("")
        return True

    async def _close(self) -> None:
        if self._place is not None and self._place[1] is not None:
            await self._place[1].close(ENDED)
        while self._offers:
            await asyncio.sleep(0.01)
