"""How a browser opens and ends a live session: two addresses beside the HTTP API's.

    POST /live/offer    {"avatar": name, "offer": SDP} -> {"session": id, "answer": SDP}
    POST /live/end      {"session": id} -> {"ended": whether it was there}

An ASGI layer between `ui.guard` and Gradio's app, as `ui.api` is. Whoever may see the page may use
them: where it has a password, the cookie of Gradio's login form is asked for. An error is one line
of JSON, ``{"error": ...}``. Imports Starlette, which comes with Gradio.
"""

import json
import logging
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from lipsync.errors import LipsyncError, first_line
from lipsync.ui.guard import LIVE_END, LIVE_OFFER, Receive, Scope, Send
from lipsync.ui.live.place import Live, NotInstalled, Taken

log = logging.getLogger(__name__)


class LiveRoutes:
    """Answers what lies under /live/; the page has all else."""

    def __init__(self, app: Any, live: Live, password: bool) -> None:
        self.app, self.live, self.password = app, live, password

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in (LIVE_OFFER, LIVE_END):
            await self.app(scope, receive, send)
            return
        response = await self._respond(Request(scope, receive))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        if self.password and not logged_in(request):
            return _error(401, "the password is missing; load the page anew and give it")
        try:
            return JSONResponse(await self._do(request))
        except Taken as error:
            return _error(409, str(error))
        except NotInstalled as error:
            return _error(501, str(error))
        except LipsyncError as error:
            return _error(422, str(error))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except Exception as error:
            log.exception("live failed at %s", request.scope["path"])
            return _error(500, f"failed here ({first_line(error)})")

    async def _do(self, request: Request) -> dict[str, Any]:
        try:
            said = json.loads(await request.body())
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise LipsyncError("the request is no JSON object; load the page anew")
        if request.scope["path"] == LIVE_END:
            return {"ended": await self.live.end(said.get("session"))}
        key, answer = await self.live.offer(said.get("avatar"), said.get("offer"))
        return {"session": key, "answer": answer}


def logged_in(request: Request) -> bool:
    """Whether the cookie is one that Gradio gave for the password."""
    app = request.scope["app"]  # Gradio's, which keeps the tokens of the cookies it has set
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    return any(app.tokens.get(request.cookies.get(name)) is not None for name in names)


def _error(status: int, words: str) -> JSONResponse:
    return JSONResponse({"error": words}, status)
