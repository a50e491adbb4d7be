"""The page itself, clicked through in a real browser."""

import json
import shutil
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from lipsync.media.video import probe
from tests.ui.browser import FLAGS, WAIT, find_chromium, running_app, status
from tests.ui.conftest import write_tone

PASSWORD = "correct horse battery"
SECONDS = 2.21  # 55.25 pictures: 55


@pytest.fixture
def project(tmp_path, tiny_folder) -> Path:
    """A project with a trained person, as far as the page looks at it."""
    folder = tmp_path / "project"
    shutil.copytree(tiny_folder, folder / "models/alice/avatar")
    (folder / "params.yaml").write_text("epochs: 1\nseed: 1\npeople: {alice: {video: a.mp4}}\n")
    (folder / "dvc.yaml").write_text(
        "stages:\n  train_generator:\n    foreach: ${people}\n    do:\n      cmd: x\n"
        "      deps: ['${item.video}']\n      outs: ['models/${key}/generator.safetensors']\n"
    )
    (folder / "metrics/alice").mkdir(parents=True)
    values = {"mouth": {"correlation": 0.914}}
    (folder / "metrics/alice/evaluation.json").write_text(json.dumps(values))
    return folder


@pytest.mark.slow
def test_a_click_through(browser, project, tmp_path):
    speech = write_tone(tmp_path / "a speech.wav", SECONDS)
    long = write_tone(tmp_path / "long.wav", 900)
    notes = tmp_path / "notes.txt"
    notes.write_text("no sound")
    asked, errors, closed = [], [], []
    with running_app(project, "--max-minutes", "20") as address:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("response", lambda answer: answer.status >= 400 and closed.append(answer.url))
        page.goto(address)
        page.wait_for_selector("#avatar-card .ls-avatar img")
        assert "consent" in page.inner_text(".ls-head")

        # Rendering without a sound is a line, and a wrong file is another.
        page.click("#go")
        page.wait_for_selector("#result .ls-error")
        assert "no audio yet" in page.inner_text("#result")
        page.set_input_files("#upload input[type=file]", notes)
        page.wait_for_selector("#sound .ls-error")
        assert "notes.txt: not an audio or video file" in page.inner_text("#sound")
        page.click("#go")
        page.wait_for_selector("#result .ls-error")
        assert "notes.txt: not an audio or video file" in page.inner_text("#result")
        page.click("#upload button[aria-label*='emove'], #upload button[aria-label='Clear']")

        # A video is made, plays, and is downloaded whole.
        page.set_input_files("#upload input[type=file]", speech)
        page.wait_for_selector("#upload >> text=a speech")
        page.click("#go")  # waits for the button, which waits for the audio
        page.wait_for_selector("#result video")
        assert "2.2 s of audio" in page.inner_text("#sound")
        page.evaluate("v = document.querySelector('#result video'); v.muted = true; v.play()")
        page.wait_for_function("document.querySelector('#result video').currentTime > 0.2")
        assert abs(page.evaluate("v.duration") - 55 / 25) < 0.05
        assert page.evaluate("[v.videoWidth, v.videoHeight]") == [128, 96]
        page.screenshot(path=tmp_path / "page.png", full_page=True)
        with page.expect_download() as download:
            page.click("#result a.ls-button")
        assert download.value.suggested_filename == "alice.mp4"
        download.value.save_as(tmp_path / "video.mp4")
        assert probe(tmp_path / "video.mp4").frames == round(SECONDS * 25) == 55

        # Another one is cancelled, and nothing is left of it.
        page.click("#upload button[aria-label*='emove'], #upload button[aria-label='Clear']")
        page.set_input_files("#upload input[type=file]", long)
        page.wait_for_selector("text=900.0 s of audio")
        page.click("#go")
        page.wait_for_selector("text=of 22500 frames")
        (work,) = (project / "tmp").glob("lipsync-page-*")
        assert list((work / "jobs").iterdir())
        page.click("#cancel")
        page.wait_for_selector("text=Cancelled; nothing is left of it.")
        page.wait_for_selector("#go:not([disabled])")
        assert not list((work / "jobs").iterdir())
        assert len(list((work / "results").iterdir())) == 1

        # A recording is sound like any other.
        page.get_by_role("tab", name="Record").click()
        page.click("#record button.record-button")
        page.wait_for_timeout(1500)
        page.click("#record button.stop-button")
        page.wait_for_selector("#sound :text('recording')")
        page.click("#go")
        page.wait_for_selector("#result video")
        assert len(list((work / "results").iterdir())) == 2

        page.get_by_role("tab", name="Gallery").click()
        page.wait_for_selector("#gallery .ls-tile.ls-good")
        assert "0.91" in page.inner_text("#gallery")
        page.get_by_role("tab", name="Pipeline").click()
        page.wait_for_selector("#pipeline .ls-stages li")
        assert "Training: refiner" in page.inner_text("#pipeline")
        page.click("#stop")
        page.wait_for_selector("#answer .ls-error")
        assert "no training runs" in page.inner_text("#answer")
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") == 390

        assert not [url for url in asked if not url.startswith((address, "blob:", "data:"))]
        assert (errors, closed) == ([], [])
        guarded(address, project)
        context.close()
    assert (tmp_path / "page.png").stat().st_size > 10_000


def guarded(address: str, project: Path) -> None:
    """What the running page refuses, whoever asks."""
    api = f"{address}/gradio_api"
    assert status(address) == 200
    assert status(address, Host="evil.example") == 403
    assert status(address, Origin="http://evil.example") == 403
    assert status(address, Origin=address) == 200
    assert status(f"{api}/file={project}/params.yaml") == 403
    assert status(f"{api}/file=/etc/passwd") == 403
    (work,) = (project / "tmp").glob("lipsync-page-*")
    assert status(f"{api}/file={work}/results/../../../params.yaml") in (403, 404)
    for closed in ("file=http://127.0.0.1:1/x", "proxy=http://127.0.0.1:1/", "openapi.json"):
        assert status(f"{api}/{closed}") == 404, closed
    for closed in ("info", "token", "startup-events", "queue/status", "runs", "login_check"):
        assert status(f"{api}/{closed}") == 404, closed
    for closed in ("openapi.json", "docs", "monitoring", "svelte/x.js", "gradio_api"):
        assert status(f"{address}/{closed}") == 404, closed
    for closed in ("call/speak", "run/speak", "process_recording", "component_server"):
        assert status(f"{api}/{closed}", "POST") == 404, closed
    for video in (work / "results").rglob("*.mp4"):
        assert status(f"{api}/file={video}") == 200


def test_an_upload_without_room_is_told_in_a_line(browser, project, tmp_path):
    """No disk has four times so much."""
    speech = write_tone(tmp_path / "speech.wav", 1)
    with running_app(project, "--max-upload-mb", "1e12") as address:
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.goto(address)
        page.wait_for_selector("#avatar-card .ls-avatar img")
        page.set_input_files("#upload input[type=file]", speech)
        page.wait_for_selector("text=start the page with a smaller --max-upload-mb")
        assert page.query_selector("#sound audio") is None
        (work,) = (project / "tmp").glob("lipsync-page-*")
        assert not [path for path in (work / "uploads").rglob("*") if path.is_file()]
        context.close()


def test_generate_waits_for_the_audio_and_new_audio_clears_an_old_error(browser, project, tmp_path):
    long = write_tone(tmp_path / "long.wav", 1200, 48_000)
    with running_app(project) as address:
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.goto(address)
        page.wait_for_selector("#avatar-card .ls-avatar img")
        page.click("#go")
        page.wait_for_selector("#result .ls-error")
        page.evaluate(
            """
            said = [];
            new MutationObserver(() => said.push([
                document.querySelector("#sound").innerText.startsWith("Checking the audio …"),
                document.querySelector("#go").disabled,
                document.querySelectorAll("#result .ls-error").length,
            ])).observe(document.body, {childList: true, subtree: true, attributes: true});
            """
        )
        page.set_input_files("#upload input[type=file]", long)
        page.wait_for_selector("#sound audio")
        page.wait_for_selector("#go:not([disabled])")
        assert [True, True, 0] in page.evaluate("said")
        assert "appears here" in page.inner_text("#result")
        context.close()


@pytest.mark.parametrize("width", [390, 360])
def test_every_tab_has_its_place_on_a_phone(browser, project, width):
    """In one row, none behind a button "..."."""
    with running_app(project) as address:
        page = browser.new_page(viewport={"width": width, "height": 844})
        page.set_default_timeout(WAIT)
        page.goto(address)
        page.wait_for_selector("#avatar-card .ls-avatar img")
        names = ("Speak", "Live", "New person", "Gallery", "Pipeline")
        boxes = [page.get_by_role("tab", name=one, exact=True).bounding_box() for one in names]
        assert len({box["y"] for box in boxes}) == 1
        assert boxes == sorted(boxes, key=lambda box: box["x"])
        assert boxes[-1]["x"] + boxes[-1]["width"] <= width
        assert page.get_by_role("tab").filter(visible=True).count() == 5 + 2  # two of Speak's
        page.close()


def test_a_browser_is_let_in_by_the_password(browser, project, tmp_path):
    closed = []
    variables = {"LIPSYNC_PASSWORD": PASSWORD}
    with running_app(project, **variables) as address:
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.on("response", lambda answer: answer.status == 404 and closed.append(answer.url))
        page.goto(address)
        page.fill("input[type=password]", PASSWORD)
        page.get_by_label("username").fill("me")
        page.get_by_role("button", name="Login").click()
        page.wait_for_selector("#avatar-card .ls-avatar img")
        assert closed == []
        context.close()


def test_a_password_guards_every_door(project, tmp_path):
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    with running_app(project, "--host", "0.0.0.0", "--password-file", str(file)) as address:
        (work,) = (project / "tmp").glob("lipsync-page-*")
        (work / "results" / "video.mp4").write_bytes(b"x")
        video = f"gradio_api/file={work}/results/video.mp4"
        progress = "gradio_api/upload_progress?upload_id=x"
        for door in ("config", progress, "gradio_api/queue/data?session_hash=x", video):
            assert status(f"{address}/{door}") == 401, door
        for door in ("gradio_api/upload", "gradio_api/queue/join"):
            assert status(f"{address}/{door}", "POST") == 401, door
        assert status(address) == 200  # the form that asks for it
        assert log_in(address, "wrong password") == (400, "")
        code, cookie = log_in(address, PASSWORD)
        assert code == 200
        assert status(f"{address}/{video}", Cookie=cookie) == 200
        assert status(f"{address}/config", Cookie=cookie) == 200
        assert status(f"{address}/config", Cookie=cookie, Origin="http://evil.example") == 403
        assert status(f"{address}/{video}") == 401
    assert PASSWORD not in (project / "app.log").read_text()


def log_in(address: str, password: str) -> tuple[int, str]:
    """The status of the login form's answer, and the cookies that it sets."""
    form = urllib.parse.urlencode({"username": "me", "password": password}).encode()
    try:
        with urllib.request.urlopen(f"{address}/login", form, timeout=60) as response:
            given = response.headers.get_all("Set-Cookie") or []
            return response.status, "; ".join(cookie.split(";")[0] for cookie in given)
    except urllib.error.HTTPError as error:
        return error.code, ""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ["--use-fake-device-for-media-stream", "--deny-permission-prompts"],
            "The microphone was refused. Allow it for this page",
        ),
        (["--use-fake-ui-for-media-stream"], "No microphone was found. Connect one"),
    ],
)
def test_a_microphone_that_cannot_be_had_is_a_line(browser, project, tmp_path, options, words):
    speech = write_tone(tmp_path / "speech.wav", 1)
    with running_app(project) as address:
        chromium = browser.browser_type.launch(
            executable_path=find_chromium(), args=[*FLAGS, *options]
        )
        page = chromium.new_page()
        page.set_default_timeout(WAIT)
        page.goto(address)
        page.wait_for_selector("#avatar-card .ls-avatar img")
        assert not page.is_visible("#microphone .ls-error")
        page.get_by_role("tab", name="Record").click()
        page.click("#record button.record-button")
        page.wait_for_selector("#microphone .ls-error")
        assert words in page.inner_text("#microphone")
        page.get_by_role("tab", name="Audio file").click()
        page.set_input_files("#upload input[type=file]", speech)
        page.wait_for_selector("#sound audio")
        chromium.close()
