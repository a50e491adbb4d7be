"""The tab *New person* in a real browser: camera, report, training by DVC, and the Speak tab."""

from pathlib import Path

import pytest

from tests.project import commit, shorten
from tests.ui.browser import MICROPHONE, running_app, wait_for
from tests.ui.two_stages import two_stage_project


@pytest.fixture
def project(tmp_path, tiny_folder, face_models) -> Path:
    params = "epochs: 1\nseed: 1\npeople:\n  bob: {video: bob.mp4}\n"
    return two_stage_project(tmp_path / "project", tiny_folder, face_models, params)


def open_tab(page, address: str) -> None:
    page.goto(address)
    page.get_by_role("tab", name="New person").click()


@pytest.mark.slow
def test_from_a_dropped_video_to_the_speak_tab(chromium, project, root, tmp_path):
    clip = tmp_path / "Alice B.mp4"
    shorten(root / "data/videos/sample.mp4", clip)
    with running_app(project) as address:
        page, errors = chromium(*MICROPHONE), []
        page.on("pageerror", lambda error: errors.append(str(error)))
        open_tab(page, address)

        # A recording of the camera's made-up picture has no face: that is said, nothing is trained.
        page.click("[data-do=open]")
        page.wait_for_selector(".ls-prompter:visible")
        page.click("[data-do=record]")
        page.wait_for_timeout(1500)
        page.click("[data-do=stop]")
        wait_for(page, "#new-person .ls-verdict.ls-red", project)
        assert page.is_disabled("#new-train")
        assert "no face was found in it" in page.inner_text("#new-reason")
        above = page.locator("#new-person .ls-verdict").bounding_box()["y"]
        assert above < page.locator("#new-train").bounding_box()["y"]
        page.once("dialog", lambda dialog: dialog.accept())
        page.click("#new-another")
        page.wait_for_selector("#source-video")

        # A clip gets its lights; another tab sees it too, and may not put its own in its place.
        page.set_input_files("#source-video input[type=file]", clip)
        wait_for(page, "#new-person .ls-lights li >> nth=0", project)
        assert "1 shot, 7 s; 100% of the frames usable" in page.inner_text("#new-person")
        page.wait_for_function(
            "document.querySelector('#new-name textarea, #new-name input').value"
        )
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        other = chromium()
        open_tab(other, address)
        other.wait_for_selector("#new-person >> text=Alice B.mp4")

        page.click("#new-train")
        wait_for(page, "#avatar-card >> text=alice_b", project)
        other.wait_for_selector("#avatar-card >> text=alice_b")
        assert errors == []
    assert (project / "models/alice_b/avatar/avatar.json").is_file()
    assert (project / "data/videos/alice_b.mp4.dvc").is_file()


def test_a_camera_that_is_refused_is_a_line(chromium, project):
    with running_app(project) as address:
        page = chromium("--use-fake-device-for-media-stream", "--deny-permission-prompts")
        open_tab(page, address)
        page.click("[data-do=open]")
        page.wait_for_selector("#recorder .ls-error")
        assert "The camera was refused. Allow" in page.inner_text("#recorder")
        assert page.is_visible("[data-do=open]")


def test_a_recording_that_the_disk_has_no_room_for_stays_in_the_browser(chromium, project):
    with running_app(project, "--max-upload-mb", "1e12") as address:  # no disk has that
        page = chromium(*MICROPHONE)
        open_tab(page, address)
        page.click("[data-do=open]")
        page.click("[data-do=record]")
        page.wait_for_timeout(1200)
        page.click("[data-do=stop]")
        page.wait_for_selector("text=start the page with a smaller --max-upload-mb")
        with page.expect_download() as download:
            page.click("[data-do=save]")
        assert download.value.suggested_filename.startswith("recording.")
        assert Path(download.value.path()).stat().st_size > 1000
        assert page.is_visible("[data-do=open]")
        assert page.is_visible("[data-do=use]"), "once there is room"
    assert not (project / ".scratch/page/new_person/state.json").exists()


def drop(page, clip: Path) -> None:
    page.set_input_files("#source-video input[type=file]", clip)
    page.wait_for_selector(f"#new-person >> text={clip.name}")


def running_tracks(page) -> int:
    """Of the camera and the microphone."""
    return page.evaluate(
        "streams.flatMap(one => one.getTracks()).filter(one => one.readyState === 'live').length"
    )


WATCH_STREAMS = """
    window.streams = [];
    const get = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (...wanted) => {
        const stream = await get(...wanted);
        streams.push(stream);
        return stream;
    };
"""


def test_a_recording_goes_on_and_stays_when_another_tab_brings_a_video(chromium, project, tmp_path):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"no video")
    with running_app(project) as address:
        page, other = chromium(*MICROPHONE), chromium()
        page.add_init_script(WATCH_STREAMS)
        open_tab(page, address)
        open_tab(other, address)
        page.click("[data-do=open]")
        page.wait_for_selector(".ls-prompter:visible")
        assert not page.is_visible("#ls-advice li"), "folded"
        text, line = page.locator(".ls-prompter"), page.locator("#recorder [role=status]")
        picture = page.locator("#recorder video").bounding_box()
        assert picture["height"] <= 160
        assert 0 <= text.bounding_box()["y"] - picture["y"] - picture["height"] < 30
        assert 0 < line.bounding_box()["y"] < 844, "all of it fits on a phone"
        page.click("[data-do=record]")
        drop(other, clip)
        page.wait_for_selector("text=clip.mp4 has come from another tab meanwhile")
        assert not page.is_visible("#source-video")
        page.wait_for_timeout(1500)
        page.click("[data-do=stop]")
        page.wait_for_selector("text=clip.mp4 is here, from another tab")
        assert running_tracks(page) == 0
        with page.expect_download() as download:
            page.click("[data-do=save]")
        assert Path(download.value.path()).stat().st_size > 1000

        # Once there is room, the recording is used; it stays beside its report, to be saved.
        wait_for(page, "#new-person .ls-error", project)
        page.click("#new-another")
        page.click("[data-do=use]")
        page.wait_for_selector("#new-person >> text=recording.")
        page.wait_for_selector("text=The recording stays in this browser tab too")
        page.wait_for_timeout(1500)
        assert page.is_visible("[data-do=save]")

        # A video that was never trained on is deleted only if that is wanted.
        asked = []
        page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
        page.click("#new-another")
        page.wait_for_timeout(1500)
        assert "Nothing was trained on it" in asked[0]
        assert (project / ".scratch/page/new_person/state.json").exists()


def test_a_camera_is_closed_and_a_take_is_discarded(chromium, project, tmp_path):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"no video")
    with running_app(project) as address:
        page = chromium(*MICROPHONE)
        page.add_init_script(WATCH_STREAMS)
        open_tab(page, address)
        page.click("[data-do=open]")
        page.click("[data-do=record]")
        page.wait_for_timeout(1200)
        page.click("[data-do=discard]")
        page.wait_for_selector("text=Discarded.")
        assert running_tracks(page) == 2
        page.click("[data-do=close]")
        page.wait_for_selector("[data-do=open]")
        assert running_tracks(page) == 0
        assert not page.is_visible("#recorder video")
        assert not (project / ".scratch/page/new_person/state.json").exists()

        # A camera that is open and records nothing goes when another tab's video comes.
        page.click("[data-do=open]")
        page.wait_for_selector("[data-do=record]")
        other = chromium()
        open_tab(other, address)
        drop(other, clip)
        page.wait_for_selector("#recorder video", state="hidden")
        assert running_tracks(page) == 0


def test_a_camera_that_is_not_there_is_a_line(chromium, project):
    with running_app(project) as address:
        page = chromium("--use-fake-ui-for-media-stream")
        open_tab(page, address)
        page.click("[data-do=open]")
        page.wait_for_selector("#recorder .ls-error")
        assert "No camera with a microphone was found" in page.inner_text("#recorder")
        assert page.is_visible("#source-video")


@pytest.mark.slow
def test_a_server_that_is_restarted_during_training_loses_nothing(
    chromium, project, root, tmp_path
):
    clip = tmp_path / "alice.mp4"
    shorten(root / "data/videos/sample.mp4", clip)
    stages = (project / "dvc.yaml").read_text()
    waits = "test -e ../go || sleep 300; mkdir -p models"
    (project / "dvc.yaml").write_text(stages.replace("mkdir -p models", waits))
    commit(project, "a stage that takes its time")
    with running_app(project) as address:
        page = chromium()
        open_tab(page, address)
        page.set_input_files("#source-video input[type=file]", clip)
        page.wait_for_selector("#new-person .ls-lights li >> nth=0")
        page.click("#new-train")
        page.wait_for_selector("#new-person .ls-running >> text=Export of the avatar")
    assert "alice is being trained still" in (project / "app.log").read_text()

    with running_app(project) as address:
        page = chromium()
        open_tab(page, address)
        page.wait_for_selector("#new-person .ls-running >> text=Export of the avatar")
        assert "alice" in page.inner_text("#new-person h2 >> nth=0")
        page.click("#new-cancel")
        page.wait_for_selector("#new-person >> text=stopped; what was trained is kept")
        (tmp_path / "go").touch()
        page.click("#new-resume")
        page.wait_for_selector("#avatar-card >> text=alice")
    assert (project / "models/alice/avatar/avatar.json").is_file()
