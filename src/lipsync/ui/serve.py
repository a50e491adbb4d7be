"""`lipsync app`: the page, served until Ctrl+C. Imports Gradio inside."""

import hmac
import os
import signal
import socket
import sys
import threading
import time
from contextlib import ExitStack
from types import FrameType

from lipsync.errors import LipsyncError
from lipsync.pipeline import writers
from lipsync.ui.guard import Guard
from lipsync.ui.jobs import RenderQueue
from lipsync.ui.library import Library
from lipsync.ui.live.place import Live
from lipsync.ui.models import LoadedAvatars
from lipsync.ui.new_person import NewPerson
from lipsync.ui.runs import Runs
from lipsync.ui.settings import Settings
from lipsync.ui.status import StatusCache
from lipsync.ui.upload_quota import UploadQuota
from lipsync.ui.workspace import Workspace

OWN_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
WRONG_PASSWORD = 1.0  # seconds that a wrong one costs


def serve(settings: Settings) -> None:
    """Serve the page until SIGINT or SIGTERM; then nothing of it is left but runs of DVC.

    Raises LipsyncError if Gradio is not installed, or the address cannot be had.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # while the page is being built
    with ExitStack() as stack:
        workspace = stack.enter_context(Workspace())
        _settle_gradio(workspace)
        try:
            from lipsync.ui import page
        except ModuleNotFoundError as error:
            raise LipsyncError(
                f"the page needs {error.name}, which is not installed; "
                'run `uv pip install "gradio>=6"` and start it again'
            ) from None
        _claim(settings)
        queue = stack.enter_context(RenderQueue(workspace.jobs, workspace.results, LoadedAvatars()))
        status = StatusCache(settings.project, lambda: _working(runs, settings))
        stack.callback(status.close)
        runs = Runs(settings.project, status.paused)
        runs.restore()
        person = NewPerson(settings.project, runs, workspace.uploads, settings.max_upload)
        stack.callback(person.close)
        parts = page.Parts(settings, workspace, Library(settings), queue, runs, status, person)
        blocks = page.build(parts)
        ended = threading.Event()

        def end(number: int, frame: FrameType | None) -> None:
            ended.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, end)
        from starlette.middleware import Middleware

        from lipsync.ui.api import Api
        from lipsync.ui.live.routes import LiveRoutes

        launched = threading.Event()
        room = UploadQuota(workspace, settings.max_upload)
        guard = Middleware(Guard, hosts=allowed_hosts(settings), room=room, launched=launched)
        api = Middleware(
            Api,
            settings=settings,
            workspace=workspace,
            library=parts.library,
            queue=queue,
            ended=ended,
        )
        live = stack.enter_context(Live(parts.library))
        talk = Middleware(LiveRoutes, live=live, password=settings.password is not None)
        blocks.queue(api_open=False, default_concurrency_limit=8, max_size=200)
        blocks.launch(
            server_name=settings.host,
            server_port=settings.port,
            auth=_auth(settings.password),
            auth_message="Any name, and the password that the page was started with.",
            allowed_paths=[str(workspace.results), str(workspace.pictures)],
            max_file_size=settings.max_upload,
            app_kwargs={"middleware": [guard, api, talk]},
            footer_links=[],
            theme=page.theme(),
            css=page.css(),
            share=False,
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            enable_monitoring=False,
            run_history=False,
            inbrowser=False,
            show_error=False,
            prevent_thread_lock=True,
            quiet=True,
        )
        launched.set()
        stack.callback(blocks.close, verbose=False)
        print(f"{address(settings)}  (Ctrl+C ends the page)", file=sys.stderr, flush=True)
        ended.wait()
        if runs.current is not None and runs.current.alive:
            print(
                f"{runs.current.person} is being trained still (process {runs.current.process.pid})"
                f"; its log is {runs.current.log}",
                file=sys.stderr,
            )


def _settle_gradio(workspace: Workspace) -> None:
    """Before Gradio is imported, which reads these."""
    os.environ["GRADIO_TEMP_DIR"] = str(workspace.uploads)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    for name in ("GRADIO_ALLOWED_PATHS", "GRADIO_SHARE", "GRADIO_ROOT_PATH", "GRADIO_NUM_PORTS"):
        os.environ.pop(name, None)
    for name in ("no_proxy", "NO_PROXY"):  # Gradio calls itself once to see whether it is there
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), *sorted(OWN_NAMES)]))


def _claim(settings: Settings) -> None:
    """LipsyncError if the port or the host cannot be had; Gradio would say less."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise LipsyncError(
            f"{settings.host}:{settings.port}: {why}; choose another --port or --host"
        ) from None


def _auth(password: str | None):  # type: ignore[no-untyped-def]
    if password is None:
        return None

    def right(name: str, given: str) -> bool:
        if hmac.compare_digest(given.encode(), password.encode()):
            return True
        time.sleep(WRONG_PASSWORD)
        return False

    return right


def allowed_hosts(settings: Settings) -> frozenset[str] | None:
    """Names that browsers may call the server by; any where a password protects it."""
    if settings.password is not None:
        return None
    return OWN_NAMES | {settings.host}


def address(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


def _working(runs: Runs, settings: Settings) -> bool:
    """Whether some DVC runs a stage in the project."""
    own = runs.current is not None and runs.current.alive
    return own or bool(writers(settings.project))
