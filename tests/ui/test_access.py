"""Every tab for keyboard, screen reader, phone and dark mode: axe-core's rules of WCAG 2.1 AA."""

import json

import pytest

from tests.ui.browser import WAIT, running_app
from tests.ui.conftest import write_tone
from tests.ui.experiments import make_experiments

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
MAIN_BUTTONS = {
    "Speak": "go",
    "Live": "live-start",
    "New person": "new-train",
    "Gallery": "compare-go",
    "Pipeline": "train",
}
FIGURE = {
    "name": "light",
    "label": "light",
    "value": 0.5,
    "unit": "",
    "verdict": "amber",
    "advice": "more light from the front",
}
PROFILE = {
    "verdict": "amber",
    "values": {"coverage": 1.0},
    "figures": [FIGURE, FIGURE | {"name": "noise", "verdict": "green"}],
    "timeline": {
        "cuts": [50],
        "usable": 0.75,
        "unused_seconds": {"no face": 1.0},
        "unused": [{"reason": "no face", "frames": [25, 50]}],
    },
    "picture": {"frames": 100, "fps": 25.0},
}

NAMELESS = """
    [...document.querySelectorAll("[class*=ls-] video, [class*=ls-] audio, .ls-bar, .ls-scroll, " +
        ".ls-curve svg, .ls-shots svg, .ls-prompter")]
    .filter(element => !element.getAttribute("aria-label"))
    .map(element => element.outerHTML.slice(0, 200))
"""
FOCUSED = """
    (() => {
        const element = document.activeElement, box = element.getBoundingClientRect();
        const seen = box.width > 0 && box.height > 0 && element.checkVisibility();
        return {id: element.id, html: element.outerHTML.slice(0, 120), seen};
    })()
"""
OBSERVE = """
    region => {
        said = [];
        new MutationObserver(() => said.push(region.textContent))
            .observe(region, {childList: true, characterData: true, subtree: true});
    }
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory, tiny_folder):
    """A page with something to see in every tab."""
    folder = make_experiments(tmp_path_factory.mktemp("access"), tiny_folder)
    new = folder / ".scratch/page/new_person"
    new.mkdir(parents=True)
    state = {"file": "bob.mp4", "video": "video.mp4", "taken": 0.0}
    (new / "state.json").write_text(json.dumps(state))
    (new / "profile.json").write_text(json.dumps(PROFILE))
    (new / "findings.json").write_text(json.dumps({"warnings": [], "unfit": ""}))
    (new / "profile.png").write_bytes((folder / "clips/sheet.png").read_bytes())
    (folder / "metrics/alice/generator").mkdir()
    history = [{"epoch": n, "train/loss": 1 / n, "validation/loss": 2 / n} for n in (1, 2, 3)]
    (folder / "metrics/alice/generator/training_log.json").write_text(
        json.dumps({"history": history})
    )
    with running_app(folder) as address:
        yield address


@pytest.fixture(scope="module")
def audio(tmp_path_factory):
    return write_tone(tmp_path_factory.mktemp("audio") / "a speech.wav", 1)


def open_page(browser, address: str, width: int, scheme: str):
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page.set_default_timeout(WAIT)
    page.goto(address)
    page.wait_for_selector("#avatar-card .ls-avatar img")
    return page


def show(page, tab: str, audio) -> None:
    """Open a tab and all that can be opened in it."""
    page.get_by_role("tab", name=tab, exact=True).click()
    if tab == "Speak":
        page.set_input_files("#upload input[type=file]", audio)
        page.wait_for_selector("#sound audio")
        page.click("#go")
        page.wait_for_selector("#result video")
        page.get_by_role("button", name="Options").click()
        page.wait_for_selector("#mode")
    if tab == "Live":
        page.wait_for_selector("#live-card .ls-avatar img")
    if tab == "New person":
        page.wait_for_selector("#new-train")
        page.wait_for_selector("#new-person .ls-lights")
    if tab == "Gallery":
        page.wait_for_selector("#gallery .ls-pair")
        page.get_by_role("button", name="Compare two experiments").click()
        page.wait_for_function("document.querySelector('#compare-second input')?.value")
        page.click("#compare-go")
        page.wait_for_selector("#compared .ls-compare")
    if tab == "Pipeline":
        page.wait_for_selector("#pipeline .ls-curve")
        page.click("#stop")
        page.wait_for_selector("#answer .ls-error")
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    page.mouse.move(0, 0)
    page.wait_for_timeout(400)  # transitions of colours


def violations(page) -> list[str]:
    """What axe-core finds: rule, element, and why."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    options = {"resultTypes": ["violations"], "runOnly": RULES}
    found = axe.Axe().run(page, options=options).response["violations"]
    return [
        f"{one['id']}: {node['html'][:160]}: {node['failureSummary']}"
        for one in found
        for node in one["nodes"]
    ]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_tab_is_accessible_and_fits(browser, address, audio, width, scheme):
    page = open_page(browser, address, width, scheme)
    assert page.evaluate("document.body.classList.contains('dark')") == (scheme == "dark")
    for tab in MAIN_BUTTONS:
        show(page, tab, audio)
        assert violations(page) == [], tab
        assert page.evaluate("document.documentElement.scrollWidth") == width, tab
        assert page.evaluate(NAMELESS) == [], tab
    page.close()


@pytest.mark.slow
def test_the_keyboard_reaches_the_main_button_of_every_tab(browser, address, audio):
    """In the order in which things stand on the page, and each stop can be seen."""
    page = open_page(browser, address, 1280, "light")
    for tab, button in MAIN_BUTTONS.items():
        show(page, tab, audio)
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        page.get_by_role("tab", name=tab, exact=True).focus()
        stops = []
        while not stops or stops[-1]["id"] != button:
            page.keyboard.press("Tab")
            stops.append(page.evaluate(FOCUSED))
            assert stops[-1]["html"].split()[0] != "<body", f"{tab}: #{button} was not reached"
            assert len(stops) < 60, stops
        assert [one["html"] for one in stops if not one["seen"]] == [], tab
    page.close()


@pytest.mark.slow
def test_a_screen_reader_is_told_what_changes(browser, address, audio):
    """By one region that stays, so that its changes are announced."""
    page = open_page(browser, address, 1280, "light")
    region = page.locator("#result [aria-live=polite]")
    page.set_input_files("#upload input[type=file]", audio)
    page.wait_for_selector("#sound audio")
    region.evaluate(OBSERVE)
    page.click("#go")
    page.wait_for_selector("#result video")
    assert region.count() == 1
    assert region.text_content() == "The video is finished."
    said = page.evaluate("said")
    assert said[-1] == "The video is finished."
    assert len(said) == len(set(said)), "nothing is said twice"
    page.close()
