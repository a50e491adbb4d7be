"""Which doors are open: those that the page uses, of all that Gradio has."""

import asyncio
import threading

import gradio as gr
import pytest
from gradio.routes import App

from lipsync.ui.guard import FORM, HEADERS, MOST_WORDS, Guard, is_open
from lipsync.ui.upload_quota import UploadQuota
from lipsync.ui.workspace import Workspace

MB = 1_000_000
OPEN = {
    ("GET", "/"),
    ("HEAD", "/"),
    ("GET", "/assets/{path:path}"),
    ("GET", "/config"),
    ("GET", "/favicon.ico"),
    ("GET", "/logout"),
    ("GET", "/static/{path:path}"),
    ("GET", "/theme.css"),
    ("POST", "/login"),
    ("GET", "/gradio_api/app_id"),
    ("GET", "/gradio_api/heartbeat/{session_hash}"),
    ("GET", "/gradio_api/queue/data"),
    ("GET", "/gradio_api/upload_progress"),
    ("POST", "/gradio_api/cancel"),
    ("POST", "/gradio_api/queue/join"),
    ("POST", "/gradio_api/reset"),
    ("POST", "/gradio_api/upload"),
}
FILE = "/gradio_api/file={path_or_url:path}"


def gradios_doors() -> set[tuple[str, str]]:
    """(method, path) of every route of an app that Gradio makes."""
    with gr.Blocks(analytics_enabled=False) as page:
        gr.HTML("x")
    found, waiting = set(), list(App.create_app(page).routes)
    while waiting:
        route = waiting.pop()
        router = getattr(route, "original_router", None)
        waiting += getattr(router, "routes", [])
        found |= {(method, route.path) for method in getattr(route, "methods", None) or ()}
    return found


def test_of_all_of_gradios_doors_those_of_the_page_are_open():
    doors = gradios_doors()
    assert {("POST", "/gradio_api/process_recording"), ("GET", "/openapi.json")} <= doors
    assert doors >= OPEN, "one that the page uses is called otherwise now"
    assert {(method, path) for method, path in doors if is_open(method, path)} == OPEN
    assert ("GET", FILE) in doors


@pytest.mark.parametrize(
    "path",
    [
        "/openapi.json", "/docs", "/robots.txt", "/svelte/x.js", "/monitoring", "/manifest.json",
        "/gradio_api/token", "/gradio_api/startup-events", "/gradio_api/info", "/gradio_api/user",
        "/gradio_api/process_recording", "/gradio_api/run/x", "/gradio_api/call/x", "/assets",
        "/gradio_api/queue/status", "/gradio_api/file=http://127.0.0.1/x", "/gradio_api/file=",
        "/gradio_api/file=HTTPS://x/", "/gradio_api/file=params.yaml", "/gradio_api/file/etc/x",
        "//", "/Config", "/config/", "/login/", "",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_everything_else_is_closed(method, path):
    assert not is_open(method, path)


def test_files_are_asked_for_by_their_absolute_path():
    assert is_open("GET", "/gradio_api/file=/tmp/lipsync-page-1/results/a b.mp4")
    assert not is_open("POST", "/gradio_api/file=/tmp/lipsync-page-1/results/a.mp4")


def test_the_api_answers_for_itself_what_it_has():
    for method in ("GET", "HEAD", "POST", "DELETE"):
        assert is_open(method, "/api/avatars")
    for method, path in (("PUT", "/api/avatars"), ("OPTIONS", "/api/speak"), ("GET", "/api")):
        assert not is_open(method, path)


@pytest.fixture
def workspace():
    with Workspace() as made:
        yield made


class Page:
    """A page behind a guard; it reads what is sent unless it does not know the sender."""

    def __init__(self, workspace, launched=True, knows=True):
        self.read, self.knows = 0, knows
        event = threading.Event()
        if launched:
            event.set()
        self.room = UploadQuota(workspace, MB)
        self.guard = Guard(self.app, frozenset({"here"}), self.room, event)

    async def app(self, scope, receive, send):
        more = scope["method"] == "POST" and self.knows
        while more:
            message = await receive()
            self.read += len(message["body"])
            more = message["more_body"]
        status = 200 if self.knows else 401
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"page"})

    def ask(self, method, path, body=b"", **headers):
        """Status and body of the answer, and how much of the request was never read."""
        given = {"host": "here", **headers}
        if method == "POST":
            given.setdefault("content-length", str(len(body)))
        chunks = [body[at : at + 100_000] for at in range(0, len(body), 100_000)] or [b""]
        sent = []

        async def receive():
            chunk = chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

        async def send(message):
            sent.append(message)

        raw = [(name.encode(), value.encode()) for name, value in given.items() if value]
        scope = {"type": "http", "method": method, "path": path, "headers": raw}
        asyncio.run(self.guard(scope, receive, send))
        start, *rest = sent
        assert start["status"] != 200 or set(HEADERS) <= set(start["headers"])
        return start["status"], b"".join(part["body"] for part in rest).decode(), len(chunks)


def test_the_startup_is_gradios_alone(workspace):
    assert Page(workspace, launched=False).ask("GET", "/gradio_api/startup-events")[0] == 200
    assert Page(workspace).ask("GET", "/gradio_api/startup-events")[0] == 404
    assert Page(workspace, launched=False).ask("GET", "/gradio_api/token")[0] == 404


def test_a_request_says_how_long_it_is_and_is_not_too_long(workspace):
    page = Page(workspace)
    upload, join = "/gradio_api/upload", "/gradio_api/queue/join"
    assert page.ask("POST", upload, b"x" * MB)[0] == 200
    assert page.ask("POST", join, b"x" * MOST_WORDS)[0] == 200
    assert page.read == MB + MOST_WORDS
    assert page.ask("POST", upload, b"x" * (MB + FORM + 1))[:2] == (
        413,
        "at most 1.1 MB can be sent here",
    )
    assert page.ask("POST", join, b"x" * (MOST_WORDS + 1))[0] == 413
    for length in ("", "-1", "1e3", "²"):
        assert page.ask("POST", upload, b"x", **{"content-length": length})[0] == 411
    assert page.read == MB + MOST_WORDS, "nothing of those was read"


def test_an_upload_without_room_is_read_to_its_end_and_refused_with_a_line(workspace):
    page = Page(workspace)
    (workspace.jobs / "waiting").write_bytes(b"x" * (4 * MB - 100_000))
    code, said, unread = page.ask("POST", "/gradio_api/upload", b"x" * 500_000)
    assert (code, unread, page.read) == (507, 0, 0)
    assert said.startswith("no room for 0.5 MB")
    assert page.ask("POST", "/gradio_api/upload", b"x" * 50_000)[0] == 200


def test_who_has_no_password_makes_nothing_go(workspace):
    old = workspace.results / "old.mp4"
    old.write_bytes(b"x" * 3 * MB)
    (workspace.jobs / "sound").write_bytes(b"x" * 500_000)
    stranger = Page(workspace, knows=False)
    assert stranger.ask("POST", "/gradio_api/upload", b"x" * MB)[0] == 401
    assert old.exists()
    assert Page(workspace).ask("POST", "/gradio_api/upload", b"x" * MB)[0] == 200
    assert not old.exists()
