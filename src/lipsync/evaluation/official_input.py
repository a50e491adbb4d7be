"""What the published SyncNet looks at and listens to: squares of faces, and MFCC.

As the authors' pipeline cuts and computes them, but for the face detector, whose place our face
mesh takes, and but for the JPEG and MPEG-4 files in which it keeps pictures on the way.
"""

import cv2
import numpy as np
from scipy.fft import dct
from scipy.ndimage import median_filter

from lipsync.media.audio import PCM_SCALE, SAMPLE_RATE

SIDE = 224  # pixels of a face picture
CROP_SCALE = 0.40  # of half the face's height: the margin beside, and twice it below
GREY = 110  # beyond the picture's border
STEADY = 13  # frames of the median that steadies the square

WINDOW, HOP, FFT = 400, 160, 512  # samples: 25 ms, 10 ms
PREEMPHASIS = 0.97
FILTERS, CEPSTRA, LIFTER = 26, 13, 22


def face_squares(points: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Middle x, y and half the height of the face (N, 3) in pixels, steadied in time.

    The published scores take a face detector's box, hairline to chin; ours is the box around the
    mesh, which spans the same. Medians over 13 frames; straight lines where no face was found.

    Args:
        points: (N, 468, 2 or 3) pixels of the real picture, of which x and y count, NaN where not
            valid; valid: (N,) bool, some
    """
    known = np.flatnonzero(valid)
    seen = points[known, :, :2]
    low, high = seen.min(axis=1), seen.max(axis=1)  # (K, 2)
    half = (high - low).max(axis=1, keepdims=True) / 2
    found = np.concatenate([(low + high) / 2, half], axis=1)  # (K, 3)
    frames = np.arange(len(points))
    filled = np.stack([np.interp(frames, known, column) for column in found.T], axis=1)
    return median_filter(filled, size=(STEADY, 1), mode="nearest")


def cut_face(picture: np.ndarray, square: np.ndarray) -> np.ndarray:
    """The face (224, 224, 3) uint8 of a picture (H, W, 3), the square being (3,).

    From the top of the face down; 2.8 times half its height wide and high.
    """
    x, y, half = (float(value) for value in square)
    left, right = int(x - half * (1 + CROP_SCALE)), int(x + half * (1 + CROP_SCALE))
    top, bottom = int(y - half), int(y + half * (1 + 2 * CROP_SCALE))
    height, width = picture.shape[:2]
    inside = picture[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
    beyond = max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0)
    whole = cv2.copyMakeBorder(inside, *beyond, cv2.BORDER_CONSTANT, value=(GREY, GREY, GREY))
    return cv2.resize(whole, (SIDE, SIDE))


def mfcc(sound: np.ndarray) -> np.ndarray:
    """Mel cepstra (C, 13) of sound (n,) float32 -1..1 at 16 kHz, 100 columns a second.

    As python_speech_features 0.6 computes them by default, of 16-bit samples: pre-emphasis 0.97,
    rectangular windows of 25 ms, 26 triangles in mel up to 8 kHz on whole bins of the FFT,
    logarithm, orthonormal DCT, lifter 22, and the log energy in place of the first.
    """
    steps = np.rint(sound.astype(np.float64) * PCM_SCALE)
    steps = np.concatenate([steps[:1], steps[1:] - PREEMPHASIS * steps[:-1]])
    count = 1 + max(0, int(np.ceil((len(steps) - WINDOW) / HOP)))
    steps = np.pad(steps, (0, max(0, (count - 1) * HOP + WINDOW - len(steps))))
    windows = np.lib.stride_tricks.sliding_window_view(steps, WINDOW)[::HOP]  # (C, 400)
    power = np.abs(np.fft.rfft(windows, FFT)) ** 2 / FFT  # (C, 257)
    least = np.finfo(np.float64).eps
    energy = power.sum(axis=1)
    bands = power @ _triangles().T  # (C, 26)
    cepstra = dct(np.log(np.where(bands == 0, least, bands)), norm="ortho")[:, :CEPSTRA]
    cepstra *= 1 + LIFTER / 2 * np.sin(np.pi * np.arange(CEPSTRA) / LIFTER)
    cepstra[:, 0] = np.log(np.where(energy == 0, least, energy))
    return cepstra


def _triangles() -> np.ndarray:
    """(26, 257) weights of FFT bins: triangles evenly spaced in mel, corners on whole bins."""
    highest = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, highest, FILTERS + 2) / 2595) - 1)
    corners = np.floor((FFT + 1) * hertz / SAMPLE_RATE)
    low, middle, high = (corners[k : k + FILTERS, None] for k in range(3))
    bins = np.arange(FFT // 2 + 1)
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    return np.where(bins < middle, rising, falling).clip(0)
