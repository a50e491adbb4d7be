"""profile.png: a recording's profile on one page."""

from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np

from lipsync.faces.crop import resample
from lipsync.files import atomic_path
from lipsync.media.colours import to_rgb
from lipsync.profiling.measure import Profile, Sample
from lipsync.profiling.report import headline
from lipsync.profiling.sound import frame_levels
from lipsync.profiling.timeline import USABLE, draw

DPI = 110
SIZE = (13.0, 9.6)  # inches
COLOURS = {"green": "#3a9d5d", "amber": "#e6a117", "red": "#cf3b3b"}
INK, FAINT, SPEECH = "#222222", "#777777", "#dbe8f5"
FRAMES = {  # of the timeline
    USABLE: "#8cc7a1",
    "no face": "#c9c9c9",
    "other person": "#8e7cc3",
    "covered": "#e6a117",
    "shot too short": "#cf3b3b",
}
FACES = 6
ROOM = 1.45  # side of a thumbnail over that of the crop
THUMBNAIL = 200  # pixels


def write_page(path: Path, profile: Profile) -> None:
    """Faces from left to right, shots and curves over time, a traffic light for each figure."""
    from matplotlib.figure import Figure as Page

    page = Page(figsize=SIZE, facecolor="white")
    recording = profile.recording
    faces = page.add_gridspec(1, FACES, left=0.02, right=0.98, top=0.885, bottom=0.665, wspace=0.05)
    plots = page.add_gridspec(
        4,
        1,
        left=0.05,
        right=0.5,
        top=0.61,
        bottom=0.055,
        hspace=0.45,
        height_ratios=(0.3, 1, 1, 1),
    )
    page.text(0.02, 0.965, recording.name, fontsize=17, weight="bold", color=INK, va="center")
    source = recording.source
    facts = (
        f"{recording.seconds:.1f} s, {source.width} x {source.height} at {float(source.fps):.3g} "
        f"frames a second, judged at {recording.fps:g}"
    )
    page.text(0.02, 0.932, facts, fontsize=10, color=FAINT, va="center")
    _light(page, 0.975, 0.955, profile.verdict, 0.014)
    said = headline(profile)
    page.text(0.958, 0.955, said, fontsize=12, color=INK, va="center", ha="right")
    _faces(page, faces, profile)
    _timeline(page.add_subplot(plots[0]), profile)
    _mouth(page.add_subplot(plots[1]), profile)
    _angles(page.add_subplot(plots[2]), profile)
    _loudness(page.add_subplot(plots[3]), profile)
    _lights(page, profile, top=0.6, left=0.53)
    with atomic_path(path) as temporary:
        page.savefig(temporary, dpi=DPI)


def choose_faces(samples: list[Sample], angles: np.ndarray) -> list[Sample]:
    """Up to FACES samples, from the one most turned to the picture's left to that to its right."""
    if len(samples) <= FACES:
        return sorted(samples, key=lambda sample: angles[sample.frame, 0])
    ordered = sorted(samples, key=lambda sample: angles[sample.frame, 0])
    places = np.linspace(0, len(ordered) - 1, FACES).round().astype(int)
    return [ordered[place] for place in places]


def thumbnail(rgb: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The head around a crop's box (4,), (THUMBNAIL, THUMBNAIL, 3) uint8."""
    side = float(box[2] - box[0]) * ROOM
    x0, y0 = (float(v) for v in (box[:2] + box[2:]) / 2 - side / 2)
    y0 -= 0.08 * side  # the crop ends at the brows; show the forehead
    return resample(rgb, x0, y0, side / THUMBNAIL, (THUMBNAIL, THUMBNAIL), smooth=True)


def _faces(page: Any, grid: Any, profile: Profile) -> None:
    recording = profile.recording
    for column, sample in enumerate(choose_faces(profile.samples, profile.angles)):
        axes = page.add_subplot(grid[0, column])
        rgb = to_rgb(recording.sampled.kept[sample.frame])
        axes.imshow(thumbnail(rgb, recording.boxes[sample.frame]))
        axes.set_axis_off()
        yaw, pitch, _ = profile.angles[sample.frame]
        seconds = (sample.frame + 0.5) / recording.fps
        text = f"{seconds:.1f} s   {_aside(yaw)}, {abs(pitch):.0f}° {'up' if pitch > 0 else 'down'}"
        axes.set_title(text, fontsize=8, color=FAINT, pad=3)


def _aside(yaw: float) -> str:
    if abs(yaw) < 0.5:
        return "ahead"
    return f"{abs(yaw):.0f}° {'right' if yaw > 0 else 'left'}"


def _seconds(profile: Profile) -> np.ndarray:
    return (np.arange(len(profile.angles)) + 0.5) / profile.recording.fps


def _curve(axes: Any, profile: Profile, title: str, last: bool = False) -> None:
    """What all plots share: speech shaded, the same time axis."""
    axes.set_xlim(0, profile.recording.seconds)
    axes.set_title(title, fontsize=9, loc="left", color=INK, pad=3)
    axes.tick_params(labelsize=8, colors=FAINT, labelbottom=last)
    axes.grid(alpha=0.25)
    for name in ("top", "right"):
        axes.spines[name].set_visible(False)
    if last:
        axes.set_xlabel("seconds", fontsize=8, color=FAINT)
    for start, end, speech in profile.sound.passages if profile.sound else ():
        if speech:
            axes.axvspan(start, end, color=SPEECH, linewidth=0, zorder=0)


def _timeline(axes: Any, profile: Profile) -> None:
    draw(axes, profile.timeline, FRAMES, INK)
    axes.set_xlim(0, profile.recording.seconds)
    axes.set_ylim(0, 1.1)
    axes.set_axis_off()
    shots = len(profile.timeline.cuts) + 1
    title = f"{shots} shot{'s' if shots > 1 else ''} (black below: held out)"
    axes.set_title(title, fontsize=9, loc="left", color=INK, pad=3)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 0.95), fontsize=7, ncols=5, frameon=False)


def _mouth(axes: Any, profile: Profile) -> None:
    opening = np.where(profile.recording.seen, profile.opening, np.nan)
    axes.plot(_seconds(profile), opening, color=INK, linewidth=0.8)
    axes.set_ylim(bottom=0)
    _curve(axes, profile, "mouth opening, of eye distance (shaded: speech)")


def _angles(axes: Any, profile: Profile) -> None:
    angles = np.where(profile.recording.seen[:, None], profile.angles, np.nan)
    axes.plot(_seconds(profile), angles[:, 0], color="#1f77b4", linewidth=0.9, label="yaw")
    axes.plot(_seconds(profile), angles[:, 1], color="#d6773a", linewidth=0.9, label="pitch")
    axes.legend(loc="upper right", fontsize=7, ncols=2, frameon=False)
    _curve(axes, profile, "head, degrees: right and up are positive")


def _loudness(axes: Any, profile: Profile) -> None:
    if profile.recording.sound is not None:
        levels = frame_levels(profile.recording.sound, len(profile.angles))
        axes.plot(_seconds(profile), levels, color=INK, linewidth=0.8)
    if profile.sound and profile.sound.noise is not None:
        axes.axhline(profile.sound.noise, color=COLOURS["red"], linewidth=0.8, linestyle=":")
    _curve(axes, profile, "loudness, dBFS (dotted: noise of the pauses)", last=True)


def _lights(page: Any, profile: Profile, top: float, left: float) -> None:
    step = min(0.031, (top - 0.03) / max(1, len(profile.figures)))
    for row, figure in enumerate(profile.figures):
        y = top - row * step
        strong = figure.verdict != "green"
        _light(page, left, y, figure.verdict, 0.0065)
        page.text(left + 0.014, y, figure.name, fontsize=8.5, color=INK, va="center")
        value = figure.text()
        page.text(left + 0.215, y, value, fontsize=8.5, color=INK, va="center", ha="right")
        page.text(
            left + 0.226,
            y,
            _wrapped(figure.advice),
            fontsize=7.2,
            color=INK if strong else FAINT,
            va="center",
            linespacing=1.0,
        )


def _wrapped(advice: str) -> str:
    """In two lines at most."""
    from textwrap import wrap

    lines = wrap(advice, 56)
    if len(lines) > 2:
        lines = [lines[0], shorten(" ".join(lines[1:]), 56, placeholder=" ...")]
    return "\n".join(lines)


def _light(page: Any, x: float, y: float, verdict: str, radius: float) -> None:
    from matplotlib.patches import Ellipse

    width, height = SIZE
    shape = Ellipse((x, y), 2 * radius, 2 * radius * width / height, color=COLOURS[verdict])
    shape.set_transform(page.transFigure)
    page.add_artist(shape)
