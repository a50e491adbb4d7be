import numpy as np

from lipsync.speech.windows import speech_windows

ROWS = np.arange(10, dtype=np.float32)[:, None] * np.ones((1, 3), np.float32)  # row i is i, i, i
SILENCE = np.array([-1, -2, -3], np.float32)


def test_rows_around_each_frame():
    windows = speech_windows(ROWS, SILENCE, np.array([4, 7]), past=2, future=1)
    assert windows.shape == (2, 4, 3)
    assert windows.dtype == np.float32
    assert windows[..., 0].tolist() == [[2, 3, 4, 5], [5, 6, 7, 8]]


def test_silence_beyond_the_ends():
    windows = speech_windows(ROWS, SILENCE, np.array([0, 9, 12, -5]), past=2, future=2)
    assert windows[..., 0].tolist() == [
        [-1, -1, 0, 1, 2],
        [7, 8, 9, -1, -1],
        [-1] * 5,
        [-1] * 5,
    ]
    assert windows[0, 0].tolist() == SILENCE.tolist()


def test_the_rows_are_not_touched():
    before = ROWS.copy()
    windows = speech_windows(ROWS, SILENCE, np.array([0]), past=1, future=1)
    windows[:] = 99
    assert np.array_equal(ROWS, before)
