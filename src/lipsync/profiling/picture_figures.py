"""Figures of what is seen, each with its verdict and one line of advice."""

import numpy as np

from lipsync.faces.shots import shots_with_face
from lipsync.profiling import rules
from lipsync.profiling.params import ProfileParams
from lipsync.profiling.recording import Recording
from lipsync.profiling.rules import Advice, Figure, judge_within, judged
from lipsync.profiling.sound import SoundFigures
from lipsync.profiling.timeline import Timeline

INSIDE = 95  # percent of the frames that "stay within" speaks of


def duration(recording: Recording, chosen: ProfileParams) -> Figure:
    shown = shots_with_face(recording.seen, recording.cuts)
    seconds = float(shown.sum()) / recording.fps
    advice: Advice = {
        "green": "long enough",
        "amber": "sounds that are not in it are guessed; record 2 to 4 minutes",
        "red": f"too short to learn speech from; record 2 to 4 minutes, {chosen.seconds[1]:g} s "
        "at the very least",
    }
    return judged("duration", "duration", seconds, "s", chosen.seconds, advice)


def frame_rate(source: float, fps: float) -> Figure:
    """Of the frames a second that a video has, and of which ``fps`` are used."""
    advice: Advice = {
        "green": "as many as are used",
        "amber": f"some of {fps:g} frames a second are shown twice; set the camera to 25 or 30",
        "red": "quick lips are lost between frames; set the camera to 25 or 30 a second",
    }
    details = {"used_fps": fps}
    return judged(
        "source_fps",
        "frames a second",
        source,
        "fps",
        rules.SOURCE_FPS,
        advice,
        details,
        by=source / fps,
    )


def face_size(recording: Recording, chosen: ProfileParams, size: int) -> Figure:
    if not recording.seen.any():
        missing = "no face was found; film one face from the front, well lit"
        return Figure("face_size", "size of the face", None, "px", "red", missing, {"crop": size})
    sides = recording.boxes[:, 2] - recording.boxes[:, 0]
    side = float(np.median(sides[recording.seen]))
    advice: Advice = {
        "green": f"enough for a crop of {size} pixels",
        "amber": f"enlarged to {size} pixels it looks soft; film closer",
        "red": f"below {chosen.face[1] * size:.0f} pixels it shows no detail; film much closer",
    }
    details = {"crop": float(size), "of_crop": side / size}
    return judged(
        "face_size", "size of the face", side, "px", chosen.face, advice, details, by=side / size
    )


def coverage(recording: Recording, chosen: ProfileParams) -> Figure:
    shown = shots_with_face(recording.seen, recording.cuts)
    share = float(recording.seen[shown].mean())
    advice: Advice = {
        "green": "the face is always there",
        "amber": "frames without a face are left out; keep hands and microphone down",
        "red": "the face is missing too often; film one face from the front all the time",
    }
    return judged("coverage", "frames with the face", share, "share", chosen.coverage, advice)


def held_out(timeline: Timeline) -> Figure:
    """Whether the recording can be split into a training part and a held-out part at all."""
    key, name, split = "held_out", "held-out part", timeline.split
    if split is None:
        advice = f"training refuses it: {timeline.refusal.removeprefix('split: ')}"
        return Figure(key, name, None, "s", "red", advice, {})
    seconds = float(timeline.usable[split.validation_start :].sum()) / timeline.fps
    details = {"from": split.validation_start / timeline.fps}
    advice = "usable frames at the end, which no training sees"
    return Figure(key, name, seconds, "s", "green", advice, details)


def several_faces(recording: Recording) -> Figure:
    share = recording.several_faces
    advice: Advice = {
        "green": "nobody else is in sight",
        "amber": "look whether the right face was followed; crop others out of the picture",
        "red": "two people share the picture; crop it to the one who speaks",
    }
    name = "further faces"
    return judged("several_faces", name, share, "share", rules.SEVERAL_FACES, advice)


def cut_off(recording: Recording) -> Figure:
    """Frames whose mesh reaches out of the picture."""
    points = recording.points[recording.seen, :, :2]
    size = (recording.width, recording.height)
    outside = (points < 0).any(axis=(1, 2)) | (points > size).any(axis=(1, 2))
    share = float(outside.mean())
    advice: Advice = {
        "green": "the face lies wholly in the picture",
        "amber": "chin or forehead leave the picture now and then; leave more room around the head",
        "red": "the picture cuts the face; film from further away",
    }
    return judged("cut_off", "face cut by the edge", share, "share", rules.CUT_OFF, advice)


def yaw(angles: np.ndarray, seen: np.ndarray, chosen: ProfileParams) -> Figure:
    turned = angles[seen, 0]
    value = float(np.percentile(np.abs(turned), INSIDE))
    advice: Advice = {
        "green": "the person faces the camera",
        "amber": "half of the mouth is hidden in turned heads; face the camera",
        "red": "the mouth is often seen from the side; face the camera, or cut these parts away",
    }
    return judged("yaw", "head turned aside", value, "degrees", chosen.yaw, advice, _range(turned))


def pitch(angles: np.ndarray, seen: np.ndarray, chosen: ProfileParams) -> Figure:
    nod = angles[seen, 1]
    value = float(np.percentile(np.abs(nod - np.median(nod)), INSIDE))
    advice: Advice = {
        "green": "the head is steady enough",
        "amber": "strong nods hide lips and chin; look at the camera, not at notes",
        "red": "the face is often seen from above or below; camera at eye level, no notes",
    }
    return judged("pitch", "head nods", value, "degrees", chosen.pitch, advice, _range(nod))


def _range(degrees: np.ndarray) -> dict[str, float]:
    low, middle, high = np.percentile(degrees, [1, 50, 99])
    return {"low": float(low), "median": float(middle), "high": float(high)}


def sharpness(values: list[float]) -> Figure:
    if not values:
        return _unknown("sharpness", "sharpness", "")
    low, value = (float(v) for v in np.percentile(values, [10, 50]))
    advice: Advice = {
        "green": "in focus",
        "amber": "soft: check focus, light (slow shutters blur) and the camera's bit rate",
        "red": "blurred, as all that is learned from it: focus on the eyes, more light",
    }
    return judged("sharpness", "sharpness", value, "", rules.SHARPNESS, advice, {"low": low})


def brightness(values: list[float]) -> Figure:
    if not values:
        return _unknown("brightness", "light on the face", "%")
    value = float(np.median(values))
    verdict = judge_within(value, rules.BRIGHTNESS)
    dark = value < rules.BRIGHTNESS[0][0]
    light = "more light on the face" if dark else "less light or exposure"
    advice = {
        "green": "well exposed",
        "amber": f"the face is rather {'dark' if dark else 'bright'}; {light}",
        "red": f"the face is too {'dark' if dark else 'bright'} to show its texture; {light}",
    }[verdict]
    return Figure("brightness", "light on the face", value, "%", verdict, advice, {})


def clipped(values: list[float]) -> Figure:
    if not values:
        return _unknown("clipped", "burnt out or black", "share")
    value = float(np.median(values))
    advice: Advice = {
        "green": "no part of the face is burnt out",
        "amber": "parts of the face are pure white or black; softer light, lower exposure",
        "red": "much of the face is pure white or black; softer light, expose for the face",
    }
    return judged("clipped", "burnt out or black", value, "share", rules.CLIPPED, advice)


def flicker(value: float) -> Figure:
    advice: Advice = {
        "green": "steady light",
        "amber": "the light flickers; set the shutter to 1/50 s (1/60 s where mains has 60 Hz)",
        "red": "strong flicker is learned too; other lamps, shutter 1/50 s (1/60 s)",
    }
    return judged("flicker", "flicker of the light", value, "%", rules.FLICKER, advice)


def cuts(recording: Recording) -> Figure:
    frames, minutes = recording.cuts, recording.seconds / 60
    advice: Advice = {
        "green": "each shot is used by itself" if len(frames) else "one take",
        "amber": "short shots; words are cut from their neighbours: longer ones teach more",
        "red": "shots of a second teach little; give longer ones, or one take",
    }
    rate = len(frames) / minutes
    return judged("cuts", "cuts", float(len(frames)), "count", rules.CUTS, advice, by=rate)


def mouth(opening: np.ndarray, recording: Recording, sound: SoundFigures | None) -> Figure:
    """Between percentiles 5 and 95 while somebody speaks; of all frames without sound."""
    counted = recording.seen.copy()
    if sound is not None and any(passage.speech for passage in sound.passages):
        spoken = np.zeros(len(counted), bool)
        for start, end, speech in sound.passages:
            if speech:
                spoken[round(start * recording.fps) : round(end * recording.fps)] = True
        counted &= spoken
    if counted.sum() < 2:
        return _unknown("mouth_range", "range of the mouth", "eye distances")
    low, high = (float(v) for v in np.percentile(opening[counted], [5, 95]))
    advice: Advice = {
        "green": "the lips move clearly",
        "amber": "the lips move little; speak more clearly, with open vowels",
        "red": "the lips hardly move; is this the person who speaks, and is the mouth free?",
    }
    unit, details = "eye distances", {"low": low, "high": high}
    return judged(
        "mouth_range", "range of the mouth", high - low, unit, rules.MOUTH, advice, details
    )


def _unknown(key: str, name: str, unit: str) -> Figure:
    advice = "too few frames show the face to tell"
    return Figure(key, name, None, unit, "amber", advice, {})
