"""The HTTP API: by Starlette's test client over guard, API and queue; then the docs' examples."""

import base64
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from lipsync.media.video import probe
from lipsync.ui import api, jobs
from lipsync.ui.api import Api
from lipsync.ui.guard import Guard
from lipsync.ui.jobs import RenderQueue
from lipsync.ui.library import Library
from lipsync.ui.models import LoadedAvatars
from lipsync.ui.serve import allowed_hosts
from lipsync.ui.settings import Settings
from lipsync.ui.upload_quota import UploadQuota
from lipsync.ui.workspace import Workspace
from tests.media.files import voice, write_file
from tests.project import environment
from tests.ui.browser import running_app
from tests.ui.conftest import wait_until, write_tone

FAST = {"avatar": "tiny", "preset": "ultrafast"}
PASSWORD = "päss wörd"


@contextmanager
def serving(tmp_path, tiny_folder, **settings):
    """A client of a server with one avatar, `tiny`; see its ``workspace`` and ``ended``."""
    ended = threading.Event()
    chosen = Settings(project=tmp_path, further=(tiny_folder,), host="testserver", **settings)
    with (
        Workspace() as workspace,
        RenderQueue(workspace.jobs, workspace.results, LoadedAvatars()) as queue,
    ):
        layers = [
            Middleware(
                Guard,
                hosts=allowed_hosts(chosen),
                room=UploadQuota(workspace, chosen.max_upload),
                launched=threading.Event(),
            ),
            Middleware(
                Api,
                settings=chosen,
                workspace=workspace,
                library=Library(chosen),
                queue=queue,
                ended=ended,
            ),
        ]
        page = Route("/", lambda request: PlainTextResponse("page"))
        with TestClient(Starlette(routes=[page], middleware=layers)) as client:
            client.workspace, client.ended = workspace, ended
            yield client


@pytest.fixture
def client(tmp_path, tiny_folder):
    with serving(tmp_path, tiny_folder) as made:
        yield made


@pytest.fixture(scope="module")
def speech(tmp_path_factory) -> bytes:
    return write_tone(tmp_path_factory.mktemp("speech") / "s.wav", 1.02).read_bytes()


@pytest.fixture(scope="module")
def long(tmp_path_factory) -> bytes:
    return write_tone(tmp_path_factory.mktemp("speech") / "s.wav", 600, 8000).read_bytes()


def post(client, audio, path="/api/speak", headers=None, **fields):
    files = {"audio": ("my speech.wav", audio)}
    return client.post(path, data=FAST | fields, files=files, headers=headers)


def error(response) -> str:
    """The one line of an error."""
    assert response.headers["content-type"] == "application/json"
    assert list(response.json()) == ["error"]
    assert "\n" not in response.json()["error"]
    return response.json()["error"]


def test_avatars_are_listed_and_the_page_is_still_there(client):
    assert client.get("/").text == "page"
    (only,) = client.get("/api/avatars").json()["avatars"]
    assert only == {"name": "tiny", "width": 128, "height": 96, "fps": 25, "seconds": 0.48}


def test_what_is_wrong_with_the_audio_stands_in_the_job(client, tmp_path):
    path = write_file(tmp_path / "two.mkv", count=25, sounds=[0 * voice(1), voice(1)])
    job = post(client, path.read_bytes()).json()
    line = "my speech.wav: 2 audio tracks; number 1 is used, it has the voice"
    assert job["warnings"] == [line]
    client.delete(job["url"])


def test_a_job_is_asked_for_until_its_video_is_there_and_deleted(client, speech, tmp_path):
    answer = post(client, speech)
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == job["url"] == f"/api/jobs/{job['id']}"
    assert (job["state"] in ("waiting", "running"), job["video"]) == (True, None)
    wait_until(lambda: client.get(job["url"]).json()["state"] == "done")
    job = client.get(job["url"]).json()
    assert (job["progress"], job["frames_done"], job["frames"], job["error"]) == (1, 26, 26, None)
    video = client.get(job["video"])
    assert video.headers["content-type"] == "video/mp4"
    (tmp_path / "v.mp4").write_bytes(video.content)
    assert probe(tmp_path / "v.mp4").frames == 26
    part = client.get(job["video"], headers={"range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    place = client.workspace
    assert len(list(place.results.rglob("*.mp4"))) == 1
    assert [*place.jobs.iterdir(), *place.uploads.iterdir()] == []
    assert client.delete(job["url"]).status_code == 200
    assert not list(place.results.rglob("*.mp4"))
    assert client.get(job["url"]).status_code == client.get(job["video"]).status_code == 404


def test_a_video_in_one_request(client, speech, tmp_path):
    answer = post(client, speech, "/api/speak?wait=1", mode="standard", loop_back="false")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
    (tmp_path / "v.mp4").write_bytes(answer.content)
    assert probe(tmp_path / "v.mp4").frames == 26
    assert client.get(answer.headers["content-location"]).content == answer.content


def test_who_waits_is_answered_when_the_server_ends(client, long):
    answers = []
    asking = threading.Thread(
        target=lambda: answers.append(post(client, long, "/api/speak?wait=1"))
    )
    asking.start()
    wait_until(lambda: list(client.workspace.jobs.glob("*/sound")))
    client.ended.set()
    asking.join(30)
    assert answers[0].status_code == 503
    assert error(answers[0]) == "the server is being ended; ask again when it is back"


def test_progress_place_in_the_queue_and_cancelling(client, speech, long):
    first, second = post(client, long).json(), post(client, speech).json()
    assert (second["state"], second["ahead"]) == ("waiting", 1)
    assert second["message"] == "waiting: one video is before this one"
    wait_until(lambda: client.get(first["url"]).json()["progress"] > 0)
    job = client.get(first["url"]).json()
    assert 0 < job["progress"] < 1
    assert job["message"] == f"{job['frames_done']} of 15000 frames"
    early = client.get(f"{first['url']}/video")
    assert (early.status_code, error(early)) == (409, "no video: the job is running")
    assert client.delete(first["url"]).json()["state"] == "cancelled"
    wait_until(lambda: client.get(second["url"]).json()["state"] == "done")
    assert error(client.get(f"{first['url']}/video")) == "no video: the job is cancelled"
    assert client.delete(first["url"]).json()["state"] == "cancelled"
    assert client.get(first["url"]).status_code == 404


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"avatar": "nobody"}, "avatar: choose one of those that there are: tiny"),
        ({"avatar": "../tiny"}, "avatar: choose one of those that there are: tiny"),
        ({"crf": "99"}, "crf: '99': Input should be less than or equal to 51"),
        ({"mode": "x"}, "mode: 'x': Input should be 'standard' or 'core_clips'"),
        ({"template": "/etc/passwd"}, "template: no such field; there are avatar, audio, crf"),
        ({"clips": "/etc"}, "clips: no such field; there are avatar, audio, crf"),
    ],
)
def test_a_wrong_field_is_named(client, speech, fields, said):
    answer = post(client, speech, **fields)
    assert answer.status_code == 400
    assert error(answer).startswith(said)
    assert not list(client.workspace.jobs.iterdir())


def test_a_wrong_form_is_told(client, speech):
    def asked(**what):
        answer = client.post("/api/speak", **what)
        assert answer.status_code == 400
        return error(answer)

    assert asked(data=FAST) == "the request should be a form, multipart/form-data; curl's option " \
        "-F makes one"  # fmt: skip
    assert asked(content=speech).startswith("the request should be a form")
    assert asked(files={"avatar": (None, "tiny")}).startswith("audio: missing; send a file")
    assert asked(files={"sound": ("a", speech)}).startswith("sound: a file; the only one")
    twice = [("audio", ("a", speech)), ("audio", ("b", speech))]
    assert asked(data=FAST | {"audio": "x"}, files={"b": ("b", b"")}).startswith(
        "audio: should be a file; with curl, -F audio=@speech.wav"
    )
    assert asked(data=FAST, files=twice) == "audio: is there twice"
    assert asked(data=FAST, files={"audio": ("a.wav", b"")}) == "audio: a.wav: is empty"
    kind = {"content-type": "multipart/form-data; boundary=x"}
    cut = b'--x\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\n\r\nabc'
    assert asked(content=cut, headers=kind) == "the form is cut off; send all of it"
    assert asked(content=b"nonsense", headers=kind).startswith("not a form")
    assert post(client, speech, "/api/speak?wait=perhaps").status_code == 400
    assert not list(client.workspace.jobs.iterdir())


def test_text_of_a_form_is_limited(client, speech):
    answer = post(client, speech, mark="x" * 1_000_000)
    assert (answer.status_code, error(answer)) == (
        413,
        "the form has more than 100 kB beside its file",
    )


def test_audio_is_checked_as_an_upload_of_the_page(tmp_path, tiny_folder, speech):
    with serving(tmp_path, tiny_folder, max_upload=500_000, max_seconds=0.5) as client:
        answer = post(client, b"nonsense" * 100)
        assert answer.status_code == 422
        assert error(answer).startswith("my speech.wav: not an audio or video file that is known")
        answer = post(client, speech)
        assert answer.status_code == 422
        assert error(answer).startswith("my speech.wav: longer than 0.00833333 minutes")
        answer = post(client, b"x" * 700_000)
        assert (answer.status_code, error(answer)) == (413, "at most 0.6 MB can be sent here")
        (client.workspace.jobs / "waiting").write_bytes(b"x" * 1_990_000)
        answer = post(client, speech)
        assert answer.status_code == 507
        assert error(answer).startswith("no room for 0.0 MB: other uploads")


def test_a_rendering_that_fails_says_why(client, speech):
    answer = post(client, speech, "/api/speak?wait=1", start_frame="500")
    assert answer.status_code == 422
    assert "500" in error(answer)
    job = post(client, speech, start_frame="500").json()
    wait_until(lambda: client.get(job["url"]).json()["state"] == "failed")
    job = client.get(job["url"]).json()
    assert job["error"] == job["message"] == error(client.get(f"{job['url']}/video"))


def test_a_full_queue_a_video_that_is_gone_and_a_forgotten_job(client, speech, long, monkeypatch):
    monkeypatch.setattr(jobs, "MOST_WAITING", 1)
    first = post(client, long).json()
    answer = post(client, speech)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert error(answer) == "1 videos wait already; try again later"
    client.delete(first["url"])
    wait_until(lambda: not list(client.workspace.jobs.iterdir()))
    monkeypatch.setattr(api, "MOST_KEPT", 1)
    second = post(client, speech).json()
    assert client.get(first["url"]).status_code == 404, "the oldest is forgotten"
    wait_until(lambda: client.get(second["url"]).json()["state"] == "done")
    for video in client.workspace.results.rglob("*.mp4"):
        video.unlink()
    assert client.get(second["url"]).json()["video"] is None
    answer = client.get(f"{second['url']}/video")
    assert (answer.status_code, error(answer)[:35]) == (410, "the video was kept for an hour and ")


def test_addresses_methods_and_other_sites(client, speech):
    for path in ("/api/", "/api/x", "/api/jobs/", "/api/jobs/1", "/api/jobs/1/video/2"):
        assert error(client.get(path))
        assert client.get(path).status_code == 404
    answer = client.get("/api/speak")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert client.post("/api/avatars").status_code == 405
    assert client.put("/api/speak").status_code == 404
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"host": "evil.example"},
    ):
        answer = client.post("/api/speak", headers=headers)
        assert answer.status_code == 403
        assert error(answer)
    chunked = client.post("/api/speak", content=iter([b"x"]))
    assert (chunked.status_code, error(chunked)) == (411, "a request says how long it is")


def test_the_password_is_asked_for_at_every_address(tmp_path, tiny_folder, speech, monkeypatch):
    monkeypatch.setattr(api, "WRONG_PASSWORD", 0.1)
    pair = base64.b64encode(f"any:{PASSWORD}".encode())
    wrong = base64.b64encode(b"any:wrong")
    with serving(tmp_path, tiny_folder, password=PASSWORD) as client:
        for method, path in (
            ("GET", "/api/avatars"), ("POST", "/api/speak"), ("GET", "/api/jobs/1"),
            ("GET", "/api/jobs/1/video"), ("DELETE", "/api/jobs/1"), ("GET", "/api/x"),
        ):  # fmt: skip
            for given in (b"", b"Bearer", b"Bearer wrong", b"Basic " + wrong, b"Basic ?", b"x y"):
                answer = client.request(method, path, headers={b"authorization": given})
                assert answer.status_code == 401
                assert error(answer).startswith("the password is missing or wrong")
        for given in (f"Bearer {PASSWORD}".encode(), b"Basic " + pair, b"basic " + pair):
            headers = [(b"authorization", given)]
            assert client.get("/api/avatars", headers=headers).status_code == 200
        answer = post(client, speech, "/api/speak?wait=1", headers=headers)
        assert answer.status_code == 200


def test_a_program_that_hangs_up_cancels_the_video_it_waits_for(folder_of_alice, long):
    (folder_of_alice / "long.wav").write_bytes(long)
    with running_app(folder_of_alice) as address:
        process = subprocess.Popen(
            [
                sys.executable, "-c",
                "import requests; requests.post("
                f"'{address}/api/speak?wait=1', data={{'avatar': 'alice'}}, "
                "files={'audio': open('long.wav', 'rb')})",
            ],
            cwd=folder_of_alice,
        )  # fmt: skip
        (work,) = (folder_of_alice / "tmp").glob("lipsync-page-*/jobs")
        wait_until(lambda: list(work.glob("*/video.mp4*")) or list(work.glob("*/.*video*")))
        process.kill()
        process.wait()
        wait_until(lambda: not list(work.iterdir()))
        assert not list(work.parent.rglob("*.mp4"))
        port = int(address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)):
            pass  # it is still there


@pytest.fixture
def folder_of_alice(tmp_path, tiny_folder, speech):
    """What the docs' examples speak of."""
    shutil.copytree(tiny_folder, tmp_path / "models/alice/avatar")
    (tmp_path / "speech.wav").write_bytes(speech)
    return tmp_path


def examples(root, language: str) -> list[str]:
    """Code of docs/web-page.md."""
    text = (root / "docs/web-page.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_examples_of_the_docs_work_as_they_stand(root, folder_of_alice):
    """But for the port, which others may use."""
    if shutil.which("curl") is None or os.name == "nt":
        pytest.skip("no curl")
    shell, python = examples(root, "bash"), examples(root, "python")
    assert (len(shell), len(python)) == (2, 1)
    protected = python[0].replace("# session.headers", "session.headers")
    with running_app(folder_of_alice, LIPSYNC_PASSWORD="correct horse") as address:
        typed = protected.replace("PASSWORD", "correct horse")
        run(folder_of_alice, address, sys.executable, "-c", typed)
        refused = subprocess.run(
            ["curl", "-s", "-u", "any:wrong", f"{address}/api/avatars"], capture_output=True
        )
        assert b"the password is missing or wrong" in refused.stdout
    with running_app(folder_of_alice) as address:
        for code in shell:
            said = run(folder_of_alice, address, "bash", "-e", "-c", code)
        assert '"name":"alice"' in said
        assert '"progress":1.0' in said
        run(folder_of_alice, address, sys.executable, "-c", python[0])


def run(folder, address, *command):
    """Run an example; it has to leave hello.mp4."""
    typed = [part.replace("http://127.0.0.1:7860", address) for part in command]
    began = time.monotonic()
    done = subprocess.run(
        typed, cwd=folder, env=environment(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, (done.stdout, done.stderr, time.monotonic() - began)
    assert probe(folder / "hello.mp4").frames == 26
    (folder / "hello.mp4").unlink()
    return done.stdout
