"""A hand or a microphone in front of the mouth is found, and nothing else is taken for one."""

import numpy as np

from lipsync.geometry.model import Track
from lipsync.retrieval.material import Material, study_faces
from tests.tiny import tiny_material

COVERED = range(40, 52)
SHOWN = range(38, 54)  # two frames more at either end
FPS = 25.0


def with_a_bar(material: Material) -> np.ndarray:
    """Crops with something dark in front of the mouth in some frames."""
    crops = np.array(material.crops)
    size = crops.shape[1]
    for frame in COVERED:
        at = (material.vertices(frame)[[61, 291, 152], :2] * size).astype(int)
        left, right, low = at[0, 0], at[1, 0], at[2, 1]
        crops[frame, at[0, 1] - size // 8 : low, left:right] = (20, 30, 40)
    return crops


def covered(material: Material, track: Track) -> np.ndarray:
    """(N,) bool, with the bar."""
    return study_faces(with_a_bar(material), material.boxes, material.model, track, FPS)[1]


def test_what_covers_the_mouth_is_found() -> None:
    material = tiny_material()
    found = covered(material, material.track)
    assert set(np.flatnonzero(found)) == set(SHOWN)


def test_a_speaking_mouth_covers_nothing() -> None:
    assert not tiny_material().covered.any()


def test_frames_without_a_face_are_not_looked_at() -> None:
    material = tiny_material()
    valid = material.track.valid.copy()
    valid[45] = False
    track = type(material.track)(
        **{**vars(material.track), "valid": valid},
    )
    found = covered(material, track)
    assert not found[45]
    assert found[44]


def test_a_short_shot_in_another_light_is_not_covered() -> None:
    """An eighth of the video is tinted below the eyes: another angle's light, and no hand."""
    material = tiny_material()
    crops = np.array(material.crops)
    size, start = crops.shape[1], len(crops) - 30
    tinted = crops[start:, size // 3 :].astype(float) * (0.45, 0.6, 1.0)
    crops[start:, size // 3 :] = tinted.astype(np.uint8)
    rest = material.boxes, material.model, material.track, FPS
    assert study_faces(crops, *rest)[1][start:].mean() > 0.9  # what it is without cuts
    assert not study_faces(crops, *rest, np.array([start]))[1].any()


def test_a_hand_is_found_in_cut_videos_too() -> None:
    material = tiny_material()
    rest = material.boxes, material.model, material.track, FPS
    found = study_faces(with_a_bar(material), *rest, np.array([30, 90]))[1]
    assert set(np.flatnonzero(found)) == set(SHOWN)
