"""Which windows have something to hear, and what SyncNet's curve says of a known offset."""

import numpy as np
import torch

from lipsync.evaluation.figures import write_offsets
from lipsync.evaluation.sync import audible_frames, scorable_windows, score
from lipsync.syncnet.model import SyncNet
from lipsync.syncnet.score import MAX_SHIFT, SyncScore, embed_pictures
from lipsync.training.split import Split
from tests.tiny import BANDS, FRAMES, SIZE, tiny_person

RATE, FPS = 16_000, 25.0


def test_silence_is_heard_relative_to_speech() -> None:
    draw = np.random.default_rng(0)
    sound = draw.normal(0, 0.1, 4 * RATE).astype(np.float32)
    sound[RATE : 2 * RATE] *= 1e-3  # 60 dB below: silence
    sound[2 * RATE : 3 * RATE] *= 0.05  # 26 dB below: soft speech
    for gain in (1.0, 0.03):
        audible = audible_frames(gain * sound, RATE, FPS, 100)
        np.testing.assert_array_equal(audible, np.arange(100) // 25 != 1)
    assert not audible_frames(np.zeros(RATE), RATE, FPS, 25).any()
    late = audible_frames(sound[: RATE // 2], RATE, FPS, 25)  # sound ends early
    assert late[:12].all()
    assert not late[13:].any()


def test_windows_that_hear_only_silence_or_miss_the_face_are_left_out() -> None:
    model = SyncNet(SIZE, BANDS, frames=5, context=2)
    valid, audible = np.ones(100, bool), np.zeros(100, bool)
    valid[90] = False
    audible[70:80] = True
    held_out, split = np.arange(50, 100), Split(40, 50, 100)
    windows = scorable_windows(valid, audible, held_out, model, split)
    np.testing.assert_array_equal(windows, np.arange(64, 82))  # rows 62 ... 68+2 = 70 touch it
    audible[:] = True
    windows = scorable_windows(valid, audible, held_out, model, split)
    np.testing.assert_array_equal(windows, [*range(50, 86), *range(91, 96)])
    some = np.concatenate([np.arange(50, 60), np.arange(70, 80)])
    windows = scorable_windows(valid, audible, some, model, split)
    np.testing.assert_array_equal(windows, [*range(50, 56), *range(70, 76)])
    cut = Split(40, 50, 100, cuts=(30, 57))
    windows = scorable_windows(valid, audible, some, model, cut)
    np.testing.assert_array_equal(windows, [50, 51, 52, *range(70, 76)])


def test_too_little_to_judge_is_no_score() -> None:
    data, model = tiny_person(), SyncNet(SIZE, BANDS).eval()
    frames = np.arange(100, FRAMES)
    pictures = embed_pictures(model, data.crops[frames])
    assert score(model, pictures, data, np.arange(0), frames) is None
    assert score(model, pictures, data, np.array([100, 101, 102, 120, 121]), frames) is None
    found = score(model, pictures, data, np.arange(100, FRAMES - 5), frames)
    assert found is not None
    assert 0 <= found.top1 <= 1
    assert torch.isfinite(torch.from_numpy(found.curve)).all()


def test_frames_that_are_left_out_change_no_answer() -> None:
    """The pictures of two runs are found again at their own frames."""
    data, model = tiny_person(), SyncNet(SIZE, BANDS).eval()
    whole, runs = np.arange(60, FRAMES), np.r_[60:90, 120:150]
    windows = np.r_[60:86, 120:146]
    one = score(model, embed_pictures(model, data.crops[whole]), data, windows, whole)
    other = score(model, embed_pictures(model, data.crops[runs]), data, windows, runs)
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(one.curve, other.curve, atol=1e-6)
    assert len(other.right) == len(runs)
    np.testing.assert_array_equal(one.right[runs - 60], other.right)
    assert np.isfinite(other.right).sum() == 2 * 16


def test_offset_curve_puts_late_lips_on_the_right(tmp_path) -> None:
    curve = np.zeros(2 * MAX_SHIFT + 1)
    curve[MAX_SHIFT - 3] = 1  # speech 3 frames earlier fits: the lips come 3 frames late
    late = SyncScore(top1=0.0, offset=3, margin=1.0, curve=curve)
    write_offsets(tmp_path, late, None)
    rows = [line.split(",") for line in (tmp_path / "sync_offsets.csv").read_text().splitlines()]
    assert rows[0] == ["offset_frames", "real", "rendered"]
    assert [row[0] for row in rows[1:] if row[2] == "1"] == ["3"]
    assert {row[1] for row in rows[1:]} == {""}
    assert (tmp_path / "sync_offsets.png").stat().st_size > 1000
