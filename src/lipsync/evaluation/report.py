"""The tables as figures: a few in evaluation.json, which ``dvc metrics show`` and ``diff`` print,
and all of them in evaluation/details.json.

docs/metrics.md says how each is read. A figure that cannot be told (no speech in the held-out part,
too short for any shift) is null.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from lipsync.evaluation.heldout import Table, Tables
from lipsync.evaluation.mouths import correlation, lip_distance
from lipsync.evaluation.pictures import psnr
from lipsync.files import atomic_path
from lipsync.syncnet.score import SyncScore

Figures = dict[str, Any]
HEADLINE = (
    "mouth.correlation",
    "mouth.correlation_shifted",
    "mouth.lip_distance",
    "picture.psnr_mask",
    "picture.ssim_mask",
    "picture.sharpness",
    "picture.flicker",
    "sync.top1",
    "sync.offset",
    "sync.real_top1",
    "sync.real_offset",
    "copy.psnr_mask",
)
DIGITS = {"psnr_mask": 2, "psnr_crop": 2, "ssim_mask": 4, "ssim_crop": 4, "lip_distance": 4}


def shifted_correlations(tables: Tables) -> np.ndarray:
    """(K,) correlation of the opening that wrong speech makes with the real one, a shift each."""
    real = tables.real.opening[tables.shifted_rows]  # (M,)
    return np.array([correlation(curve, real) for curve in tables.shifted_opening.T])


def figures(
    tables: Tables, rendered: SyncScore | None, real: SyncScore | None, windows: int
) -> Figures:
    """All figures in groups, not rounded; ``windows`` of SyncNet were scored."""
    shifted = shifted_correlations(tables)
    shifted = shifted[np.isfinite(shifted)]  # too few mouths could be read at the others
    return {
        "mouth": {
            "correlation": correlation(tables.rendered.opening, tables.real.opening),
            "correlation_shifted": float(np.mean(shifted)) if len(shifted) else None,
            "correlation_shifted_abs": float(np.mean(np.abs(shifted))) if len(shifted) else None,
            "lip_distance": _lip_distance(tables.rendered, tables.real),
        },
        "picture": _likeness(tables.rendered)
        | {
            "sharpness": ratio(tables.rendered.detail, tables.real.detail),
            "flicker": ratio(tables.rendered.flicker, tables.real.flicker),
        },
        "sync": {
            "top1": rendered.top1 if rendered else None,
            "offset": rendered.offset if rendered else None,
            "real_top1": real.top1 if real else None,
            "real_offset": real.offset if real else None,
        },
        "copy": {
            "correlation": correlation(tables.copied.opening, tables.real.opening),
            "lip_distance": _lip_distance(tables.copied, tables.real),
        }
        | _likeness(tables.copied),
        "held_out": {
            "frames": int(np.isfinite(tables.rendered.opening).sum()),
            "shifts": len(shifted),
            "sync_windows": windows,
        },
    }


def _lip_distance(mouth: Table, real: Table) -> float:
    return _mean(lip_distance(mouth.points, real.points))


def _likeness(mouth: Table) -> Figures:
    return {
        "psnr_mask": psnr(mouth.error_mask),
        "psnr_crop": psnr(mouth.error_crop),
        "ssim_mask": _mean(mouth.ssim_mask),
        "ssim_crop": _mean(mouth.ssim_crop),
    }


def _mean(values: np.ndarray) -> float:
    """Over the frames in which it is known; NaN where there are none."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def ratio(rendered: np.ndarray, real: np.ndarray) -> float:
    """Of the sums over the frames in which both are known; NaN where the real one is 0."""
    known = np.isfinite(rendered) & np.isfinite(real)
    whole = float(real[known].sum())
    return float(rendered[known].sum()) / whole if whole else float("nan")


def rounded(figures: Figures) -> Figures:
    """As they are written: few digits, and null for what cannot be told."""
    out: Figures = {}
    for key, value in figures.items():
        if isinstance(value, dict):
            out[key] = rounded(value)
        elif isinstance(value, float):
            out[key] = round(value, DIGITS.get(key, 3)) if math.isfinite(value) else None
        else:
            out[key] = value
    return out


def headline(figures: Figures) -> Figures:
    """Those of ``HEADLINE``, in their groups."""
    out: Figures = {}
    for name in HEADLINE:
        group, key = name.split(".")
        out.setdefault(group, {})[key] = figures[group][key]
    return out


def write_figures(path: Path, figures: Figures) -> None:
    """Write them, rounded, as JSON."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(rounded(figures), indent=2, allow_nan=False) + "\n")
