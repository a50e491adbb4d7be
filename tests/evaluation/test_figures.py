"""What is shown."""

import csv

import cv2
import numpy as np

from lipsync.evaluation.figures import LABEL, ContactSheet, choose_instants, write_opening
from lipsync.evaluation.heldout import Instant, Tables
from lipsync.evaluation.measures import FrameMetrics
from lipsync.evaluation.shifts import WrongSpeech


def test_the_sheet_goes_from_closed_to_open_through_the_whole_part() -> None:
    draw = np.random.default_rng(0)
    opening = draw.uniform(0, 1, 160)
    opening[:10] = np.nan
    rows = choose_instants(opening)
    assert len(rows) == 8
    parts = np.array_split(np.arange(10, 160), 8)
    assert all(row in part for row, part in zip(rows, parts, strict=True))
    assert opening[rows[0]] == opening[parts[0]].min()
    assert opening[rows[-1]] == opening[parts[-1]].max()
    ranks = [(opening[part] < opening[row]).mean() for row, part in zip(rows, parts, strict=True)]
    np.testing.assert_allclose(ranks, np.linspace(0, 1, 8), atol=0.06)
    assert len(choose_instants(opening[:13])) == 3
    assert len(choose_instants(opening[:10])) == 0


def test_the_sheet_shows_real_filmed_and_from_speech_below_each_other(tmp_path) -> None:
    sheet = ContactSheet(np.array([1, 3]), 25.0)
    for row in range(4):
        crops = [np.full((40, 40, 3), level + row, np.uint8) for level in (50, 100, 150)]
        picture = np.zeros((80, 80, 3), np.uint8)
        sheet(Instant(row, row + 200, np.zeros(4), picture, picture, *crops))
    sheet.write(tmp_path / "sheet.png")
    shown = cv2.imread(str(tmp_path / "sheet.png"))
    assert shown.shape == (3 * (LABEL + 40), 80, 3)
    middles = shown[LABEL + 20 :: LABEL + 40, 20::40, 0]
    np.testing.assert_array_equal(middles, [[51, 53], [101, 103], [151, 153]])


def test_curves_of_two_runs_are_written_at_their_seconds(tmp_path) -> None:
    frames = np.r_[100:150, 300:350]
    kinds = [FrameMetrics.empty(100) for _ in range(4)]
    tables = Tables(kinds[0].points, *kinds, np.array([3, 60]), np.full((2, 1), 0.2))
    ridge = np.linspace(0, 0.2, 100)
    wrong = WrongSpeech(100, 250, np.array([50]))
    write_opening(tmp_path, tables, ridge, wrong, frames, 25.0)
    with (tmp_path / "mouth_opening.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [*rows[0]] == ["seconds", "real", "rendered", "filmed", "still", "ridge"]
    assert [float(rows[k]["seconds"]) for k in (0, 49, 50)] == [4.02, 5.98, 12.02]
    assert {row["real"] for row in rows} == {""}
    assert (tmp_path / "mouth_opening.png").stat().st_size > 5000
