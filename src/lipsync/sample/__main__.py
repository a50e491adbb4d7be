"""Make the sample again: ``python -m lipsync.sample [--out data] [--models models/face]``.

Writes ``videos/sample.mp4``, ``videos/sample.phonemes.json`` and ``speech/sample.wav`` into the
folder ``out``. Needs the extra ``sample`` and the face models (``dvc repro fetch_face_models``).
"""

import argparse
from pathlib import Path

from lipsync.media.audio import write_wav
from lipsync.sample.espeak import speak
from lipsync.sample.film import add_silence, write_phonemes, write_video
from lipsync.sample.script import SPEECH_TEXT, VIDEO_TEXT, VOICE, WORDS_PER_MINUTE
from lipsync.stage import errors_for_people

VIDEO_SOUND_RATE = 44_100  # Hz, twice that of espeak-ng


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("data"))
    parser.add_argument("--models", type=Path, default=Path("models/face"))
    arguments = parser.parse_args()
    with errors_for_people("sample"):
        speech = speak(SPEECH_TEXT, VOICE, WORDS_PER_MINUTE)
        write_wav(arguments.out / "speech" / "sample.wav", speech.samples, speech.rate)
        words = speak(VIDEO_TEXT, VOICE, WORDS_PER_MINUTE, rate=VIDEO_SOUND_RATE)
        film = add_silence(words)
        videos = arguments.out / "videos"
        write_phonemes(videos / "sample.phonemes.json", film.phonemes, VIDEO_TEXT, VOICE)
        write_video(videos / "sample.mp4", film, arguments.models)


if __name__ == "__main__":
    main()
