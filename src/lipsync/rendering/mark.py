"""The visible mark: a line of text in the lower left corner, as the encoder takes it."""

import cv2
import numpy as np

from lipsync.media.planes import views

HEIGHT = 0.035  # of the picture's: capital letters
MARGIN = 0.02  # of the picture's height, around the text
SHADE = 0.45  # of the light that the ground behind the text leaves
WHITE, GREY = 235, 128  # of limited-range luma and chroma


class Mark:
    """Draws the same text on every picture of a size.

    Args:
        text: in any letters that OpenCV can draw
        width, height: of the pictures, in pixels
    """

    def __init__(self, text: str, width: int, height: int) -> None:
        font, thickness = cv2.FONT_HERSHEY_DUPLEX, max(1, round(height / 500))
        scale = HEIGHT * height / cv2.getTextSize("H", font, 1, 1)[0][1]
        (wide, high), below = cv2.getTextSize(text, font, scale, thickness)
        margin = max(2, round(MARGIN * height))
        if wide + 4 * margin > width:
            scale *= (width - 4 * margin) / wide
            (wide, high), below = cv2.getTextSize(text, font, scale, thickness)
        right = min(width, (wide + 3 * margin + 1) // 2 * 2)
        top = max(0, (height - high - below - 3 * margin) // 2 * 2)
        self._top, self._right = top, right
        canvas = np.zeros((height - top, right), np.uint8)
        place = (margin, high + margin)
        cv2.putText(canvas, text, place, font, scale, 255, thickness, cv2.LINE_AA)
        self._letters = canvas.astype(np.float32) / 255  # (h, w)

    def draw(self, planes: np.ndarray) -> None:
        """Onto a picture of ``media.planes``."""
        letters = self._letters
        half = cv2.resize(letters, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        luma, *chroma = views(planes)
        corner = luma[self._top :, : self._right]
        corner[:] = np.rint(corner * SHADE * (1 - letters) + WHITE * letters)
        for whole in chroma:
            plane = whole[self._top // 2 :, : self._right // 2]
            ground = GREY + (plane.astype(np.float32) - GREY) * SHADE
            plane[:] = np.rint(ground * (1 - half) + GREY * half)
