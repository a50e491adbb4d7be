"""Two factors that are measured once a person, on frames of the training part.

These frames are put together from exemplars which are not their neighbours, and compared with what
was filmed:

- every interpolation blurs a little: with the factor of *detail* made faces are as sharp as filmed;
- the mesh is not quite where the lips are: with the factor of *opening* the lips of made faces are
  read as variously open as those that were filmed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from lipsync.faces.crop import extract
from lipsync.faces.landmarks import POINTS, mouth_opening
from lipsync.faces.mesh import FaceMesh, Region
from lipsync.media.planes import rgb_of
from lipsync.retrieval.exemplars import Exemplars
from lipsync.retrieval.face import FaceMaker, Refine
from lipsync.retrieval.material import Material
from lipsync.retrieval.pasting import undecided
from lipsync.retrieval.selection import Choice

FRAMES = 40  # that the factors are measured on
LIMITS = (0.8, 1.6)  # of the factor of detail
STEPS = 4  # of the search; the energy of the gradient grows with about its square
OPENING_LIMITS = (0.9, 1.3)  # of the factor of opening
OPENING_STEPS = 3  # of the search


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
    """The factor of detail at which made faces are as sharp as filmed ones.

    Args:
        size: S, of the layers
        samples: planes of whole pictures by frame number
        choices: exemplars of these frames
    """
    low, high = LIMITS
    for _ in range(STEPS):
        detail = (low + high) / 2
        maker = FaceMaker(exemplars, material.model, size, refine, detail)
        energies = [
            _energies(maker, material, frame, planes, choices[frame])
            for frame, planes in samples.items()
        ]
        made, real = np.sum(energies, axis=0)
        low, high = (detail, high) if made < real else (low, detail)
    return (low + high) / 2


def _energies(
    maker: FaceMaker, material: Material, frame: int, planes: np.ndarray, choice: Choice
) -> tuple[float, float]:
    """Energy of the gradient of the made and of the filmed face, where the new face lies."""
    box, crop = material.boxes[frame], np.ascontiguousarray(material.crops[frame])
    changed = planes.copy()
    layers = maker.speak(changed, box, crop, material.target(frame), choice)
    inside = layers.mask > 0.5
    size = len(layers.mask)
    real, made = (
        _gradient_energy(extract(picture, box, size), inside) for picture in (planes, changed)
    )
    return made, real


def _gradient_energy(picture: np.ndarray, inside: np.ndarray) -> float:
    luma = picture.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    across = np.diff(luma, axis=1, append=luma[:, -1:])
    down = np.diff(luma, axis=0, append=luma[-1:])
    return float((across**2 + down**2)[inside].sum())


def find_opening(
    exemplars: Callable[[float], Exemplars],
    material: Material,
    size: int,
    mesh: FaceMesh,
    samples: dict[int, np.ndarray],
    choices: dict[int, Choice],
) -> float:
    """The factor of opening at which made mouths are as variously open as filmed ones.

    Args:
        exemplars: made with a factor, as of ``Material.exemplars``
        size: S, of the layers
        samples: planes of whole pictures by frame number
        choices: exemplars of these frames
    """
    read = {frame: _opening(mesh, planes, material, frame) for frame, planes in samples.items()}
    low, high = OPENING_LIMITS
    for _ in range(OPENING_STEPS):
        factor = (low + high) / 2
        maker = FaceMaker(exemplars(factor), material.model, size, lambda each, _: undecided(each))
        made = []
        for frame, planes in samples.items():
            changed, crop = planes.copy(), np.ascontiguousarray(material.crops[frame])
            target = material.target(frame)
            maker.speak(changed, material.boxes[frame], crop, target, choices[frame])
            made.append(_opening(mesh, changed, material, frame))
        low, high = (factor, high) if np.std(made) < np.std(list(read.values())) else (low, factor)
    return (low + high) / 2


def _opening(mesh: FaceMesh, planes: np.ndarray, material: Material, frame: int) -> float:
    """Mouth opening that the mesh reads off a picture, over the eye distance."""
    region = Region.of_points(material.track.mesh(material.model, frame)[:POINTS])
    points, _ = mesh.steady_points(rgb_of(planes), region)
    return float(mouth_opening(points[None])[0])
