"""The average head that the mesh was made for, and similarity transforms between point patterns.

Its points stay when mouth, lids and brows move.
"""

import numpy as np

# Point -> x (to the person's left), y (up), z (forwards), centimetres, of MediaPipe's canonical
# face model (mediapipe/modules/face_geometry/data/canonical_face_model.obj, Apache-2.0): points of
# its right half and its middle. The left half mirrors it.
RIGHT_HALF = {
    (33, 263): (-4.445859, 2.663991, 3.173422),  # outer corner of the eye
    (133, 362): (-1.856432, 2.585245, 3.757904),  # inner corner of the eye
    (127, 356): (-7.743095, 2.364999, -2.005167),  # temple
    (54, 284): (-5.133204, 7.485602, 2.660442),  # forehead, side
    (67, 297): (-3.523964, 8.005976, 3.729163),  # forehead
    (143, 372): (-6.407571, 2.236021, 1.560843),  # beside the eye
    (117, 346): (-5.258659, 0.945811, 2.974312),  # cheekbone
    (119, 348): (-3.300681, 0.861641, 3.872784),
    (198, 420): (-1.246815, 0.230297, 5.681036),  # side of the nose
}
MIDDLE = {
    10: (0.0, 8.261778, 4.481535),  # forehead
    168: (0.0, 3.271027, 5.236015),  # bridge of the nose, downwards
    6: (0.0, 2.473255, 5.788627),
    197: (0.0, 1.728369, 6.316750),
    195: (0.0, 1.059413, 6.774605),
    4: (0.0, -0.463170, 7.586580),  # tip of the nose
}
RIGID = {
    **{right: place for (right, _), place in RIGHT_HALF.items()},
    **{left: (-x, y, z) for (_, left), (x, y, z) in RIGHT_HALF.items()},
    **MIDDLE,
}
INDICES = tuple(RIGID)
HEAD = np.array(list(RIGID.values()))  # (24, 3)

Poses = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Scale (N,), rotation (N, 3, 3) and translation (N, 3) of N frames."""


def similarities(a: np.ndarray, b: np.ndarray) -> Poses:
    """The similarity transforms that take points a (K, 3) to b (N, K, 3), by least squares.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    1991.

    Returns scale (N,), rotation (N, 3, 3), translation (N, 3): b = scale * a @ rotation.T +
    translation, as nearly as they can.
    """
    middle_a, middle_b = a.mean(0), b.mean(1)  # (3,), (N, 3)
    a, b = a - middle_a, b - middle_b[:, None]
    u, s, vt = np.linalg.svd(np.einsum("nki,kj->nij", b, a) / len(a))
    sign = np.ones_like(s)
    sign[:, 2] = np.sign(np.linalg.det(u @ vt))  # a rotation, never a reflection
    rotation = np.einsum("nij,nj,njk->nik", u, sign, vt)
    scale = (s * sign).sum(1) / np.square(a).sum(1).mean()
    translation = middle_b - scale[:, None] * np.einsum("nij,j->ni", rotation, middle_a)
    return scale, rotation, translation


def to_head(points: np.ndarray, poses: Poses) -> np.ndarray:
    """Points (N, P, 3) of frames with these poses, in head coordinates."""
    scale, rotation, translation = poses
    return np.einsum("npi,nij->npj", points - translation[:, None], rotation) / scale[:, None, None]
