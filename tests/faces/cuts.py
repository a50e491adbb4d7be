"""Short films that are cut in ways that people cut them, made of the portrait in scikit-image."""

import cv2
import numpy as np
import skimage.data

WIDTH, HEIGHT = 480, 320


def astronaut(side: int = 220) -> np.ndarray:
    """A face with its surroundings, (side, side, 3) uint8."""
    return cv2.resize(skimage.data.astronaut()[0:256, 96:352], (side, side))


def room(seed: int = 0) -> np.ndarray:
    """A background without a face, (HEIGHT, WIDTH, 3) uint8."""
    draw = np.random.default_rng(seed).integers(60, 200, (HEIGHT // 40, WIDTH // 40, 3))
    return cv2.resize(draw.astype(np.uint8), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


def put(face: np.ndarray | None, x: float, y: float = 60, background: int = 0) -> np.ndarray:
    """The face at x, y of a room; fractions of a pixel count."""
    picture = room(background)
    if face is not None:
        move = np.array([[1, 0, x], [0, 1, y]], np.float64)
        size, border = (WIDTH, HEIGHT), cv2.BORDER_TRANSPARENT
        cv2.warpAffine(face, move, size, dst=picture, borderMode=border)
    return picture


def walk(count: int, x: float, face: np.ndarray | None = None, **options: int) -> list[np.ndarray]:
    """A face that moves by a pixel a frame, with a little noise of the camera."""
    shown = astronaut() if face is None else face
    draw = np.random.default_rng(round(x))
    pictures = []
    for i in range(count):
        noise = draw.integers(-2, 3, (HEIGHT, WIDTH, 3))
        pictures.append(np.clip(put(shown, x + i, **options) + noise, 0, 255).astype(np.uint8))
    return pictures


def card(count: int, level: int = 16) -> list[np.ndarray]:
    """A title without a face."""
    picture = np.full((HEIGHT, WIDTH, 3), level, np.uint8)
    cv2.putText(picture, "THE END", (120, 180), cv2.FONT_HERSHEY_SIMPLEX, 2, (230, 230, 230), 3)
    return [picture] * count


def somebody_else(side: int = 220) -> np.ndarray:
    """Another face: the portrait with other proportions and colours, so other eyes and skin."""
    face = astronaut(side)[:, :, ::-1].astype(np.float32)
    long = cv2.resize(face, (round(0.78 * side), side))
    pad = (side - long.shape[1]) // 2
    long = cv2.copyMakeBorder(long, 0, 0, pad, side - long.shape[1] - pad, cv2.BORDER_REPLICATE)
    return np.clip(255 * (long / 255) ** 2.2, 0, 255).astype(np.uint8)
