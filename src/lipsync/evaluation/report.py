"""The tables as figures: a few in evaluation.json, which ``dvc metrics show`` and ``diff`` print,
and all of them in evaluation/details.json.

docs/metrics.md says how each is read. A figure that cannot be told (no speech in the held-out part,
too short for any shift) is null.
"""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from lipsync.evaluation.bootstrap import INTERVAL
from lipsync.evaluation.evidence import Evidence
from lipsync.evaluation.heldout import Table, Tables
from lipsync.evaluation.mouths import correlation, lip_distance, partial_correlation
from lipsync.evaluation.pictures import psnr
from lipsync.files import atomic_path

Figures = dict[str, Any]
HEADLINE = (
    "mouth.correlation",
    "mouth.correlation_shifted",
    "mouth.lip_distance",
    "mouth.silence",
    "mouth.silence_digital",
    "picture.psnr_mask",
    "picture.ssim_mask",
    "picture.sharpness",
    "picture.flicker",
    "picture.seam",
    "sync.top1",
    "sync.offset",
    "sync.real_top1",
    "sync.real_offset",
    "ridge.correlation",
    "copy.psnr_mask",
)
CLOSED = 10.0  # percentile of the real opening that stands for a closed mouth
DIGITS = {
    "psnr_mask": 2,
    "psnr_crop": 2,
    "psnr_mask_over_copy": 2,
    "ssim_mask": 4,
    "ssim_crop": 4,
    "lip_distance": 4,
    "opening_digital": 4,
    "opening_closed": 4,
}


def shifted_correlations(tables: Tables) -> np.ndarray:
    """(K,) correlation of the opening that wrong speech makes with the real one, a shift each."""
    real = tables.real.opening[tables.shifted_rows]  # (M,)
    return np.array([correlation(curve, real) for curve in tables.shifted_opening.T])


def shifted_partials(tables: Tables) -> np.ndarray:
    """(K,) the same, given the opening that is read off the copied mouth."""
    real, copied = (t.opening[tables.shifted_rows] for t in (tables.real, tables.copied))  # (M,)
    return np.array(
        [partial_correlation(curve, real, copied) for curve in tables.shifted_opening.T]
    )


def figures(tables: Tables, evidence: Evidence) -> Figures:
    """All figures in groups, not rounded."""
    shifted = shifted_correlations(tables)
    shifted = shifted[np.isfinite(shifted)]  # too few mouths could be read at the others
    shifted_partial = shifted_partials(tables)
    shifted_partial = shifted_partial[np.isfinite(shifted_partial)]
    real, rendered, copied = tables.real, tables.rendered, tables.copied
    follows = correlation(rendered.opening, real.opening)
    tried = tables.shifted_rows
    follows_tried = correlation(rendered.opening[tried], real.opening[tried])
    ridge = correlation(evidence.counted_ridge(tables), real.opening)
    partial = partial_correlation(rendered.opening, real.opening, copied.opening)
    ridge_partial = partial_correlation(
        evidence.counted_ridge(tables), real.opening, copied.opening
    )
    silence = evidence.silence
    found = {
        "mouth": {
            "correlation": follows,
            "correlation_shifted": float(np.mean(shifted)) if len(shifted) else None,
            "correlation_shifted_abs": float(np.mean(np.abs(shifted))) if len(shifted) else None,
            "partial": partial,
            "partial_shifted": float(np.mean(shifted_partial)) if len(shifted_partial) else None,
            "lip_distance": _lip_distance(rendered, real),
            "silence": ratio(*silence.openings(tables)) if silence else None,
            "silence_digital": silence.digital_ratio() if silence else None,
            "opening_digital": _mean(silence.digital) if silence else None,
            "opening_closed": _percentile(real.opening, CLOSED),
        },
        "picture": _likeness(rendered)
        | {
            "sharpness": ratio(rendered.detail, real.detail),
            "flicker": ratio(rendered.flicker, real.flicker),
        }
        | _seam(rendered, real),
        "sync": {
            "top1": evidence.rendered.top1 if evidence.rendered else None,
            "offset": evidence.rendered.offset if evidence.rendered else None,
            "real_top1": evidence.real.top1 if evidence.real else None,
            "real_offset": evidence.real.offset if evidence.real else None,
        },
        "ridge": {"correlation": ridge, "partial": ridge_partial},
        "copy": {
            "correlation": correlation(copied.opening, real.opening),
            "lip_distance": _lip_distance(copied, real),
        }
        | _likeness(copied)
        | _seam(copied, real),
        "margin": {
            "correlation_over_ridge": follows - ridge,
            "partial_over_ridge": partial - ridge_partial,
            "correlation_over_shifted": (
                follows_tried - float(np.mean(shifted)) if len(shifted) else None
            ),
            "psnr_mask_over_copy": psnr(rendered.error_mask) - psnr(copied.error_mask),
        },
        "held_out": {
            "frames": int(np.isfinite(rendered.opening).sum()),
            "shifts": len(shifted),
            "sync_windows": evidence.windows,
            "silent_frames": int(np.isfinite(silence.openings(tables)[0]).sum()) if silence else 0,
        },
    }
    if evidence.official:
        found["official"] = evidence.official.figures()
    return found


def with_intervals(found: Figures, intervals: Figures) -> Figures:
    """Each figure followed by its ``<figure>_interval``, [low, high] or None, where it has one."""
    out: Figures = {}
    for group, values in found.items():
        out[group] = {}
        for name, value in values.items():
            out[group][name] = value
            if name in intervals.get(group, {}):
                told = value is not None and math.isfinite(value)
                out[group][name + INTERVAL] = intervals[group][name] if told else None
    return out


def _lip_distance(mouth: Table, real: Table) -> float:
    return _mean(lip_distance(mouth.points, real.points))


def _likeness(mouth: Table) -> Figures:
    return {
        "psnr_mask": psnr(mouth.error_mask),
        "psnr_crop": psnr(mouth.error_crop),
        "ssim_mask": _mean(mouth.ssim_mask),
        "ssim_crop": _mean(mouth.ssim_crop),
    }


def _seam(mouth: Table, real: Table) -> Figures:
    return {"seam": 1 + ratio(mouth.border, real.edge), "seam_step": _mean(mouth.step)}


def _mean(values: np.ndarray) -> float:
    """Over the frames in which it is known; NaN where there are none."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _percentile(values: np.ndarray, percent: float) -> float:
    known = values[np.isfinite(values)]
    return float(np.percentile(known, percent)) if len(known) else float("nan")


def ratio(rendered: np.ndarray, real: np.ndarray) -> float:
    """Of the sums over the frames in which both are known; NaN where the real one is 0."""
    known = np.isfinite(rendered) & np.isfinite(real)
    whole = float(real[known].sum())
    return float(rendered[known].sum()) / whole if whole else float("nan")


def rounded(figures: Figures) -> Figures:
    """As they are written: few digits, and null for what cannot be told."""
    return {
        key: rounded(value) if isinstance(value, dict) else _rounded(key, value)
        for key, value in figures.items()
    }


def _rounded(key: str, value: Any) -> Any:
    if isinstance(value, list):
        edges = [_rounded(key.removesuffix(INTERVAL), edge) for edge in value]
        return None if None in edges else edges
    if isinstance(value, float):
        return round(value, DIGITS.get(key, 3)) if math.isfinite(value) else None
    return value


def headline(figures: Figures) -> Figures:
    """Those of ``HEADLINE``, in their groups."""
    out: Figures = {}
    for name in HEADLINE:
        group, key = name.split(".")
        out.setdefault(group, {})[key] = figures[group][key]
    return out


def write_figures(path: Path, figures: Figures) -> None:
    """Write them, rounded, as JSON; an interval on one line."""
    text = json.dumps(rounded(figures), indent=2, allow_nan=False)
    text = re.sub(r"\[\s+(\S+),\s+(\S+)\s+\]", r"[\1, \2]", text)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n")
