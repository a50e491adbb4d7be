"""What no request may do, whatever Gradio would let it: an ASGI layer around the whole page."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lipsync.ui.upload_quota import QuotaExceeded, Sending, UploadQuota

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# The browser asks nobody but this server, even if a script of Gradio's would.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
# All that the page asks for, of more that Gradio would answer: its API and the description of it,
# files of other addresses, screen recordings (which ffmpeg would open, playlists too), tokens,
# monitoring, development. `app_id` is asked after a lost connection, to load the page anew.
READ = frozenset(
    {
        "/",
        "/config",
        "/favicon.ico",
        "/logout",
        "/theme.css",
        "/gradio_api/app_id",
        "/gradio_api/queue/data",
        "/gradio_api/upload_progress",
    }
)
READ_BELOW = ("/assets/", "/static/", "/gradio_api/heartbeat/")
FILE = "/gradio_api/file="  # and an absolute path, which Gradio looks up in what may be served
UPLOAD = "/gradio_api/upload"
LIVE_OFFER, LIVE_END = "/live/offer", "/live/end"  # ours too (`ui.live.routes`)
WRITE = frozenset(
    {
        "/login",
        UPLOAD,
        "/gradio_api/cancel",
        "/gradio_api/queue/join",
        "/gradio_api/reset",
        LIVE_OFFER,
        LIVE_END,
    }
)
API = "/api/"  # what lies below answers for itself which methods and paths it has (`ui.api`)
SPEAK = "/api/speak"  # takes an upload too
STARTUP = "/gradio_api/startup-events"  # Gradio asks for it itself, once, while it is launched
MOST_WORDS = 1_000_000  # bytes of a request that is no upload
FORM = 100_000  # bytes around an upload's file


class Guard:
    """Refuses strangers' addresses and origins, and every door that the page does not use.

    Args:
        hosts: names that a browser may know the server by, without ports; None for any. A page
            without a password takes only this computer's own names, or a website could point its
            own name here and read along.
        room: for uploads
        launched: set when Gradio has started
    """

    def __init__(
        self, app: Any, hosts: frozenset[str] | None, room: UploadQuota, launched: threading.Event
    ) -> None:
        self.app, self.hosts, self.room, self.launched = app, hosts, room, launched

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        refused = self._refused(scope)
        if refused is not None:
            await _answer(send, scope, *refused)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *HEADERS]
            await send(message)

        if scope["method"] == "POST" and scope["path"] in (UPLOAD, SPEAK):
            await self._upload(scope, receive, send_with_headers)
        else:
            await self.app(scope, receive, send_with_headers)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Bytes are reserved when the body is first asked for: by then it is known who sends it."""
        sending: Sending | None = None

        async def received() -> Message:
            nonlocal sending
            if sending is None:
                size = int(_headers(scope)[b"content-length"])
                sending = await asyncio.to_thread(self.room.reserve, size)
            message = await receive()
            sending.left = max(0, sending.left - len(message.get("body", b"")))
            return message

        try:
            await self.app(scope, received, send)
        except QuotaExceeded as error:
            more = True
            while more:  # a browser reads the answer only when it has sent everything
                more = (await receive()).get("more_body", False)
            await _answer(send, scope, 507, str(error))
        finally:
            if sending is not None:
                self.room.release(sending)

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        """Status and words, if the request is refused."""
        if scope["type"] != "http":
            return 403, "no such way in"
        headers = _headers(scope)
        host = headers.get(b"host", "")
        if self.hosts is not None and urlsplit(f"//{host}").hostname not in self.hosts:
            return 403, "this page answers to its computer's own names only"
        origin = headers.get(b"origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return 403, "another site may not use this page"
        path = scope["path"]
        starting = path == STARTUP and not self.launched.is_set()
        if not starting and not is_open(scope["method"], path):
            return 404, "closed"
        if scope["method"] == "POST":
            most = self.room.max_upload + FORM if path in (UPLOAD, SPEAK) else MOST_WORDS
            length = headers.get(b"content-length", "")
            if not (length.isascii() and length.isdigit()):
                return 411, "a request says how long it is"
            if int(length) > most:
                return 413, f"at most {most / 1e6:g} MB can be sent here"
        return None


def is_open(method: str, path: str) -> bool:
    """Whether the page itself, or a program, asks for this; ``path`` decoded, without the query."""
    if path.startswith(API):
        return method in ("GET", "HEAD", "POST", "DELETE")
    if method == "POST":
        return path in WRITE
    if method not in ("GET", "HEAD"):
        return False
    if path.startswith(FILE):
        return Path(path.removeprefix(FILE)).is_absolute()  # so no http:, which Gradio would fetch
    return path in READ or path.startswith(READ_BELOW)


def _headers(scope: Scope) -> dict[bytes, str]:
    return {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}


async def _answer(send: Send, scope: Scope, status: int, words: str) -> None:
    """Words for people; programs get them as JSON."""
    kind, body = b"text/plain; charset=utf-8", words
    if scope.get("path", "").startswith(API):
        kind, body = b"application/json", json.dumps({"error": words})
    headers = [(b"content-type", kind)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})
