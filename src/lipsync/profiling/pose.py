"""Where a head points, from its mesh and the average head that the mesh was made for.

A rigid head far from the camera is seen as a scaled orthographic projection: picture = s R X + t,
of which the upper two rows of R are used. The affine map that fits best is linear least squares
(the first step of POSIT; DeMenthon & Davis, "Model-based object pose in 25 lines of code", 1995);
the nearest pair of orthonormal rows is its polar factor. No camera has to be known, and angles are
those to the line of sight, so a head at the picture's edge that looks past the camera is turned.
"""

import numpy as np

# Point -> x (to the person's left), y (up), z (forwards), centimetres, of MediaPipe's canonical
# face model (mediapipe/modules/face_geometry/data/canonical_face_model.obj, Apache-2.0): points of
# its right half and its middle that stay when mouth, lids and brows move. The left half mirrors it.
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
MODEL = np.array(list(RIGID.values()))  # (24, 3)


def head_angles(points: np.ndarray) -> np.ndarray:
    """Yaw, pitch and roll (N, 3) float64 in degrees of mesh points (N, 468, 2); NaN where they are.

    Yaw is positive where the nose points to the picture's right, pitch where it points up, roll
    where the head leans to the picture's right. Heads differ from the average one: pitch is off by
    a few degrees that stay the same for a person, so compare it with the person's own median.
    """
    seen = points[:, INDICES].astype(np.float64) * (1, -1)  # y upwards
    seen -= seen.mean(axis=1, keepdims=True)
    affine = np.swapaxes(np.linalg.pinv(MODEL - MODEL.mean(axis=0)) @ seen, 1, 2)  # (N, 2, 3)
    known = np.isfinite(affine).all(axis=(1, 2))
    angles = np.full((len(points), 3), np.nan)
    if not known.any():
        return angles
    left, _, right = np.linalg.svd(affine[known], full_matrices=False)
    x, y = np.moveaxis(left @ right, 1, 0)  # the first two rows of R, (K, 3) each
    z = np.cross(x, y)
    angles[known, 0] = np.arctan2(x[:, 2], z[:, 2])
    angles[known, 1] = np.arcsin(np.clip(y[:, 2], -1, 1))
    angles[known, 2] = np.arctan2(x[:, 1], y[:, 1])
    return np.degrees(angles)
