import numpy as np
import torch

from lipsync.speech.windows import WindowStream, speech_windows
from lipsync.training.data import AudioData

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


def test_training_rendering_and_live_see_the_same_windows():
    """Training cuts them from padded tensors, rendering from rows, live as the rows come."""
    past, future = 3, 2
    edges = [np.repeat(SILENCE[None], count, 0) for count in (past, future)]
    data = AudioData(
        valid=np.ones(10, bool),
        seen=np.ones(10, bool),
        speech=torch.from_numpy(np.concatenate([edges[0], ROWS, edges[1]])),
        past=past,
        future=future,
        per_decibel=0.0,
        instants=1,
        fps=25.0,
    )
    rendered = speech_windows(ROWS, SILENCE, np.arange(10), past, future)
    trained = data.windows(torch.arange(10), past, future)
    assert np.array_equal(trained.numpy(), rendered)
    stream = WindowStream(SILENCE, past, future)
    live = [window for part in np.split(ROWS, [1, 7]) for window in stream.push(part)]
    assert np.array_equal(np.stack([*live, *stream.finish()]), rendered)
