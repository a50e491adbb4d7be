"""The factor of detail, measured once a person on frames of the training part.

Every interpolation blurs a little, and the factor makes up for it. Frames are put together from
exemplars which are not their neighbours, and their sharpness is compared with that of the filmed
ones. It is brought a little below that: detail that is not in the right place is an error twice,
once where it is and once where it is missing, and frames that are less well covered than these come
out sharper.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lipsync.faces.crop import extract
from lipsync.retrieval.exemplars import Exemplars
from lipsync.retrieval.face import FaceMaker, Refine
from lipsync.retrieval.material import Material
from lipsync.retrieval.selection import Choice

FRAMES = 40  # that the factor is measured on
WANTED = 0.9  # energy of the gradient of made faces over that of filmed ones
LIMITS = (0.8, 1.6)  # of the factor
TRIED = 100  # factors between the limits


@dataclass(frozen=True)
class Filmed:
    """Frames of a video that are needed at full size.

    Attributes:
        exemplars: by frame number, crops (s, s, 3) uint8 RGB at the video's own resolution
        samples: by frame number, planes of whole pictures
    """

    exemplars: dict[int, np.ndarray]
    samples: dict[int, np.ndarray]


def read_filmed(
    planes: Iterable[np.ndarray], boxes: np.ndarray, exemplars: np.ndarray, samples: np.ndarray
) -> Filmed:
    """Go through a video once and keep what is needed.

    Args:
        planes: all pictures of the video, as of ``media.video.read_planes``
        boxes: (N, 4)
        exemplars, samples: frame numbers
    """
    wanted, tried = set(exemplars.tolist()), set(samples.tolist())
    found = Filmed({}, {})
    for number, picture in enumerate(planes):
        if number in wanted:
            box = boxes[number]
            found.exemplars[number] = extract(picture, box, max(1, round(float(box[2] - box[0]))))
        if number in tried:
            found.samples[number] = picture.copy()
    return found


def find_detail(
    exemplars: Exemplars,
    material: Material,
    refine: Refine,
    size: int,
    samples: dict[int, np.ndarray],
    choices: dict[int, Choice],
) -> float:
    """The factor at which made faces are ``WANTED`` times as sharp as filmed ones.

    A made face is linear in the factor, so the energy of its gradient is a parabola: three factors
    tell the others, and each frame is decided about once.

    Args:
        size: S, of the layers
        samples: planes of whole pictures by frame number
        choices: exemplars of these frames
    """
    measured = np.array([LIMITS[0], sum(LIMITS) / 2, LIMITS[1]])
    makers = [FaceMaker(exemplars, material.model, size, refine, each) for each in measured]
    made, real = np.zeros(len(measured)), 0.0
    for frame, planes in samples.items():
        choice, box = choices[frame], material.boxes[frame]
        crop = np.ascontiguousarray(material.crops[frame])
        layers, decisions = makers[0].decide(crop, material.target(frame), choice)
        inside = layers.mask > 0.5
        real += _gradient_energy(extract(planes, box, size), inside)
        for i, maker in enumerate(makers):
            changed = planes.copy()
            maker.put(changed, box, choice, layers, decisions)
            made[i] += _gradient_energy(extract(changed, box, size), inside)
    tried = np.linspace(*LIMITS, TRIED + 1)
    energies = np.polyval(np.polyfit(measured, made, 2), tried)
    return float(tried[np.abs(energies - WANTED * real).argmin()])


def _gradient_energy(picture: np.ndarray, inside: np.ndarray) -> float:
    luma = picture.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    across = np.diff(luma, axis=1, append=luma[:, -1:])
    down = np.diff(luma, axis=0, append=luma[-1:])
    return float((across**2 + down**2)[inside].sum())
