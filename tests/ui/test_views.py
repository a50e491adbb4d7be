"""The page's words, tiles and curves; strangers' names are shown, never run."""

import json
import re
from pathlib import Path

import pytest

from lipsync.evaluation.summary import LINES
from lipsync.ui.charts import curve
from lipsync.ui.gallery_view import HEADLINES, gallery
from lipsync.ui.judging import verdict
from lipsync.ui.library import Library
from lipsync.ui.page import css
from lipsync.ui.settings import Settings
from lipsync.ui.speak_view import avatar_card, sound_card
from lipsync.ui.uploads import Upload
from lipsync.ui.words import ago, bar, duration, error_line
from lipsync.ui.workspace import Workspace

PEOPLE = "epochs: 1\nseed: 1\npeople: {bob: {video: b.mp4}, alice: {video: a.mp4}}\n"


@pytest.fixture
def workspace():
    with Workspace() as made:
        yield made


def test_durations_and_ages():
    assert [duration(s) for s in (0.4, 59.4, 59.6, 185, 7800)] == [
        "0 s", "59 s", "1 min 00 s", "3 min 05 s", "2 h 10 min",
    ]  # fmt: skip
    assert [ago(s) for s in (3, 42, 250, 7800)] == [
        "just now", "42 s ago", "4 min ago", "2 h 10 min ago",
    ]  # fmt: skip
    assert 'style="width:100.0%"' in bar(1.7, "all")


@pytest.mark.parametrize(
    ("value", "good", "expected"),
    [
        ("0.86", "above 0.85", True),
        ("0.84", "above 0.85", False),
        ("28.0", "above 28", None),  # 28.03 or 27.96
        ("100%", "above 80 %", True),
        ("2.1%", "below 3 %", True),
        ("1e-05", "below 1e-3", True),
        ("1.20", "at most 1.2", True),
        ("+2", "-1 ... 1", False),
        ("-0.04", "-0.2 ... 0.2", True),
        ("-", "above 0.85", None),
        ("0.4", "not above that", None),
    ],
)
def test_a_figure_is_judged_by_what_the_table_calls_good(value, good, expected):
    assert verdict(value, good) is expected


def test_tiles_and_verdicts_know_the_summarys_lines():
    assert set(HEADLINES) <= {line.name for line in LINES}
    relative = {line.good for line in LINES if verdict(line.form.format(0), line.good) is None}
    assert relative == {"not above that", "below that", "above that", "0.1 above at most"}


def test_the_gallery_shows_who_is_evaluated_and_says_who_is_not(tmp_path, workspace):
    (tmp_path / "params.yaml").write_text(PEOPLE)
    evaluation = tmp_path / "metrics/alice/evaluation"
    evaluation.mkdir(parents=True)
    (evaluation / "contact_sheet.png").write_bytes(b"\x89PNG")
    (tmp_path / "metrics/alice/evaluation.json").write_text(
        json.dumps({"mouth": {"correlation": 0.914}, "picture": {"seam": 1.3}})
    )
    html = gallery(Library(Settings(tmp_path)), workspace)
    bob, alice = html.split("</section>")[:2]
    assert "Not evaluated yet" in bob
    assert "<b>0.91</b><span>mouth follows the voice</span><small>good: above 0.8" in alice
    assert 'ls-tile ls-bad"><b>1.30</b>' in alice
    assert alice.count('<th colspan="4" scope="rowgroup">') == 4
    (picture,) = re.findall(r'src="gradio_api/file=([^"]+)"', alice)
    assert Path(picture).is_relative_to(workspace.pictures)
    assert Path(picture).read_bytes() == b"\x89PNG"
    assert "mouth_opening" not in html
    (tmp_path / "metrics/alice/evaluation.json").write_text("{")
    assert "damaged" in gallery(Library(Settings(tmp_path)), workspace)
    (tmp_path / "params.yaml").write_text("people: 3")
    assert "ls-error" in gallery(Library(Settings(tmp_path)), workspace)
    (tmp_path / "params.yaml").unlink()
    assert "No project in this folder" in gallery(Library(Settings(tmp_path)), workspace)


def test_strangers_names_are_text(tmp_path, workspace, tiny_folder):
    nasty = '<img src=x onerror="alert(1)">${1+1}{{1+1}}.wav'
    for html in (
        sound_card(Upload(tmp_path / nasty, nasty, 1, tmp_path / nasty)),
        error_line(nasty),
        avatar_card(nasty, tiny_folder, workspace),
        curve(nasty, [(1, 2)]),
    ):
        assert "<img src=x" not in html
        assert 'onerror="' not in html
        assert "&lt;img" in html


def test_an_avatar_is_shown_by_its_film(workspace, tiny_folder, tmp_path):
    html = avatar_card("tiny", tiny_folder, workspace)
    assert "128 × 96, 25 frames per second" in html
    (still,) = re.findall(r'src="gradio_api/file=([^"]+)"', html)
    assert Path(still).read_bytes()[:2] == b"\xff\xd8"
    assert avatar_card("tiny", tiny_folder, workspace) == html
    assert "cannot be read" in avatar_card("none", tmp_path, workspace)


def test_a_curve_stays_in_its_frame_and_marks_the_lowest():
    assert curve("loss", []) == ""
    svg = curve("loss", [(1, 4.0), (2, 1.0), (3, 2.0)])
    points = [tuple(map(float, p.split(","))) for p in re.findall(r"[\d.]+,[\d.]+", svg)]
    assert [x for x, _ in points] == [52, 200, 348]
    assert [y for _, y in points] == [10, 126, pytest.approx(126 - 116 / 3, abs=0.1)]
    assert '<circle class="ls-best" cx="200.0" cy="126.0"' in svg
    assert "loss: 2 after epoch 3, lowest 1" in svg
    assert "nan" not in curve("loss", [(1, 2.0)]) + curve("loss", [(1, 2.0), (2, 2.0)])


def test_nothing_of_the_style_comes_from_elsewhere():
    assert "http" not in css()
    assert "@import" not in css()
