"""How a face looks: sharp, well lit. Pure functions of crops and of small pictures."""

import cv2
import numpy as np

SIDE = 160  # pixels of a crop's side at which sharpness is judged, whatever the video's size
BLUR = 9  # taps of the moving mean that a picture is blurred with again (Crété et al.)
# Rows and columns of a crop, as shares of its side, in which there is face and no background.
FACE_ROWS, FACE_COLUMNS = (0.05, 0.8), (0.2, 0.8)
BLACK, WHITE = 4, 251  # of 0..255: as dark or bright as it gets, but for the encoder's ringing


def luma(crop: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE) float32 0..255 of a crop (S, S, 3) uint8 RGB."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    kind = cv2.INTER_AREA if len(grey) > SIDE else cv2.INTER_CUBIC
    return cv2.resize(grey, (SIDE, SIDE), interpolation=kind).astype(np.float32)


def face_part(picture: np.ndarray) -> np.ndarray:
    """The part of a crop (S, S, ...) that is face and nothing else."""
    rows, columns = (
        [round(edge * len(picture)) for edge in edges] for edges in (FACE_ROWS, FACE_COLUMNS)
    )
    return picture[slice(*rows), slice(*columns)]


def sharpness(grey: np.ndarray) -> float:
    """0..1 of a luma picture (H, W) float: the share of its steps that a further blur takes away.

    One minus the blur of Crété, Dolmiere, Ladret & Nicolas, "The blur effect: perception and
    estimation with a new no-reference perceptual blur metric", 2007: what is blurred already loses
    little by being blurred again. A factor on the contrast does not change it; noise raises it.
    0 where the picture has no steps at all.
    """
    shares = []
    for axis, size in ((0, (1, BLUR)), (1, (BLUR, 1))):
        steps = np.abs(np.diff(grey, axis=axis))
        left = np.abs(np.diff(cv2.blur(grey, size, borderType=cv2.BORDER_REFLECT), axis=axis))
        lost, whole = np.maximum(steps - left, 0), steps
        total = float(face_part(whole).sum())
        shares.append(float(face_part(lost).sum()) / total if total > 0 else 0.0)
    return min(shares)


def clipped(grey: np.ndarray) -> float:
    """Share of a luma picture's face that is pure white or pure black."""
    part = face_part(grey)
    return float(((part <= BLACK) | (part >= WHITE)).mean())


def brightness(grey: np.ndarray) -> float:
    """Mean of the face in % of white."""
    return float(face_part(grey).mean() / 255 * 100)


def face_lumas(small: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Mean luma (N,) float64 within the boxes (N, 4), given in pixels of ``small`` (N, H, W)."""
    height, width = small.shape[1:]
    lows = np.clip(np.floor(boxes[:, :2]), 0, (width - 1, height - 1)).astype(int)
    highs = np.maximum(np.ceil(boxes[:, 2:]).astype(int), lows + 1)
    return np.array(
        [
            picture[y0:y1, x0:x1].mean()
            for picture, (x0, y0), (x1, y1) in zip(small, lows, highs, strict=True)
        ]
    )


def flicker(lumas: np.ndarray, cut: np.ndarray) -> float:
    """How much a face's brightness changes from frame to frame, % of its mean.

    The root of the mean squared second difference over sqrt(6), which for changes that are
    independent from frame to frame is their standard deviation; what rises or falls steadily (the
    head turns, the sun comes out) does not count. The largest hundredth is left out.

    Args:
        lumas: (N,); NaN where the face is not seen
        cut: frame numbers at which something else is shown
    """
    second = np.abs(lumas[2:] - 2 * lumas[1:-1] + lumas[:-2])
    for frame in cut:
        second[max(0, frame - 2) : frame] = np.nan
    second = second[np.isfinite(second)]
    if not len(second):
        return 0.0
    usual = second[second <= np.quantile(second, 0.99)]
    return float(np.sqrt(np.square(usual).mean() / 6) / max(np.nanmean(lumas), 1.0) * 100)
