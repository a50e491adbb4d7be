"""The tab *Gallery* in a real browser: the held-out pair, and two experiments side by side."""

import pytest

from tests.ui.browser import WAIT, running_app
from tests.ui.experiments import SECONDS, make_experiments

APART = 0.08  # seconds, two frames, that the second video may be off while it plays


@pytest.mark.slow
def test_videos_play_together(browser, tmp_path, tiny_folder):
    project = tmp_path / "project"
    project.mkdir()
    make_experiments(project, tiny_folder)
    with running_app(project) as address:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.goto(address)
        page.get_by_role("tab", name="Gallery").click()

        # Real and rendered are one video, with one play button and one slider.
        pair = page.locator("#gallery .ls-pair video")
        pair.wait_for()
        pair.evaluate("video => { video.volume = 0; return video.play(); }")
        page.wait_for_function("document.querySelector('.ls-pair video').currentTime > 0.5")
        pair.evaluate("video => video.pause()")
        assert "Offset: audio 16 ms ahead of lips" in page.inner_text("#gallery .ls-pair")

        # The newest commit and the newest experiment are chosen already.
        page.get_by_role("button", name="Compare two experiments").click()
        page.wait_for_function("document.querySelector('#compare-second input')?.value")
        assert "one <epoch>" in page.input_value("#compare-first input")
        assert "Experiment longer" in page.input_value("#compare-second input")
        page.click("#compare-go")
        page.wait_for_selector("#compared .ls-compare")
        assert "better" in page.inner_text("#compared")

        # One play button and one slider for both; the audio comes from the first alone.
        page.evaluate("[first, second] = document.querySelectorAll('#compared video')")
        assert page.evaluate("[first.controls, second.controls, second.muted]") == [
            True, False, True,
        ]  # fmt: skip
        page.evaluate("first.volume = 0; first.play()")
        page.wait_for_function("first.currentTime > 1 && !second.paused")
        apart = page.evaluate("Math.abs(first.currentTime - second.currentTime)")
        page.evaluate("first.pause()")
        page.wait_for_function("second.paused")
        page.evaluate("first.currentTime = 3")
        page.wait_for_function("!second.seeking && Math.abs(second.currentTime - 3) < 0.05")
        page.evaluate("first.play()")
        page.wait_for_function(f"first.ended && second.currentTime > {SECONDS - 0.2}")
        assert apart <= APART
        context.close()
