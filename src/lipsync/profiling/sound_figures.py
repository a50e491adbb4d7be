"""Figures of what is heard, and of how it fits the picture."""

from lipsync.profiling import rules
from lipsync.profiling.params import ProfileParams
from lipsync.profiling.recording import Timing
from lipsync.profiling.rules import Advice, Figure, judge, judge_within, judged, worst
from lipsync.profiling.sound import SoundFigures

NO_PAUSE = "too short to measure it; leave a second of silence at both ends"
NOT_QUIET = "no moment is quiet: noise, music or echo; a quiet room, silence at both ends"


def of_sound(
    sound: SoundFigures | None, chosen: ProfileParams, unknown: bool = False
) -> list[Figure]:
    """Speech, pauses, level, noise; a single red figure where there is no sound.

    unknown: whether there is none because its codec is not known
    """
    if sound is None:
        advice = "the video has no sound; record it with sound"
        if unknown:
            advice = "its audio is in a codec that is not known here; convert it to mp4 with AAC"
        return [Figure("speech", "speech", None, "share", "red", advice, {})]
    return [
        _speech(sound, chosen),
        _pauses(sound),
        _level(sound),
        _noise(sound),
        _snr(sound, chosen),
    ]


def _speech(sound: SoundFigures, chosen: ProfileParams) -> Figure:
    advice: Advice = {
        "green": "somebody speaks most of the time",
        "amber": "much of the time nobody speaks and nothing is learned; record more speech",
        "red": "hardly any speech is heard; check the microphone and what was recorded",
    }
    return judged("speech", "speech", sound.speech, "share", chosen.speech, advice)


def _pauses(sound: SoundFigures) -> Figure:
    advice: Advice = {
        "green": "there are pauses to learn the closed mouth from",
        "amber": "hardly a pause; leave a second of silence with closed lips at both ends",
    }
    share = sound.pauses / sound.seconds if sound.seconds else 0.0
    details = {"seconds": sound.pauses}
    unit, by = "share", sound.pauses
    return judged("silence", "silence", share, unit, rules.PAUSES, advice, details, by=by)


def _level(sound: SoundFigures) -> Figure:
    if sound.level is None:
        advice = "no speech was found to measure"
        return Figure("speech_level", "level of the speech", None, "dBFS", "red", advice, {})
    level, broken = (
        judge_within(sound.level, rules.LEVEL),
        judge(sound.clipped, rules.SOUND_CLIPPED),
    )
    verdict = worst([level, broken])
    loud = broken != "green" or sound.level > rules.LEVEL[0][1]
    advice = "a good level"
    if verdict != "green" and loud:
        advice = "too loud, peaks are cut off; turn the recording level down"
    elif verdict != "green":
        advice = "faint; turn the recording level up, or bring the microphone closer"
    details = {"clipped": sound.clipped}
    return Figure(
        "speech_level", "level of the speech", sound.level, "dBFS", verdict, advice, details
    )


def _noise(sound: SoundFigures) -> Figure:
    key, name, unit = "noise", "noise of the pauses", "dBFS"
    if sound.noise is None:
        return Figure(key, name, None, unit, "amber", NO_PAUSE, {})
    advice: Advice = {
        "green": "a quiet room",
        "amber": "noise is heard in the pauses; a quieter room, the microphone closer",
        "red": "loud noise in the pauses; switch off fans and music, the microphone closer",
    }
    if sound.noise_is_bound:
        advice |= {"amber": NOT_QUIET, "red": NOT_QUIET}
    details = {"is_bound": sound.noise_is_bound}
    return judged(key, name, sound.noise, unit, rules.NOISE, advice, details)


def _snr(sound: SoundFigures, chosen: ProfileParams) -> Figure:
    key, name, unit = "snr", "speech over noise", "dB"
    if sound.noise is None or sound.level is None:
        return Figure(key, name, None, unit, "amber", NO_PAUSE, {})
    value = sound.level - sound.noise
    advice: Advice = {
        "green": "the voice stands out clearly",
        "amber": "noise blurs soft sounds; bring the microphone closer or quieten the room",
        "red": "the voice drowns in noise; record again in a quiet room",
    }
    if sound.noise_is_bound:
        advice |= {"amber": NOT_QUIET, "red": NOT_QUIET}
    details = {"is_bound": sound.noise_is_bound}
    return judged(key, name, value, unit, chosen.snr, advice, details)


def offset(timing: Timing, fps: float) -> Figure:
    """What is left after ``applied_ms``; more than a frame for certain is red."""
    details = {
        "low_ms": timing.low_ms,
        "high_ms": timing.high_ms,
        "trusted": timing.trusted,
        "applied_ms": timing.applied_ms,
    }
    key, name = "audio_offset", "sound ahead of the picture"
    low, high = timing.low_ms, timing.high_ms
    if timing.measured_ms is None or low is None or high is None:
        advice = f"not measured, {timing.doubt}; watch whether the lips close at p and b"
        return Figure(key, name, None, "ms", "amber", advice, details)
    left = timing.measured_ms - timing.applied_ms
    frame = 1e3 / fps
    if not timing.trusted:
        advice = "the lips do not tell; watch whether they close at p and b, and whose voice it is"
        return Figure(key, name, left, "ms", "amber", advice, details)
    if low - timing.applied_ms > frame or high - timing.applied_ms < -frame:
        advice = "out of step; leave out audio_offset, or check it at p or b and set it anew"
        return Figure(key, name, left, "ms", "red", advice, details)
    advice = "in step"
    if timing.applied_ms:
        advice = f"in step with the audio delayed by {timing.applied_ms:.0f} ms"
    return Figure(key, name, left, "ms", "green", advice, details)
