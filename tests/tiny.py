"""A tiny person whose mouth is drawn from its sound, for tests of the trainings.

The face is flat and looks into the camera. Its mesh has a mouth of the drawn size in every frame,
and skin around it that is drawn as the mesh moves, so exemplars and warps make sense.
"""

from functools import cache

import cv2
import numpy as np
import torch

from lipsync.faces.crop import points_in_crop
from lipsync.faces.landmarks import LIPS, LIPS_INNER, LIPS_OUTER, POINTS
from lipsync.generator.model import Refiner
from lipsync.generator.params import GeneratorParams
from lipsync.generator.perceptual import VGGFeatures
from lipsync.generator.task import GeneratorTask, material_of
from lipsync.geometry.model import POSE_FEATURES, ShapeModel, Track
from lipsync.geometry.topology import OUTLINE, triangulate, with_ring
from lipsync.media.planes import from_rgb
from lipsync.retrieval.exemplars import Exemplars
from lipsync.retrieval.material import Material
from lipsync.syncnet.model import SyncNet
from lipsync.training.data import PersonData
from lipsync.training.device import Compute
from lipsync.training.params import SplitParams
from lipsync.training.split import Split, split_frames

SIZE, FRAMES, BANDS = 64, 160, 8
FILMED = 2  # pixels of the video for one of the crop, a side
CORNER = (32, 24)  # of the crop in the video's pixels, x and y
EYES = 26.0  # crop pixels of an eye distance
MIDDLE = np.array([32.0, 38.0])  # of the mouth, crop pixels
WIDE, LEAST, MOST = 10.0, 1.5, 10.0  # half axes of the mouth: across; down, silent and loud
EDGE = 2.0  # pixels of lip around the mouth
REACH = 1.5  # mouth widths around the mouth within which skin moves with it


def loudness() -> np.ndarray:
    """(160,) 0..1, what the first speech feature follows."""
    draw = np.random.default_rng(0)
    return np.convolve(draw.uniform(0, 1, FRAMES + 8), np.ones(5) / 5, "same")[4:-4]


def heights() -> np.ndarray:
    """(160,) half axis of the mouth downwards, crop pixels."""
    return LEAST + MOST * loudness()


def moved(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """How far a point of the face with a usual mouth moves down when the mouth grows by 1 pixel.

    x, y: crop pixels from the middle of the mouth
    """
    down = y / heights().mean()
    radius = np.hypot(x / WIDE, down)
    near = np.clip(1 - (radius - 1) / REACH, 0, 1)
    return down / np.maximum(radius, 1) * near * near * (3 - 2 * near)


@cache
def tiny_geometry() -> tuple[ShapeModel, Track]:
    """A head of made-up proportions that holds still; its first coefficient opens the mouth."""
    draw, height = np.random.default_rng(3), heights()
    points = draw.uniform((-0.75, -1.2, 0), (0.75, 0.5, 0), (POINTS, 3))  # eye distances
    radius = EYES * np.hypot(points[:, 0] / WIDE, points[:, 1] / height.mean())
    points[:, :2] *= np.maximum(1, 1.6 / radius)[:, None]  # no mesh has points between the lips
    turn = np.linspace(0, 2 * np.pi, len(OUTLINE), endpoint=False)
    points[list(OUTLINE), 0] = 0.85 * np.sin(turn)
    points[list(OUTLINE), 1] = -0.4 - 1.05 * np.cos(turn)
    for ring, edge in ((LIPS_OUTER, EDGE), (LIPS_INNER, 0.0)):
        turn = np.linspace(np.pi, -np.pi, len(ring), endpoint=False)  # lower edge first
        points[list(ring), 0] = (WIDE + edge) * np.cos(turn) / EYES
        points[list(ring), 1] = (height.mean() + edge) * np.sin(turn) / EYES
    points[:, 2] = 0.3 * np.square(points[:, :2]).sum(1)
    mean = with_ring(points)
    components = np.zeros((4, len(mean), 3))
    components[0, :POINTS, 1] = height.std() / EYES * moved(*(EYES * points[:, :2].T))
    model = ShapeModel(
        mean=mean.astype(np.float32),
        components=components.astype(np.float32),
        pose_components=np.zeros((POSE_FEATURES, len(mean), 3), np.float32),
        pose_centre=np.zeros(3, np.float32),
        triangles=triangulate(mean),
    )
    expression = np.zeros((FRAMES, 4), np.float32)
    expression[:, 0] = (height - height.mean()) / height.std()
    track = Track(
        scale=np.full(FRAMES, FILMED * EYES, np.float32),
        rotation=np.tile(np.eye(3, dtype=np.float32), (FRAMES, 1, 1)),
        translation=np.tile(np.array([*(CORNER + FILMED * MIDDLE), 0], np.float32), (FRAMES, 1)),
        expression=expression,
        valid=np.ones(FRAMES, bool),
    )
    return model, track


def draw_faces(scale: int) -> np.ndarray:
    """(160, 64 scale, 64 scale, 3) uint8 RGB crops: an ellipse in patterned skin that moves.

    The wider it is open, the darker it is: what exemplars of another opening cannot show.
    """
    place = (np.arange(SIZE * scale) + 0.5) / scale
    x, y = np.meshgrid(place - MIDDLE[0], place - MIDDLE[1])
    pattern = np.random.default_rng(1).normal(0, 1, (4 * SIZE, 4 * SIZE)).astype(np.float32)
    pattern = cv2.GaussianBlur(pattern, (0, 0), 4.0)  # of a pixel of the crop
    pattern *= 18 / pattern.std()
    faces = np.empty((FRAMES, *x.shape, 3), np.uint8)
    for number, height in enumerate(heights()):
        usual = y.copy()  # where the pixel's skin lies when the mouth is as usual
        for _ in range(12):
            usual += 0.7 * (y - usual - (height - heights().mean()) * moved(x, usual))
        where = [(4 * (part + middle) - 0.5).astype(np.float32) for part, middle in (
            (x, MIDDLE[0]), (usual, MIDDLE[1])
        )]  # fmt: skip
        skin = 150 + cv2.remap(pattern, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        radius = np.hypot(x / WIDE, y / height)
        inside = 1 / (1 + np.exp(8 * (radius - 1)))  # soft edges, as a lens makes them
        dark = 0.2 + 0.8 * (height - LEAST) / MOST
        tinted = skin[..., None] * (1 - dark * inside[..., None] * [0.8, 1.0, 1.0])
        faces[number] = np.rint(tinted)
    return faces


@cache
def tiny_person() -> PersonData:
    """160 frames of a mouth whose height follows the first speech feature."""
    draw, loud = np.random.default_rng(2), loudness()
    rows = loud[:, None] * draw.uniform(0.5, 1, BANDS)
    rows += draw.normal(0, 0.01, (FRAMES, BANDS))
    corner, side = np.array(CORNER * 2, np.float32), FILMED * SIZE
    boxes = np.tile(corner + np.array([0, 0, side, side], np.float32), (FRAMES, 1))
    model, track = tiny_geometry()
    mesh = np.stack([track.mesh(model, frame) for frame in range(FRAMES)])
    silence = np.zeros((64, BANDS))
    return PersonData(
        crops=torch.from_numpy(draw_faces(1)).permute(0, 3, 1, 2),
        boxes=boxes,
        valid=np.ones(FRAMES, bool),
        seen=np.ones(FRAMES, bool),
        lips=torch.from_numpy(points_in_crop(mesh[:, list(LIPS)], boxes, SIZE)).float(),
        speech=torch.from_numpy(np.concatenate([silence, rows, silence])).float(),
        past=64,
        future=64,
        per_decibel=0.01,
        instants=1,
        fps=25.0,
    )


def tiny_material() -> Material:
    """Of the same frames."""
    return material_of(tiny_person(), tiny_geometry())


def tiny_split() -> Split:
    """Training part and held-out part of the tiny person."""
    return split_frames(np.ones(FRAMES, bool), 25.0, SplitParams(validation=0.25, gap=0.4))


@cache
def tiny_film() -> tuple[np.ndarray, np.ndarray]:
    """Crops (160, 128, 128, 3) uint8 RGB at the video's own resolution, and its planes."""
    faces = draw_faces(FILMED)
    left, top = CORNER
    pictures = np.full((FRAMES, 192, 192, 3), 150, np.uint8)
    pictures[:, top : top + faces.shape[1], left : left + faces.shape[2]] = faces
    return faces, np.stack([from_rgb(picture) for picture in pictures])


def tiny_exemplars(count: int = 16) -> Exemplars:
    """Of the training part, at the video's own resolution."""
    material = tiny_material()
    numbers = material.choose(tiny_split().training, count)
    return material.exemplars(numbers, list(tiny_film()[0][numbers]))


def awake(model: Refiner) -> Refiner:
    """An untrained refiner that changes something: its last layer starts at zero."""
    with torch.no_grad():
        model.head.weight.normal_(std=0.1)
    return model


def tiny_syncnet() -> SyncNet:
    """Untrained, frozen, for the tiny person."""
    return SyncNet(SIZE, BANDS, channels=8, embedding=16).requires_grad_(False).eval()


def tiny_task(
    model: Refiner,
    params: GeneratorParams,
    compute: Compute | None = None,
    *,
    syncnet: SyncNet | None = None,
    vgg: VGGFeatures | None = None,
) -> GeneratorTask:
    """Refining the tiny person's faces on the CPU; an untrained SyncNet judges if no other does.

    Below the eyes all exemplars are darker than other frames: the refiner has something to learn.
    """
    compute = compute or Compute(torch.device("cpu"), torch.float32)
    material, split = tiny_material(), tiny_split()
    exemplars = material.choose(split.training, params.exemplars)
    crops = np.array(material.crops)
    crops[exemplars, SIZE // 3 :] = 0.85 * crops[exemplars, SIZE // 3 :]
    material.crops = crops
    return GeneratorTask(
        model,
        syncnet or tiny_syncnet(),
        tiny_person(),
        material,
        exemplars,
        split,
        params,
        compute,
        1,
        vgg,
    )
