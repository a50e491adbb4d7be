"""What becomes of the tests of the page where there is no browser."""

import pytest

from tests.ui import browser
from tests.ui.browser import MODULES, missing, require_browser


def test_what_would_skip_a_test_fails_where_a_browser_is_required(monkeypatch):
    monkeypatch.setattr(browser, "find_chromium", lambda: None)
    monkeypatch.setattr(browser, "find_spec", lambda name: None if name == "aiortc" else name)
    monkeypatch.delenv("LIPSYNC_BROWSER", raising=False)
    assert [name.split(" (")[0] for name in missing()] == ["a Chromium", "aiortc"]
    require_browser()
    monkeypatch.setenv("LIPSYNC_BROWSER", "required")
    with pytest.raises(pytest.fail.Exception, match=r"missing: a Chromium .*, aiortc$"):
        require_browser()
    monkeypatch.setattr(browser, "find_chromium", lambda: "chromium")
    monkeypatch.setattr(browser, "find_spec", lambda name: name)
    require_browser()


def test_ci_requires_one_and_every_module_that_a_test_asks_for(root):
    assert "\nexport LIPSYNC_BROWSER=required\n" in (root / ".ci/run").read_text()
    skipping = "pytest.importorskip("
    for path in (root / "tests/ui").glob("test_*page.py"):
        for line in path.read_text().splitlines():
            if line.strip().startswith(skipping):
                assert line.split('"')[1].split(".")[0] in MODULES, path
