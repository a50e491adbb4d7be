"""From a recording to its profile: every figure, and what the page shows of it."""

from dataclasses import dataclass

import numpy as np

from lipsync.faces.crop import extract
from lipsync.faces.landmarks import mouth_opening
from lipsync.media.planes import to_planes
from lipsync.profiling import appearance, picture_figures, sound_figures
from lipsync.profiling.identity import Identity, embed_person
from lipsync.profiling.params import ProfileParams
from lipsync.profiling.pose import head_angles
from lipsync.profiling.recording import Recording
from lipsync.profiling.rules import Figure, Verdict, worst
from lipsync.profiling.sound import SoundFigures, listen
from lipsync.profiling.timeline import Timeline, make_timeline
from lipsync.training.params import SplitParams

HELD_OUT_PLACE = 4  # among the figures: after the share of frames with the face


@dataclass(frozen=True)
class Sample:
    """A frame that was looked at closely: its crop (160, 160, 3) uint8 RGB, and how it looks."""

    frame: int
    crop: np.ndarray
    sharpness: float
    brightness: float
    clipped: float


@dataclass(frozen=True)
class Profile:
    """A recording's figures, and what they were made of.

    Attributes:
        angles: (N, 3) yaw, pitch, roll in degrees, NaN where no face is known
        opening: (N,) of the mouth over the eye distance, NaN likewise
        sound: None of a video without sound
    """

    recording: Recording
    figures: list[Figure]
    angles: np.ndarray
    opening: np.ndarray
    sound: SoundFigures | None
    samples: list[Sample]
    identity: Identity | None
    timeline: Timeline

    @property
    def verdict(self) -> Verdict:
        """The worst of all figures."""
        return worst([figure.verdict for figure in self.figures])


def make_profile(
    recording: Recording, chosen: ProfileParams, size: int, split: SplitParams
) -> Profile:
    """Judge a recording.

    Args:
        size: pixels of the crop that the refiner works on, `crop.size`
        split: what would be held out

    Raises LipsyncError if `profile.face_recognition` is given and cannot be used.
    """
    angles = head_angles(recording.points)
    opening = mouth_opening(recording.points)
    samples = look_closely(recording)
    sound = None if recording.sound is None else listen(recording.sound)
    timeline = make_timeline(recording, split)
    figures = figures_of_frames(recording, recording.fps, angles, samples, chosen, size)
    figures.insert(HELD_OUT_PLACE, picture_figures.held_out(timeline))
    if recording.seen.any():
        figures += [
            picture_figures.flicker(_flicker(recording)),
            picture_figures.cuts(recording),
            picture_figures.mouth(opening, recording, sound),
        ]
    figures += sound_figures.of_sound(sound, chosen, recording.source.unknown_sound)
    if recording.timing is not None:
        figures.append(sound_figures.offset(recording.timing, recording.fps))
    identity = None
    if chosen.face_recognition is not None:
        sharp = {sample.frame: sample.sharpness for sample in samples}
        identity = embed_person(chosen.face_recognition, recording, angles, sharp)
    return Profile(recording, figures, angles, opening, sound, samples, identity, timeline)


def figures_of_frames(
    recording: Recording,
    fps: float,
    angles: np.ndarray,
    samples: list[Sample],
    chosen: ProfileParams,
    size: int,
) -> list[Figure]:
    """Those for which it is enough to see single frames, whatever lies between them.

    Args:
        fps: frames a second that training uses
        angles: (N, 3) degrees, of ``head_angles``
        size: as of ``make_profile``
    """
    figures = [
        picture_figures.duration(recording, chosen),
        picture_figures.frame_rate(float(recording.source.fps), fps),
        picture_figures.face_size(recording, chosen, size),
        picture_figures.coverage(recording, chosen),
        picture_figures.several_faces(recording),
    ]
    if recording.seen.any():
        figures += [
            picture_figures.cut_off(recording),
            picture_figures.yaw(angles, recording.seen, chosen),
            picture_figures.pitch(angles, recording.seen, chosen),
            picture_figures.sharpness([sample.sharpness for sample in samples]),
            picture_figures.brightness([sample.brightness for sample in samples]),
            picture_figures.clipped([sample.clipped for sample in samples]),
        ]
    return figures


def look_closely(recording: Recording) -> list[Sample]:
    """The kept pictures that show the face."""
    samples = []
    for frame, picture in recording.sampled.kept.items():
        if recording.seen[frame]:
            crop = extract(to_planes(picture), recording.boxes[frame], appearance.SIDE)
            grey = appearance.luma(crop)
            samples.append(
                Sample(
                    frame,
                    crop,
                    appearance.sharpness(grey),
                    appearance.brightness(grey),
                    appearance.clipped(grey),
                )
            )
    return samples


def _flicker(recording: Recording) -> float:
    """Smoothed boxes, for one that trembles would change the mean."""
    small = recording.sampled.small
    scale = small.shape[2] / recording.width
    lumas = appearance.face_lumas(small, recording.boxes * scale)
    lumas[~recording.seen] = np.nan
    return appearance.flicker(lumas, recording.cuts)
