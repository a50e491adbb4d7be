"""Fitting: a shape model to the mesh points of a person, and a track to those of a video.

1. Each frame's points are aligned to the mean shape by the similarity transform that fits the rigid
   points best (``topology.RIGID``). What is left over below the nose is displacement.
2. Ridge regression tells how much of the displacement goes with the pose. That is the mesh
   network's own error, not speech.
3. Principal components of the rest are the expression. Lips count more than cheeks.

The pose that places the face is smoothed over time, within shots; the expression never is.
Expressions are measured against each frame's own pose, so what trembles with the whole face
trembles in neither.
"""

import numpy as np

from lipsync.errors import LipsyncError
from lipsync.faces.canonical import HEAD, INDICES, Poses, similarities, to_head
from lipsync.faces.crop import ONE_SHOT, smooth
from lipsync.faces.landmarks import LEFT_EYE_OUTER, LIPS, POINTS, RIGHT_EYE_OUTER
from lipsync.geometry.model import POSE_FEATURES, ShapeModel, Track, angles
from lipsync.geometry.topology import LIP_WEIGHT, RIGID, speech_weight, triangulate, with_ring

ROUNDS = 4  # of fitting poses to the shape and the shape to the poses
# Of the ridge regression on pose features, as if each were uncertain by 3 degrees (a feature of 1
# is 10 degrees). Cross-validation would choose no penalty on a head that turns by 1.5 degrees only:
# there the mesh's pose is led by the mouth, and the mouth's opening would be taken for a nod.
POSE_PENALTY = 0.09


def fit_poses(points: np.ndarray, shape: np.ndarray) -> Poses:
    """The similarity transforms that take ``shape`` to each frame's points.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    1991.

    points (N, 468, 3), shape (468 or more, 3) -> scale (N,), rotation (N, 3, 3), translation (N, 3)
    with points = scale * shape @ rotation.T + translation at the rigid points.
    """
    rigid = list(RIGID)
    return similarities(shape[rigid], points[:, rigid])


def mean_shape(points: np.ndarray) -> np.ndarray:
    """The shape (468, 3) float64, in head coordinates, of points (N, 468, 3).

    Head coordinates: x to the picture's right, y down and z into the picture when the head is
    turned as the mesh's average head is; 0 at the mean of the rigid points; 1 is an eye distance.
    """
    shape = points[len(points) // 2].astype(np.float64)
    for _ in range(ROUNDS):
        shape = to_head(points, fit_poses(points, shape)).mean(0)
    shape = to_head(shape[None], similarities(HEAD * (1, -1, -1), shape[None, INDICES]))[0]
    shape -= shape[list(RIGID)].mean(0)
    return shape / np.linalg.norm(shape[RIGHT_EYE_OUTER] - shape[LEFT_EYE_OUTER])


def fit_shape_model(points: np.ndarray, frames: np.ndarray, n_components: int) -> ShapeModel:
    """A shape model of mesh points (N, 468, 3) in pixels, learned from some of the frames.

    frames: (T,) ascending numbers of frames whose points are known

    Raises LipsyncError where there are fewer frames than components.
    """
    if len(frames) <= n_components:
        raise LipsyncError(
            f"geometry.n_components: {n_components} needs more than the {len(frames)} frames with "
            "a face in the training part; lower it, or record a longer video"
        )
    points = points[frames].astype(np.float64)
    inner = mean_shape(points)
    mean = with_ring(inner)
    poses = fit_poses(points, inner)
    weight = speech_weight(mean)
    moved = (to_head(points, poses) - inner) * weight[:POINTS, None]  # (T, 468, 3)
    usual = angles(poses[1]).mean(0)
    model = ShapeModel(
        mean=mean.astype(np.float32),
        components=np.zeros((n_components, len(mean), 3), np.float32),
        pose_components=np.zeros((POSE_FEATURES, len(mean), 3), np.float32),
        pose_centre=usual.astype(np.float32),
        triangles=triangulate(mean),
    )
    features = model.pose_features(poses[1])
    metric = _metric(weight)
    moving = np.flatnonzero(metric)  # M vertices
    flat = (moved * metric[:, None])[:, moving].reshape(len(moved), -1)  # (T, 3 M)
    centred = flat - flat.mean(0)
    turned = features - features.mean(0)
    penalty = POSE_PENALTY * np.eye(POSE_FEATURES)
    by_pose = np.linalg.solve(turned.T @ turned / len(turned) + penalty, turned.T @ centred)
    by_pose /= len(turned)  # (3, 3 M)
    rest = flat - turned @ by_pose
    middle = rest.mean(0)
    directions, deviation = _principal(rest - middle, n_components)
    components = directions * max(1e-4, deviation)  # a face may rest

    def vertices(rows: np.ndarray) -> np.ndarray:
        shaped = np.zeros((len(rows), len(mean), 3), np.float32)
        shaped[:, moving] = rows.reshape(len(rows), -1, 3) / metric[moving, None]
        return shaped

    offset = vertices((middle - features.mean(0) @ by_pose)[None])[0]
    return ShapeModel(
        mean=(mean + offset).astype(np.float32),
        components=vertices(components),
        pose_components=vertices(by_pose),
        pose_centre=model.pose_centre,
        triangles=model.triangles,
    )


def fit_track(
    points: np.ndarray,
    valid: np.ndarray,
    model: ShapeModel,
    fps: float,
    smoothing: float,
    cuts: np.ndarray = ONE_SHOT,
) -> Track:
    """Where the head is and what the face does in each frame.

    Args:
        points: (N, 468, 3) pixels, NaN where not valid; valid: (N,) bool
        smoothing: seconds over which the pose is smoothed
        cuts: (C,) frames at which a shot begins; nothing is smoothed across them
    """
    count = len(points)
    track = Track(
        scale=np.full(count, np.nan, np.float32),
        rotation=np.full((count, 3, 3), np.nan, np.float32),
        translation=np.full((count, 3), np.nan, np.float32),
        expression=np.full((count, model.n_components), np.nan, np.float32),
        valid=valid.copy(),
    )
    frames = np.flatnonzero(valid)
    if not len(frames):
        return track
    known = points[frames].astype(np.float64)
    mean = model.mean.astype(np.float64)
    weight = speech_weight(mean)
    poses = fit_poses(known, mean)
    explained = np.einsum(
        "nf,fvk->nvk", model.pose_features(poses[1]), model.pose_components[:, :POINTS]
    )
    moved = (to_head(known, poses) - mean[:POINTS]) * weight[:POINTS, None] - explained
    metric = _metric(weight)
    components = (model.components[:, :POINTS] * metric[:, None]).reshape(model.n_components, -1)
    flat = (moved * metric[:, None]).reshape(len(frames), -1)
    lengths = np.square(components).sum(1).clip(min=1e-12)
    track.expression[frames] = flat @ components.T / lengths

    sigma = smoothing * fps / 4  # frames; 95 % of a Gaussian lies within two sigma on either side
    scale, rotation, translation = poses
    track.scale[frames] = np.exp(smooth(frames, np.log(scale)[:, None], sigma, cuts))[:, 0]
    turned = smooth(frames, rotation.reshape(-1, 9), sigma, cuts)
    u, _, vt = np.linalg.svd(turned.reshape(-1, 3, 3))
    track.rotation[frames] = u @ vt
    track.translation[frames] = smooth(frames, translation, sigma, cuts)
    return track


def _metric(weight: np.ndarray) -> np.ndarray:
    """(468,) what a vertex counts in the components; 0 where it does not move."""
    metric = np.where(weight[:POINTS] > 0, 1.0, 0.0)
    metric[list(LIPS)] = LIP_WEIGHT
    return metric


def _principal(centred: np.ndarray, count: int) -> tuple[np.ndarray, float]:
    """Principal directions (count, D) of rows (T, D) of mean 0, and the deviation along the first.

    A direction's sign is that of its largest number, so that the same rows give the same ones.
    """
    values, vectors = np.linalg.eigh(centred.T @ centred / len(centred))  # ascending
    found = vectors[:, ::-1][:, :count].T
    largest = np.abs(found).argmax(axis=1)
    found = found * np.sign(found[np.arange(count), largest])[:, None]
    return found, float(np.sqrt(max(values[-1], 0.0)))
