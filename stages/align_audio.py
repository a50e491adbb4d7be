"""Measure whether audio and picture of a person's video are in step; correct what is certain."""

import sys
from pathlib import Path

from lipsync.alignment.correction import choose_delay, delay, describe
from lipsync.alignment.prediction import load_base, measure_recording
from lipsync.alignment.report import write_curve, write_offset
from lipsync.geometry.storage import read_geometry
from lipsync.media.audio import SAMPLE_RATE, read_audio, write_wav
from lipsync.media.params import FramesParams
from lipsync.params import PersonParams
from lipsync.stage import stage


@stage
def align_audio(params: PersonParams) -> None:
    data, metrics = Path("data") / params.person, Path("metrics") / params.person
    fps, wanted = params[FramesParams].fps, params.audio_offset
    shape, track = read_geometry(data / "geometry.npz")
    audio = read_audio(data / "audio.wav")
    measured = measure_recording(load_base(), audio, shape, track, fps)
    applied = choose_delay(wanted, measured, 1 / fps)
    write_wav(data / "speech.wav", delay(audio, applied, SAMPLE_RATE))
    write_offset(metrics / "offset.json", measured, applied)
    write_curve(metrics / "alignment", measured)
    found, warned = describe(measured, wanted, applied, 1 / fps)
    if warned:
        print(f"warning: {params.video}: {found}", file=sys.stderr)
    else:
        print(found)


if __name__ == "__main__":
    align_audio()
