"""LSE-D and LSE-C: what the published SyncNet says of held-out lips.

The network of Chung & Zisserman, "Out of time: automated lip sync in the wild", 2016, with the
public weights syncnet_v2.model, as "A lip sync expert is all you need" (Prajwal et al., 2020) uses
it: five pictures of the face at 25 a second and the 20 columns of MFCC beside them become two
vectors, whose distance is small where lips and sound agree. Per shift of the sound the distances
are averaged over all windows; LSE-D is the smallest mean, LSE-C how far it lies below the median
over the 31 shifts.

It has seen thousands of people and no generator of ours, so it cannot be pleased in training.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from lipsync.evaluation.heldout import Instant
from lipsync.evaluation.official_input import cut_face, mfcc
from lipsync.evaluation.official_model import COLUMNS, PICTURES, OfficialSyncNet

FPS = 25  # pictures a second that the network was taught
STEP = 4  # columns of MFCC a picture
MAX_SHIFT = 15  # pictures
BATCH = 8  # windows that the network looks at at once: 8 need about 0.5 GB


@dataclass(frozen=True)
class WindowDistances:
    """distances (W, 31): of each window of lips from the sound, column k k - 15 pictures later."""

    distances: np.ndarray

    def figures(self) -> dict[str, float | int]:
        """lse_d, lse_c, and offset: pictures by which the lips come after the sound."""
        curve = self.distances.mean(axis=0)
        return {
            "lse_d": float(curve.min()),
            "lse_c": float(np.median(curve) - curve.min()),
            "offset": MAX_SHIFT - int(curve.argmin()),
        }


@dataclass(frozen=True)
class OfficialScore:
    """Of rendered and of real lips."""

    rendered: WindowDistances
    real: WindowDistances

    def figures(self) -> dict[str, float | int]:
        """All six, those of the real lips after "real_"."""
        real = {f"real_{name}": value for name, value in self.real.figures().items()}
        return self.rendered.figures() | real


class OfficialFaces:
    """Observes frames and embeds the faces, real and rendered, at 25 pictures a second.

    Args:
        squares: (J, 3) of the rendered frames from ``face_squares``
        fps: of the video; pictures are dropped or repeated where it is not 25
    """

    def __init__(
        self, model: OfficialSyncNet, squares: np.ndarray, fps: float, device: torch.device
    ) -> None:
        self._model, self._device, self._squares = model, device, squares
        ticks = int(len(squares) / fps * FPS + 1e-6)
        shown = ((np.arange(ticks) + 0.5) / FPS * fps).astype(int)  # row that is on at each tick
        self.rows = shown.clip(max=len(squares) - 1)
        self._recent: list[list[np.ndarray]] = [[], []]  # rendered, real
        self._done: list[list[torch.Tensor]] = [[], []]

    def __call__(self, instant: Instant) -> None:
        """Observe a frame."""
        times = int((self.rows == instant.row).sum())
        for kind, picture in enumerate((instant.rendered, instant.real)):
            face = cut_face(picture, self._squares[instant.row]) if times else None
            for _ in range(times):
                assert face is not None
                self._recent[kind].append(face)
                if len(self._recent[kind]) == BATCH + PICTURES - 1:
                    self._embed(kind)

    def _embed(self, kind: int) -> None:
        faces = torch.from_numpy(np.stack(self._recent[kind])).to(self._device)  # (T, S, S, 3)
        bgr = faces.flip(3).permute(3, 0, 1, 2)[None].float()  # (1, 3, T, S, S) 0..255
        self._done[kind].append(self._model.embed_lips(bgr)[0].cpu())  # (T - 4, E)
        self._recent[kind] = self._recent[kind][1 - PICTURES :]

    def score(self, sound: np.ndarray, valid: np.ndarray, run: np.ndarray) -> OfficialScore | None:
        """Compare with the sound of the rendered frames (n,) -1..1 at 16 kHz.

        None where no five pictures in a row show a face.

        Args:
            valid: (J,) bool, whether a face shows
            run: (J,) as of ``frames.run_numbers``; no window reaches from one run into the next
        """
        shown, number = valid[self.rows], run[self.rows]
        count = max(0, len(shown) - PICTURES + 1)
        last = PICTURES - 1
        whole = np.array(
            [shown[i : i + PICTURES].all() and number[i] == number[i + last] for i in range(count)],
            bool,
        )
        heard = embed_sound(self._model, mfcc(sound), len(whole), self._device)
        if not len(heard) or not whole[: len(heard)].any():
            return None
        found = []
        for kind in range(2):
            if len(self._recent[kind]) >= PICTURES:
                self._embed(kind)
            lips = torch.cat(self._done[kind])[: len(heard)]
            found.append(WindowDistances(distances(lips, heard)[whole[: len(heard)]]))
        return OfficialScore(*found)


def distances(lips: torch.Tensor, heard: torch.Tensor) -> np.ndarray:
    """(W, 31) Euclidean distances of lips (W, E) from heard (W, E), shifted by -15 ... +15 windows.

    Beyond the ends the sound's vector is 0, as in the published scores.
    """
    padded = F.pad(heard, (0, 0, MAX_SHIFT, MAX_SHIFT))  # (W + 30, E)
    shifted = padded.unfold(0, 2 * MAX_SHIFT + 1, 1)  # (W, E, 31)
    return (lips[:, :, None] - shifted).norm(dim=1).numpy()


@torch.no_grad()
def embed_sound(
    model: OfficialSyncNet, columns: np.ndarray, windows: int, device: torch.device
) -> torch.Tensor:
    """(W, E) of the sound beside each window: columns (C, 13); W <= ``windows``, all full."""
    count = min(windows, (len(columns) - COLUMNS) // STEP + 1)
    parts = [
        np.stack([columns[STEP * i : STEP * i + COLUMNS].T for i in range(first, last)])
        for first, last in _batches(max(count, 0), 64)
    ]  # (B, 13, 20) each
    embedded = [model.embed_sound(torch.from_numpy(part).float()[:, None].to(device)).cpu()
                for part in parts]  # fmt: skip
    return torch.cat(embedded) if embedded else torch.zeros(0, 1)


def _batches(count: int, size: int) -> list[tuple[int, int]]:
    return [(first, min(first + size, count)) for first in range(0, count, size)]
