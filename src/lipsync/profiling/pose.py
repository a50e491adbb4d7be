"""Where a head points, from its mesh and the average head that the mesh was made for.

A rigid head far from the camera is seen as a scaled orthographic projection: picture = s R X + t,
of which the upper two rows of R are used. The affine map that fits best is linear least squares
(the first step of POSIT; DeMenthon & Davis, "Model-based object pose in 25 lines of code", 1995);
the nearest pair of orthonormal rows is its polar factor. No camera has to be known, and angles are
those to the line of sight, so a head at the picture's edge that looks past the camera is turned.
"""

import numpy as np

from lipsync.faces.canonical import HEAD, INDICES


def head_angles(points: np.ndarray) -> np.ndarray:
    """Yaw, pitch and roll (N, 3) float64 in degrees of mesh points; NaN where they are.

    points: (N, 468, 2 or 3) pixels, of which x and y count

    Yaw is positive where the nose points to the picture's right, pitch where it points up, roll
    where the head leans to the picture's right. Heads differ from the average one: pitch is off by
    a few degrees that stay the same for a person, so compare it with the person's own median.
    """
    seen = points[:, INDICES, :2].astype(np.float64) * (1, -1)  # y upwards
    seen -= seen.mean(axis=1, keepdims=True)
    affine = np.swapaxes(np.linalg.pinv(HEAD - HEAD.mean(axis=0)) @ seen, 1, 2)  # (N, 2, 3)
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
