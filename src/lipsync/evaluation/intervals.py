"""95 % intervals of the figures of ``report.figures``, under the same names in the same groups.

All figures of the same frames are resampled alike, so the differences in ``margin`` are paired;
right against mismatched audio is compared on the frames that mismatched audio was tried in.

Some have none: the mean absolute r of mismatched audio (resampling adds chance, which abs() turns
upwards), the closed mouth's percentile, which is no function of sums over frames, and the offsets,
which are whole frames.
"""

import numpy as np

from lipsync.evaluation import bootstrap as B
from lipsync.evaluation.evidence import Evidence
from lipsync.evaluation.expressions import Expressions
from lipsync.evaluation.heldout import Tables
from lipsync.evaluation.measures import FrameMetrics
from lipsync.evaluation.mouths import lip_distance, without
from lipsync.evaluation.official import FPS, OfficialScore
from lipsync.evaluation.report import error_beside_still
from lipsync.evaluation.silence import Silence
from lipsync.evaluation.sync import Judged
from lipsync.syncnet.score import AVERAGE

Intervals = dict[str, dict[str, B.Interval]]


def intervals(tables: Tables, evidence: Evidence, fps: float) -> Intervals:
    """[low, high] of each figure, or None where there is none.

    Args:
        fps: of the video, which makes blocks of half a second; the published SyncNet has its own
    """
    block = B.BLOCK_SECONDS * fps
    blocks = B.Blocks(len(tables.points), block)
    real, spoken, still = tables.opening, tables.spoken, tables.still
    mouth = _mouth(blocks, spoken, tables)
    ridge = B.correlations(blocks, evidence.counted_ridge(tables), real)
    partial = _partials(blocks, spoken.opening, real, still.opening)
    ridge_partial = _partials(blocks, evidence.counted_ridge(tables), real, still.opening)
    right, wrong, wrong_partial = _speeches(tables, block)
    face, retrieval = (_picture(blocks, each) for each in (tables.filmed, tables.retrieved))
    copied = _picture(blocks, still)
    beside_still = _psnr(B.means(blocks, error_beside_still(tables)))
    samples = {
        "face": _mouth(blocks, tables.filmed, tables) | face,
        "retrieval": _mouth(blocks, tables.retrieved, tables) | retrieval,
        "expression": _expression(evidence.expressions, block),
        "mouth": mouth
        | {
            "correlation_shifted": wrong,
            "partial": partial,
            "partial_shifted": wrong_partial,
            **_silence(blocks, tables, evidence.silence, block),
        },
        "picture": _picture(blocks, spoken),
        "sync": {
            "top1": _top1(evidence.rendered, block),
            "real_top1": _top1(evidence.real, block),
        },
        "ridge": {"correlation": ridge, "partial": ridge_partial},
        "copy": {
            "correlation": B.correlations(blocks, still.opening, real),
            "lip_distance": B.means(blocks, lip_distance(still.points, tables.points)),
            **{name: values for name, values in copied.items() if name != "flicker"},
        },
        "margin": {
            "correlation_over_ridge": mouth["correlation"] - ridge,
            "partial_over_ridge": partial - ridge_partial,
            "correlation_over_shifted": right - wrong,
            "psnr_region_over_copy": _difference(beside_still, copied["psnr_region"]),
            **{
                f"{name}_over_retrieval": _difference(face[name], retrieval[name])
                for name in ("psnr_region", "sharpness", "flicker", "seam")
            },
        },
    }
    if evidence.official:
        samples["official"] = _official(evidence.official)
    found = {
        group: {name: B.interval(values) for name, values in figures.items()}
        for group, figures in samples.items()
    }
    for name, measured in (
        ("base_score", evidence.base_rendered),
        ("base_real_score", evidence.base_real),
    ):
        found["sync"][name] = list(measured.as_it_is_interval) if measured else None
    return found


def _mouth(blocks: B.Blocks, mouth: FrameMetrics, tables: Tables) -> dict[str, np.ndarray]:
    return {
        "correlation": B.correlations(blocks, mouth.opening, tables.opening),
        "spread": B.spreads(blocks, mouth.opening, tables.opening),
        "lip_distance": B.means(blocks, lip_distance(mouth.points, tables.points)),
    }


def _picture(blocks: B.Blocks, mouth: FrameMetrics) -> dict[str, np.ndarray]:
    return {
        "psnr_region": _psnr(B.means(blocks, mouth.error_region)),
        "psnr_mask": _psnr(B.means(blocks, mouth.error_mask)),
        "ssim_mask": B.means(blocks, mouth.ssim_mask),
        "sharpness": B.ratios(blocks, mouth.detail, mouth.real_detail),
        "flicker": B.ratios(blocks, mouth.flicker, mouth.real_flicker),
        "seam": 1 + B.ratios(blocks, mouth.border, mouth.real_edge),
        "seam_step": B.means(blocks, mouth.step),
    }


def _expression(expressions: Expressions | None, block: float) -> dict[str, np.ndarray]:
    if expressions is None:
        return {}
    blocks = B.Blocks(len(expressions.opening), block)
    return {
        "opening_r": B.correlations(blocks, expressions.opening, expressions.real_opening),
        "width_r": B.correlations(blocks, expressions.width, expressions.real_width),
        "spread": B.spreads(blocks, expressions.opening, expressions.real_opening),
        "mean_ratio": B.ratios(blocks, expressions.opening, expressions.real_opening),
        "closure": B.ratios(blocks, *expressions.closures()),
        "wrong_closure": B.ratios(blocks, *expressions.wrong_closures()),
    }


def _partials(
    blocks: B.Blocks, curves: np.ndarray, real: np.ndarray, given: np.ndarray
) -> np.ndarray:
    """(R, ...) partial correlation of curves (L, ...) with real, given a third curve (L,)."""
    shape = (-1, *[1] * (curves.ndim - 1))
    known = np.isfinite(curves) & np.isfinite((real + given).reshape(shape))
    curves = np.where(known, curves, np.nan)
    columns = np.where(known, given.reshape(shape), np.nan)
    return without(
        B.correlations(blocks, curves, real),
        B.correlations(blocks, curves, given),
        B.correlations(blocks, columns, real),
    )


def _speeches(tables: Tables, block: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """In each resample of the frames tried: r with right speech, and the means over all shifts of
    r and of the partial one."""
    rows = tables.shifted_rows
    if len(rows) < 2:
        return _nothing(), _nothing(), _nothing()
    apart = (rows[-1] - rows[0]) / (len(rows) - 1)  # frames
    blocks = B.Blocks(len(rows), block / apart)
    real, still = tables.opening[rows], tables.still.opening[rows]
    each = B.correlations(blocks, tables.shifted_opening, real)  # (R, K)
    each_partial = _partials(blocks, tables.shifted_opening, real, still)
    wrong, wrong_partial = (
        B.divided(np.where(np.isfinite(r), r, 0.0).sum(axis=1), np.isfinite(r).sum(axis=1))
        for r in (each, each_partial)
    )
    return B.correlations(blocks, tables.spoken.opening[rows], real), wrong, wrong_partial


def _silence(
    blocks: B.Blocks, tables: Tables, silence: Silence | None, block: float
) -> dict[str, np.ndarray]:
    if silence is None:
        return {}
    rendered, real = silence.openings(tables)
    pauses = B.Blocks(len(silence.pauses), block / silence.apart, seed=1)
    digital = B.Blocks(len(silence.digital), block / silence.digital_apart, seed=2)
    opened, closed = B.means(digital, silence.digital), B.means(pauses, silence.pauses)
    return {
        "silence": B.ratios(blocks, rendered, real),
        "silence_digital": B.divided(opened, closed),
        "opening_digital": opened,
    }


def _psnr(error: np.ndarray) -> np.ndarray:
    """dB of mean squared errors (R,); infinite where there is none."""
    with np.errstate(divide="ignore"):
        return 10 * np.log10(255**2 / error)


def _difference(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # of two infinite ones
        return ours - theirs


def _top1(judged: Judged | None, block: float) -> np.ndarray:
    """An answer hears and sees AVERAGE windows, so neighbours share most: blocks are longer."""
    if judged is None:
        return _nothing()
    return B.means(B.Blocks(len(judged.right), block + AVERAGE), judged.right)


def _official(score: OfficialScore) -> dict[str, np.ndarray]:
    """Its windows begin 25 times a second whatever the video's frame rate is."""
    found = {}
    for prefix, windows in (("", score.rendered), ("real_", score.real)):
        blocks = B.Blocks(len(windows.distances), B.BLOCK_SECONDS * FPS)
        curves = B.means(blocks, windows.distances)  # (R, 31)
        found[f"{prefix}lse_d"] = curves.min(axis=1)
        found[f"{prefix}lse_c"] = np.median(curves, axis=1) - curves.min(axis=1)
    return found


def _nothing() -> np.ndarray:
    return np.full(B.RESAMPLES, np.nan)
