"""The HTTP API: what the tab Speak does, for other programs. docs/web-page.md has it with examples.

    GET    /api/avatars            names and sizes
    POST   /api/speak              a form of avatar, audio and options; 202 and a job
    GET    /api/jobs/<id>          state and progress
    GET    /api/jobs/<id>/video    the video
    DELETE /api/jobs/<id>          cancels the job, or removes its video

It is an ASGI layer between `ui.guard` and Gradio's app. Its jobs wait in the page's own queue. An
error is one line of JSON, ``{"error": ...}``. Imports Starlette, which comes with Gradio.
"""

import asyncio
import base64
import binascii
import hmac
import logging
import secrets
import shutil
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response

from lipsync.errors import LipsyncError, first_line
from lipsync.rendering.options import RenderOptions, make_options
from lipsync.ui.api_form import BadForm, Form, TooLarge, read_form
from lipsync.ui.guard import API, Receive, Scope, Send
from lipsync.ui.jobs import Job, QueueFull, RenderQueue
from lipsync.ui.library import Library
from lipsync.ui.settings import Settings
from lipsync.ui.speak_view import read_info
from lipsync.ui.upload_quota import QuotaExceeded
from lipsync.ui.uploads import check_upload
from lipsync.ui.workspace import Workspace

LOOK_INTERVAL = 0.1  # seconds between two looks at a job that a request waits for
WRONG_PASSWORD = 1.0  # seconds that a wrong one costs; wrong ones take turns
MOST_DECODED = 4  # audio files that are decoded at once
MOST_KEPT = 1000  # jobs that are remembered; the oldest that are over go first
OPTIONS = frozenset(RenderOptions.model_fields) - {"template", "clips"}  # those are paths here
log = logging.getLogger(__name__)

Handler = Callable[[Request], Awaitable[Response]]


class Refused(LipsyncError):  # noqa: N818  the request is at fault, not the server
    """A request that is answered with a status other than 2xx, and one line."""

    def __init__(self, status: int, words: str, **headers: str) -> None:
        super().__init__(words)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Api:
    """Answers what lies under /api/; the page has all else.

    Args:
        ended: set when the server is about to end; requests that wait for a video are answered then
    """

    def __init__(
        self,
        app: Any,
        settings: Settings,
        workspace: Workspace,
        library: Library,
        queue: RenderQueue,
        ended: threading.Event,
    ) -> None:
        self.app, self.settings, self.workspace = app, settings, workspace
        self.library, self.queue, self.ended = library, queue, ended
        self._jobs: dict[str, Job] = {}  # by id, the oldest first
        self._decoding = asyncio.Semaphore(MOST_DECODED)
        self._wrong = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(API):
            await self.app(scope, receive, send)
            return
        response = await self._respond(Request(scope, receive))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        try:
            await self._check_password(request.headers)
            return await self._handler(request)(request)
        except QuotaExceeded:
            raise  # the guard reads the rest of the request, and answers
        except Refused as error:
            return JSONResponse({"error": str(error)}, error.status, error.headers)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except Exception as error:
            log.exception("the API failed at %s", request.scope["path"])
            return JSONResponse({"error": f"failed here ({first_line(error)})"}, 500)

    def _handler(self, request: Request) -> Handler:
        found: dict[str, Handler]
        match request.scope["path"].removeprefix(API).split("/"):
            case ["avatars"]:
                found = {"GET": self._avatars}
            case ["speak"]:
                found = {"POST": self._speak}
            case ["jobs", _]:
                found = {"GET": self._state, "DELETE": self._delete}
            case ["jobs", _, "video"]:
                found = {"GET": self._video}
            case _:
                raise Refused(404, "no such address; docs/web-page.md lists those that there are")
        method = "GET" if request.method == "HEAD" else request.method
        if method not in found:
            allow = ", ".join(found)
            raise Refused(
                405, f"{request.method} is not for this address; use {allow}", allow=allow
            )
        return found[method]

    async def _check_password(self, headers: Headers) -> None:
        """Refused with 401 unless the password is sent, where there is one."""
        password = self.settings.password
        if password is None:
            return
        given = sent_password(headers.get("authorization", ""))
        if given is not None and hmac.compare_digest(given, password.encode()):
            return
        if given is not None:
            async with self._wrong:
                await asyncio.sleep(WRONG_PASSWORD)
        raise Refused(
            401,
            "the password is missing or wrong; send `Authorization: Bearer PASSWORD`",
            www_authenticate='Basic realm="lipsync", charset="UTF-8"',
        )

    async def _avatars(self, request: Request) -> Response:
        return JSONResponse({"avatars": await asyncio.to_thread(self._list)})

    def _list(self) -> list[dict[str, Any]]:
        """Name, size, frames a second and seconds of film of each avatar that can be read."""
        found = []
        for name, folder in self.library.avatars().items():
            if info := read_info(folder):
                found.append(
                    {
                        "name": name,
                        "width": info.width,
                        "height": info.height,
                        "fps": info.fps,
                        "seconds": round(info.frames / info.fps, 3),
                    }
                )
        return found

    async def _speak(self, request: Request) -> Response:
        wait = request.query_params.get("wait", "0").lower()
        if wait not in ("0", "1", "false", "true"):
            raise Refused(400, f"wait: {wait!r}: should be 0 or 1")
        job = await self._submit(request)
        if wait in ("1", "true"):
            return await self._waited(request, job)
        said = self._said(job)
        return JSONResponse(said, 202, {"location": said["url"]})

    async def _submit(self, request: Request) -> Job:
        """The job of a request's form; nothing of the form stays but what the job keeps."""
        folder = self.workspace.jobs / f"form-{secrets.token_hex(16)}"
        folder.mkdir()
        try:
            form = await read_form(request, folder)
            avatar, options = self._checked(form)
            assert form.audio is not None
            limits = self.settings.max_upload, self.settings.max_seconds
            async with self._decoding:
                try:
                    upload = await asyncio.to_thread(
                        check_upload, form.audio, folder, *limits, form.name
                    )
                except LipsyncError as error:
                    raise Refused(422, str(error)) from None
            owner = f"api {secrets.token_hex(16)}"  # so that one program may have several jobs
            job = await asyncio.to_thread(self.queue.submit, owner, avatar, upload, options)
        except BadForm as error:
            raise Refused(413 if isinstance(error, TooLarge) else 400, str(error)) from None
        except QueueFull as error:
            raise Refused(503, str(error), retry_after="10") from None
        except OSError as error:
            raise Refused(507, f"the audio file cannot be kept here: {error.strerror}") from None
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        self._remember(job)
        return job

    def _checked(self, form: Form) -> tuple[Any, RenderOptions]:
        """Folder of the avatar, and options; Refused with 400 if a field is wrong."""
        fields = dict(form.fields)
        try:
            avatar = self.library.avatar(fields.pop("avatar", None))
            for name in fields:
                if name not in OPTIONS:
                    legal = ", ".join(["avatar", "audio", *sorted(OPTIONS)])
                    raise LipsyncError(f"{name}: no such field; there are {legal}")
            options = make_options(**fields)
        except LipsyncError as error:
            raise Refused(400, str(error)) from None
        if form.audio is None:
            raise Refused(400, "audio: missing; send a file, like `curl -F audio=@speech.wav`")
        return avatar, options

    def _remember(self, job: Job) -> None:
        self._jobs[job.folder.name] = job
        over = [name for name, other in self._jobs.items() if other.over]
        for name in over[: max(0, len(self._jobs) - MOST_KEPT)]:
            del self._jobs[name]

    async def _waited(self, request: Request, job: Job) -> Response:
        """The video when it is finished. A program that hangs up cancels it."""
        while not job.over:
            if self.ended.is_set():
                self.queue.cancel(job.owner)
                raise Refused(503, "the server is being ended; ask again when it is back")
            if await request.is_disconnected():
                self.queue.cancel(job.owner)
                raise ClientDisconnect
            await asyncio.sleep(LOOK_INTERVAL)
        return self._film(job)

    def _job(self, request: Request) -> Job:
        name = request.scope["path"].removeprefix(API).split("/")[1]
        job = self._jobs.get(name)
        if job is None:
            raise Refused(404, "no such job; it was deleted, or the page was started again")
        return job

    async def _state(self, request: Request) -> Response:
        return JSONResponse(self._said(self._job(request)))

    async def _video(self, request: Request) -> Response:
        return self._film(self._job(request))

    async def _delete(self, request: Request) -> Response:
        job = self._job(request)
        self.queue.cancel(job.owner)
        if job.over:
            del self._jobs[job.folder.name]
            if job.video is not None:
                job.video.unlink(missing_ok=True)
        return JSONResponse(self._said(job))

    def _film(self, job: Job) -> Response:
        """The video of a job; Refused if it has none."""
        state = state_of(job)
        if state == "failed":
            raise Refused(422, job.error)
        if state != "done":
            raise Refused(409, f"no video: the job is {state}")
        if job.video is None or not job.video.is_file():
            raise Refused(410, "the video was kept for an hour and is gone; make it again")
        return FileResponse(
            job.video,
            media_type="video/mp4",
            filename=job.video.name,
            headers={"content-location": f"{API}jobs/{job.folder.name}/video"},
        )

    def _said(self, job: Job) -> dict[str, Any]:
        """A job as JSON."""
        ahead, state = self.queue.ahead(job), state_of(job)
        place = f"{API}jobs/{job.folder.name}"
        there = state == "done" and job.video is not None and job.video.is_file()
        return {
            "id": job.folder.name,
            "url": place,
            "state": state,
            "progress": progress_of(job),
            "message": message_of(job, ahead),
            "ahead": ahead,
            "frames_done": job.done,
            "frames": job.total,
            "seconds_left": None if job.over or job.left is None else round(job.left, 1),
            "error": job.error or None,
            "warnings": job.warnings,
            "video": f"{place}/video" if there else None,
        }


def sent_password(header: str) -> bytes | None:
    """Of `Authorization`: Bearer PASSWORD, or Basic with any name; None if it has neither.

    header: as Starlette decodes it, Latin-1
    """
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip(" ").encode("latin-1")
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(value.strip(), validate=True)
        except (binascii.Error, ValueError):
            return None
        return pair.partition(b":")[2]
    return None


def state_of(job: Job) -> str:
    """waiting, running, done, failed or cancelled; the last at once, before the renderer stops."""
    return job.state if job.over or job.wanted else "cancelled"


def progress_of(job: Job) -> float:
    """0...1"""
    if job.state == "done":
        return 1.0
    return round(job.done / job.total, 3) if job.total else 0.0


def message_of(job: Job, ahead: int) -> str:
    """What a job does, in a few words for people."""
    state = state_of(job)
    if state == "failed":
        return job.error
    if state == "waiting" and ahead == 0:
        return "waiting: is next"
    if state == "waiting":
        return f"waiting: {'one video is' if ahead == 1 else f'{ahead} videos are'} before this one"
    if state == "running":
        if not job.total:
            return "loading the avatar and the audio"
        return f"{job.done} of {job.total} frames"
    return state
