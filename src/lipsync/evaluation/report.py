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

from lipsync.alignment.offset import Offset
from lipsync.evaluation.bootstrap import INTERVAL
from lipsync.evaluation.evidence import Evidence
from lipsync.evaluation.heldout import Tables
from lipsync.evaluation.measures import FrameMetrics
from lipsync.evaluation.mouths import (
    correlation,
    lip_distance,
    mean_ratio,
    partial_correlation,
    spread,
)
from lipsync.evaluation.pictures import psnr
from lipsync.files import atomic_path

Figures = dict[str, Any]
HEADLINE = (
    "face.correlation",
    "face.spread",
    "face.psnr_region",
    "face.psnr_mask",
    "face.ssim_mask",
    "face.sharpness",
    "face.flicker",
    "face.seam",
    "retrieval.psnr_region",
    "retrieval.psnr_mask",
    "retrieval.sharpness",
    "retrieval.flicker",
    "retrieval.seam",
    "expression.opening_r",
    "expression.width_r",
    "expression.spread",
    "expression.closure",
    "mouth.correlation",
    "mouth.spread",
    "mouth.correlation_shifted",
    "mouth.lip_distance",
    "mouth.silence",
    "mouth.silence_digital",
    "picture.psnr_region",
    "picture.psnr_mask",
    "picture.sharpness",
    "picture.flicker",
    "picture.seam",
    "voices.least_spread",
    "voices.most_spread",
    "voices.least_mean",
    "voices.most_mean",
    "voices.closure",
    "voices.agreement",
    "sync.top1",
    "sync.offset",
    "sync.real_top1",
    "sync.real_offset",
    "sync.base_score",
    "sync.base_real_score",
    "ridge.correlation",
    "copy.psnr_region",
)
VOICES = ("least_spread", "most_spread", "least_mean", "most_mean", "closure", "agreement")
EXPRESSION = ("opening_r", "width_r", "spread", "mean_ratio", "closure", "wrong_closure")
CLOSED = 10.0  # percentile of the real opening that stands for a closed mouth
DIGITS = {
    "psnr_mask": 2,
    "psnr_region": 2,
    "psnr_region_over_copy": 2,
    "psnr_region_over_retrieval": 2,
    "ssim_mask": 4,
    "lip_distance": 4,
    "opening_digital": 4,
    "opening_closed": 4,
}


def shifted_correlations(tables: Tables) -> np.ndarray:
    """(K,) correlation of the opening from mismatched audio with the real one, a shift each."""
    real = tables.opening[tables.shifted_rows]  # (M,)
    return np.array([correlation(curve, real) for curve in tables.shifted_opening.T])


def shifted_partials(tables: Tables) -> np.ndarray:
    """(K,) the same, given the opening that is read off the still mouth."""
    real, still = (each[tables.shifted_rows] for each in (tables.opening, tables.still.opening))
    return np.array([partial_correlation(curve, real, still) for curve in tables.shifted_opening.T])


def figures(tables: Tables, evidence: Evidence) -> Figures:
    """All figures in groups, not rounded."""
    real, still = tables.opening, tables.still
    expressions = evidence.expressions
    found = {
        "face": _mouth(tables.filmed, tables) | _picture(tables.filmed),
        "retrieval": _mouth(tables.retrieved, tables) | _picture(tables.retrieved),
        "expression": expressions.figures() if expressions else dict.fromkeys(EXPRESSION),
        "mouth": _mouth(tables.spoken, tables) | _leak(tables) | _silence(tables, evidence),
        "picture": _picture(tables.spoken),
        "voices": evidence.voices or dict.fromkeys(VOICES),
        "sync": {
            "top1": evidence.rendered.top1 if evidence.rendered else None,
            "offset": evidence.rendered.offset if evidence.rendered else None,
            "real_top1": evidence.real.top1 if evidence.real else None,
            "real_offset": evidence.real.offset if evidence.real else None,
        }
        | _score("base", evidence.base_rendered)
        | _score("base_real", evidence.base_real),
        "ridge": {
            "correlation": correlation(evidence.counted_ridge(tables), real),
            "partial": partial_correlation(evidence.counted_ridge(tables), real, still.opening),
        },
        "copy": {
            "correlation": correlation(still.opening, real),
            "lip_distance": _lip_distance(still, tables),
        }
        | _picture(still, in_time=False),
    }
    found["margin"] = _margins(found, tables)
    silence, expressions = evidence.silence, evidence.expressions
    found["held_out"] = {
        "frames": int(np.isfinite(tables.spoken.opening).sum()),
        "shifts": int(np.isfinite(shifted_correlations(tables)).sum()),
        "closed_frames": int(expressions.closed[1].sum()) if expressions else 0,
        "sync_windows": evidence.windows,
        "silent_frames": int(np.isfinite(silence.openings(tables)[0]).sum()) if silence else 0,
    }
    if evidence.official:
        found["official"] = evidence.official.figures()
    return found


def _score(name: str, measured: Offset | None) -> Figures:
    """Correlation with the base's prediction as it is, and the offset in seconds where certain."""
    if measured is None or measured.seconds is None:
        return {f"{name}_score": None, f"{name}_offset": None}
    certain = not measured.doubt
    return {
        f"{name}_score": measured.as_it_is,
        f"{name}_offset": measured.seconds if certain else None,
    }


def _mouth(mouth: FrameMetrics, tables: Tables) -> Figures:
    """How the lips that are read off rendered frames go with the real ones."""
    return {
        "correlation": correlation(mouth.opening, tables.opening),
        "spread": spread(mouth.opening, tables.opening),
        "lip_distance": _lip_distance(mouth, tables),
    }


def _leak(tables: Tables) -> Figures:
    shifted, partial = (
        each[np.isfinite(each)]  # too few mouths could be read at the others
        for each in (shifted_correlations(tables), shifted_partials(tables))
    )
    spoken, still = tables.spoken, tables.still
    return {
        "correlation_shifted": float(np.mean(shifted)) if len(shifted) else None,
        "correlation_shifted_abs": float(np.mean(np.abs(shifted))) if len(shifted) else None,
        "partial": partial_correlation(spoken.opening, tables.opening, still.opening),
        "partial_shifted": float(np.mean(partial)) if len(partial) else None,
    }


def _silence(tables: Tables, evidence: Evidence) -> Figures:
    silence = evidence.silence
    return {
        "silence": mean_ratio(*silence.openings(tables)) if silence else None,
        "silence_digital": silence.digital_ratio() if silence else None,
        "opening_digital": _mean(silence.digital) if silence else None,
        "opening_closed": _percentile(tables.opening, CLOSED),
    }


def _picture(mouth: FrameMetrics, in_time: bool = True) -> Figures:
    found = {
        "psnr_region": psnr(mouth.error_region),
        "psnr_mask": psnr(mouth.error_mask),
        "ssim_mask": _mean(mouth.ssim_mask),
        "sharpness": mean_ratio(mouth.detail, mouth.real_detail),
        "seam": 1 + mean_ratio(mouth.border, mouth.real_edge),
        "seam_step": _mean(mouth.step),
    }
    if in_time:
        found["flicker"] = mean_ratio(mouth.flicker, mouth.real_flicker)
    return found


def _margins(found: Figures, tables: Tables) -> Figures:
    """What one is better than another by, on the same frames."""
    mouth, ridge, face, retrieval = (
        found[each] for each in ("mouth", "ridge", "face", "retrieval")
    )
    tried, shifted = tables.shifted_rows, mouth["correlation_shifted"]
    follows = correlation(tables.spoken.opening[tried], tables.opening[tried])
    return {
        "correlation_over_ridge": mouth["correlation"] - ridge["correlation"],
        "partial_over_ridge": mouth["partial"] - ridge["partial"],
        "correlation_over_shifted": follows - shifted if shifted is not None else None,
        "psnr_region_over_copy": (
            psnr(error_beside_still(tables)) - psnr(tables.still.error_region)
        ),
        **{
            f"{name}_over_retrieval": face[name] - retrieval[name]
            for name in ("psnr_region", "sharpness", "flicker", "seam")
        },
    }


def error_beside_still(tables: Tables) -> np.ndarray:
    """(J,) of the frames from speech in the fixed region, where the still mouth was rendered too.

    NaN elsewhere.
    """
    known = np.isfinite(tables.still.error_region)
    return np.where(known, tables.spoken.error_region, np.nan)


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


def _lip_distance(mouth: FrameMetrics, tables: Tables) -> float:
    return _mean(lip_distance(mouth.points, tables.points))


def _mean(values: np.ndarray) -> float:
    """Over the frames in which it is known; NaN where there are none."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _percentile(values: np.ndarray, percent: float) -> float:
    known = values[np.isfinite(values)]
    return float(np.percentile(known, percent)) if len(known) else float("nan")


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
