"""Turn the sound into one row of speech features per video frame."""

from pathlib import Path

import numpy as np

from lipsync.files import atomic_path
from lipsync.media.audio import SAMPLE_RATE, read_audio
from lipsync.media.clock import frame_count
from lipsync.media.params import FramesParams
from lipsync.params import PersonParams
from lipsync.speech.encoder import create_encoder
from lipsync.speech.params import SpeechParams
from lipsync.stage import stage


@stage
def extract_audio_features(params: PersonParams) -> None:
    data = Path("data") / params.person
    fps = params[FramesParams].fps
    encoder = create_encoder(params[SpeechParams], fps)
    samples = read_audio(data / "audio.wav")
    frames = frame_count(len(samples) / SAMPLE_RATE, fps)
    with atomic_path(data / "speech.npz") as temporary:
        np.savez(
            temporary,
            rows=encoder.encode(samples, frames),
            silence=encoder.silence,
            per_decibel=encoder.per_decibel,
            fps=float(fps),
        )


if __name__ == "__main__":
    extract_audio_features()
