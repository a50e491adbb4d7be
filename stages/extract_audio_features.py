"""Turn the sound into one row of speech features per video frame."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from lipsync.files import atomic_path
from lipsync.media.audio import SAMPLE_RATE, audio_blocks
from lipsync.media.clock import frame_count
from lipsync.media.params import FramesParams
from lipsync.params import PersonParams
from lipsync.progress import progress
from lipsync.speech.encoder import create_encoder
from lipsync.speech.params import SpeechParams
from lipsync.stage import stage


@stage
def extract_audio_features(params: PersonParams) -> None:
    data = Path("data") / params.person
    fps = params[FramesParams].fps
    encoder = create_encoder(params[SpeechParams], fps)
    lengths = [len(block) for block in audio_blocks(data / "speech.wav")]
    frames = frame_count(Fraction(sum(lengths), SAMPLE_RATE), fps)
    sound = progress(audio_blocks(data / "speech.wav"), total=len(lengths), desc="listen")
    with atomic_path(data / "speech.npz") as temporary:
        np.savez(
            temporary,
            rows=encoder.encode(sound, frames),
            silence=encoder.silence,
            per_decibel=encoder.per_decibel,
            instants=encoder.instants,
            weights_sha256=encoder.weights_sha256,
            fps=float(fps),
        )


if __name__ == "__main__":
    extract_audio_features()
