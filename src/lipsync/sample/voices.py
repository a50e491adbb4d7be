"""Make the synthetic voices again: ``python -m lipsync.sample.voices [--out data/voices]``.

Two women and two men of espeak-ng say the same sentence, which often closes the lips. Beside each
voice stand its phonemes. Needs the extra ``sample``.
"""

import argparse
from pathlib import Path

from lipsync.media.audio import write_wav
from lipsync.sample.espeak import speak
from lipsync.sample.film import write_phonemes
from lipsync.stage import errors_for_people

TEXT = "Please bring my big blue umbrella before the bus arrives, and keep some bread for Bob."
WORDS_PER_MINUTE = 160
VOICES = {  # name -> voice of espeak-ng, and pitch of 0-100
    "synthetic_woman_1": ("en-us+f2", 50),
    "synthetic_woman_2": ("en-us+f4", 55),
    "synthetic_man_1": ("en-us", 50),
    "synthetic_man_2": ("en-us+m3", 45),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("data/voices"))
    arguments = parser.parse_args()
    with errors_for_people("sample"):
        for name, (voice, pitch) in VOICES.items():
            said = speak(TEXT, voice, WORDS_PER_MINUTE, pitch)
            write_wav(arguments.out / f"{name}.wav", said.samples, said.rate)
            write_phonemes(arguments.out / f"{name}.phonemes.json", said.phonemes, TEXT, voice)


if __name__ == "__main__":
    main()
