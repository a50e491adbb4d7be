"""What no request may do, whatever Gradio would let it: an ASGI layer around the whole page."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

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
# Of Gradio's own, none of which the page uses: fetching other addresses for a browser, its API and
# its description, functions of components, development.
CLOSED = (
    "/gradio_api/api/",
    "/gradio_api/call/",
    "/gradio_api/component_server",
    "/gradio_api/deep_link",
    "/gradio_api/dev/",
    "/gradio_api/file/",
    "/gradio_api/file=http:",
    "/gradio_api/file=https:",
    "/gradio_api/mcp",
    "/gradio_api/openapi.json",
    "/gradio_api/profiling",
    "/gradio_api/proxy=",
    "/gradio_api/run/",
    "/gradio_api/undo-vibe",
    "/gradio_api/vibe-",
    "/monitoring",
)


class Guard:
    """Refuses strangers' addresses and origins, closes doors that the page does not use.

    Args:
        hosts: names that a browser may know the server by, without ports; None for any. A page
            without a password takes only this computer's own names, or a website could point its
            own name here and read along.
    """

    def __init__(self, app: Any, hosts: frozenset[str] | None) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        refused = self._refused(scope)
        if refused is not None:
            await _answer(send, *refused)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *HEADERS]
            await send(message)

        await self.app(scope, receive, send_with_headers)

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        """Status and words, if the request is refused."""
        if scope["type"] != "http":
            return 403, "no such way in"
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        if self.hosts is not None and urlsplit(f"//{host}").hostname not in self.hosts:
            return 403, "this page answers to its computer's own names only"
        origin = headers.get(b"origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return 403, "another site may not use this page"
        if scope["path"].lower().startswith(CLOSED):
            return 404, "closed"
        return None


async def _answer(send: Send, status: int, words: str) -> None:
    kind = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": kind})
    await send({"type": "http.response.body", "body": words.encode()})
