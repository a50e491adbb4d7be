"""Closed mouths in silence, open ones, and no silence at all."""

import numpy as np
import pytest

from lipsync.evaluation.evidence import Evidence
from lipsync.evaluation.heldout import HeldOut, Table, Tables
from lipsync.evaluation.intervals import intervals
from lipsync.evaluation.painting import silent_frame
from lipsync.evaluation.silence import Silence, measure_silence, silent_frames
from lipsync.faces.landmarks import LEFT_EYE_OUTER, LOWER_LIP_INNER, POINTS
from lipsync.generator.model import Generator
from tests.tiny import BANDS, SIZE, tiny_person

FRAMES, START = 200, 120
BOX = np.array([8, 8, 72, 72], np.float32)


def points(openings: np.ndarray) -> np.ndarray:
    """(N, 468, 2) whose mouths are so far open, over an eye distance of 40 pixels."""
    found = np.zeros((len(openings), POINTS, 2))
    found[:, LEFT_EYE_OUTER, 0] = 40
    found[:, LOWER_LIP_INNER, 1] = 40 * np.asarray(openings)
    return found


def tables(rendered: np.ndarray, real: np.ndarray) -> Tables:
    seen = [Table.empty(len(real)) for _ in range(3)]
    seen[0].points[:], seen[1].points[:] = points(real), points(rendered)
    return Tables(seen[0], seen[1], seen[2], np.zeros(0, int), np.zeros((0, 0)))


def test_frames_well_inside_a_silence() -> None:
    audible = np.ones(50, bool)
    audible[10:20] = audible[30:36] = False
    np.testing.assert_array_equal(np.flatnonzero(silent_frames(audible)), [13, 14, 15, 16])
    audible[:] = False  # what lies beyond the recording nobody knows
    np.testing.assert_array_equal(np.flatnonzero(silent_frames(audible)), np.arange(3, 47))


def test_only_silent_frames_count_and_ten_are_needed() -> None:
    rows = np.zeros(40, bool)
    rows[5:17] = True
    real, rendered = np.full(40, 0.3), np.full(40, 0.9)
    real[rows], rendered[rows] = 0.02, 0.03
    silence = Silence(rows, np.zeros(0), 1.0, np.zeros(0), 1.0)
    ours, truth = silence.openings(tables(rendered, real))
    assert np.nansum(ours) / np.nansum(truth) == pytest.approx(1.5)
    assert np.isfinite(ours).sum() == 12
    real[5:8] = np.nan  # 9 are left
    assert np.isnan(silence.openings(tables(rendered, real))[0]).all()


def test_digital_silence_is_held_against_all_pauses_of_the_recording() -> None:
    """A generator whose mouth is open by 0.3 when it hears something, by 0.06 when not."""
    silent_speech = -5
    asked: list[np.ndarray] = []

    def paint(frames: np.ndarray, spoken: np.ndarray) -> np.ndarray:
        asked.append(frames)
        level = np.where(spoken == silent_speech, 60, 200).astype(np.uint8)
        return np.broadcast_to(level[:, None, None, None], (len(frames), 64, 64, 3)).copy()

    def read_lips(picture: np.ndarray, box: np.ndarray) -> np.ndarray:
        """Mouths are open by a thousandth a level of grey in the middle."""
        return points([picture[40, 40, 0] / 1000])[0]

    audible = np.ones(FRAMES, bool)
    audible[20:60] = False
    pictures = np.full((FRAMES, 80, 80, 3), 250, np.uint8)
    pictures[20:60] = 50
    valid = np.ones(FRAMES, bool)
    valid[30] = valid[150] = False
    boxes = np.repeat(BOX[None], FRAMES, axis=0)
    held_out = HeldOut(
        START, list(pictures), np.zeros((80, 64, 64, 3), np.uint8), boxes[START:], valid[START:],
        np.zeros((64, 64, 3), np.uint8),
    )  # fmt: skip
    found = measure_silence(held_out, paint, silent_speech, read_lips, audible, boxes, valid)
    assert len(found.pauses) == 33  # 34 frames well inside, less the one without a face
    np.testing.assert_allclose(found.pauses, 0.05)
    np.testing.assert_allclose(found.digital, 0.06)
    assert 150 not in asked[0]
    assert ((asked[0] >= START) & (asked[0] < FRAMES)).all()
    assert found.digital_ratio() == pytest.approx(1.2)
    assert not found.rows.any()  # no pause in the held-out part

    audible[:] = True
    talks = measure_silence(held_out, paint, silent_speech, read_lips, audible, boxes, valid)
    assert len(talks.pauses) == 0
    assert np.isnan(talks.digital_ratio())
    rendered = tables(np.full(80, 0.1), np.full(80, 0.1))
    assert intervals(rendered, Evidence(silence=talks), 25.0)["mouth"]["silence_digital"] is None


def test_the_silent_frame_hears_nothing() -> None:
    data = tiny_person()
    model = Generator(SIZE, BANDS, 6, 4, channels=(16, 16, 16), code_channels=16)
    import torch

    heard = data.windows(torch.tensor([silent_frame(model)]), model.past, model.future)
    assert heard.abs().max() == 0
    assert data.windows(torch.tensor([3]), model.past, model.future).abs().max() > 0
