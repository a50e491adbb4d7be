"""The whole way in one browser: a video, its report, training, a video that speaks, and live."""

from pathlib import Path

import pytest

from lipsync.media.audio import read_audio, write_wav
from lipsync.media.video import probe
from tests.project import shorten
from tests.tiny_avatar import FPS, write_tiny_avatar
from tests.ui.browser import running_app, wait_for
from tests.ui.lips import (
    KEEP_MICROPHONE,
    assert_lips_follow,
    hears,
    watch,
    write_speech,
)
from tests.ui.two_stages import two_stage_project

pytest.importorskip("aiortc")

PARAMS = """
epochs: 1
seed: 1
profile: {seconds: [120.0, 5.0]}  # a short video is amber
people:
  bob: {video: bob.mp4}
"""
CHECKED = 400_000  # milliseconds that reading the video may take on a machine that does much else
SAID = 3.21  # seconds of audio: 80.25 frames, 80
PLAYING = """() => {
  const video = document.querySelector('#result video');
  video.muted = true;
  return video.play();
}"""


@pytest.fixture(scope="module")
def still(tmp_path_factory) -> Path:
    """An avatar that keeps its head still and moves its mouth."""
    return write_tiny_avatar(tmp_path_factory.mktemp("still") / "tiny", drift=0)


@pytest.fixture
def project(tmp_path, still, face_models) -> Path:
    return two_stage_project(tmp_path / "project", still, face_models, PARAMS)


@pytest.mark.slow
def test_from_a_dropped_video_to_ten_seconds_live(chromium, project, still, root, tmp_path):
    clip, said = tmp_path / "Alice B.mp4", tmp_path / "hello.wav"
    shorten(root / "data/videos/sample.mp4", clip)
    sample = read_audio(root / "data/speech/sample.wav", 16_000)
    write_wav(said, sample[: round(SAID * 16_000)], 16_000)
    speech = write_speech(root / "data/speech/sample.wav", tmp_path / "speech.wav")
    asked, wrong = [], []
    with running_app(project) as address:
        page = chromium(*hears(speech))
        page.set_viewport_size({"width": 1280, "height": 900})
        page.add_init_script(KEEP_MICROPHONE)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("response", lambda answer: answer.status >= 400 and wrong.append(answer.url))
        page.goto(address)

        # A video, and what is said of it.
        page.get_by_role("tab", name="New person").click()
        page.set_input_files("#source-video input[type=file]", clip)
        wait_for(page, "#new-person .ls-verdict.ls-amber", project, CHECKED)
        wait_for(page, "#new-train:visible:enabled", project)
        assert "Alice B.mp4" in page.inner_text("#new-person")
        page.wait_for_function(
            "document.querySelector('#new-name textarea, #new-name input').value === 'alice_b'"
        )

        # Its training ends in the Speak tab, with the avatar.
        page.click("#new-train")
        wait_for(page, "#avatar-card:visible >> text=alice_b", project)
        assert page.get_by_role("tab", name="Speak").get_attribute("aria-selected") == "true"
        assert page.input_value("#avatar input") == "alice_b"

        # It says a file; the video plays, and is as long as the audio.
        page.set_input_files("#upload input[type=file]", said)
        wait_for(page, "#sound audio", project)
        page.click("#go")
        wait_for(page, "#result video", project)
        page.evaluate(PLAYING)
        page.wait_for_function("document.querySelector('#result video').currentTime > 0.5")
        with page.expect_download() as download:
            page.click("#result a.ls-button")
        download.value.save_as(tmp_path / "video.mp4")
        made = probe(tmp_path / "video.mp4")
        assert (made.frames, made.fps) == (round(SAID * FPS), FPS)

        # It says what the microphone hears, at once.
        page.get_by_role("tab", name="Live").click()
        wait_for(page, "#live-card .ls-avatar >> text=alice_b", project)
        page.get_by_role("button", name="Start").click()
        page.wait_for_function("document.querySelector('#live video').videoWidth > 0")
        watched = watch(page)
        page.get_by_role("button", name="Stop").click()
        wait_for(page, "#live >> text=Stopped.", project)
        assert not [url for url in asked if not url.startswith((address, "blob:", "data:"))]
        assert wrong == []
    assert_lips_follow(watched, still, speech)
    assert (project / "models/alice_b/avatar/avatar.json").is_file()
    assert (project / "data/videos/alice_b.mp4.dvc").is_file()
