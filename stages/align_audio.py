"""Measure whether sound and picture of a person's video are in step, and mend it if asked to."""

import sys
from pathlib import Path

from lipsync.alignment.correction import choose_delay, delay, describe
from lipsync.alignment.offset import measure_offset
from lipsync.alignment.report import write_curve, write_offset
from lipsync.alignment.signals import lip_movement, read_lips, sound_columns
from lipsync.media.audio import SAMPLE_RATE, read_audio, write_wav
from lipsync.media.params import FramesParams
from lipsync.params import PersonParams
from lipsync.stage import stage


@stage
def align_audio(params: PersonParams) -> None:
    data, metrics = Path("data") / params.person, Path("metrics") / params.person
    fps, wanted = params[FramesParams].fps, params.audio_offset
    sound = read_audio(data / "audio.wav")
    lips = read_lips(data / "faces.npz")
    measured = measure_offset(sound_columns(sound, len(lips), fps), lip_movement(lips), fps)
    applied = choose_delay(wanted, measured, 1 / fps)
    write_wav(data / "speech.wav", delay(sound, applied, SAMPLE_RATE))
    write_offset(metrics / "offset.json", measured, applied)
    write_curve(metrics / "alignment", measured)
    found, warned = describe(measured, wanted, applied, 1 / fps)
    if warned:
        print(f"warning: {params.video}: {found}", file=sys.stderr)
    else:
        print(found)


if __name__ == "__main__":
    align_audio()
