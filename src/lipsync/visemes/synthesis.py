"""Make the default corpus again, or a larger one: ``python -m lipsync.visemes.synthesis``.

Every voice of espeak-ng says passages of its own at different speeds and pitches; the phonemes are
espeak-ng's events (`lipsync.sample.espeak`). One Opus file and one alignment a voice, laid out like
LibriSpeech. Needs the extra ``sample``. The same arguments give the same bytes with the same
versions of espeak-ng and libopus.
"""

import argparse
import json
from pathlib import Path

import av
import numpy as np

from lipsync.files import atomic_path
from lipsync.media.audio import SAMPLE_RATE
from lipsync.progress import progress
from lipsync.sample.espeak import PAUSE, Phoneme, speak
from lipsync.stage import errors_for_people
from lipsync.visemes.script import passage

ACCENTS = ("en-us", "en-us", "en-gb-x-rp", "en-gb-scotland", "en-029")  # taken in turn
VARIANTS = ("m1", "f1", "m2", "f2", "m3", "f3", "m4", "f4", "m5", "f5", "m6", "Andrea", "m7",
            "Alicia", "m8", "Annie", "klatt4", "belinda", "Michael", "steph", "adam", "linda",
            "edward", "anika")  # fmt: skip
PITCH = (25, 75)  # of 0-99
SPEED = (120, 200)  # words a minute
PAUSES = (0.15, 0.6)  # seconds of silence between passages
LEVEL = (0.1, 0.9)  # peak of a passage
BIT_RATE = 13_000  # bits a second


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("visemes/corpus"))
    parser.add_argument(
        "--voices", type=int, default=len(VARIANTS), help=f"at most {len(VARIANTS)}"
    )
    parser.add_argument("--passages", type=int, default=5, help="of each voice")
    parser.add_argument("--sentences", type=int, default=4, help="of a passage")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with errors_for_people("synthesis"):
        voices = list(enumerate(VARIANTS[: chosen.voices]))
        for number, variant in progress(voices, desc="speak"):
            draw = np.random.default_rng((chosen.seed, number))
            voice = f"{ACCENTS[number % len(ACCENTS)]}+{variant}"
            write_voice(chosen.out, voice, chosen.passages, chosen.sentences, draw)


def write_voice(
    root: Path, voice: str, passages: int, sentences: int, draw: np.random.Generator
) -> None:
    """Write ``<root>/<speaker>/1/<speaker>-1-0.opus`` and its alignment in the aligner's JSON."""
    sounds: list[np.ndarray] = []
    phones: list[Phoneme] = []
    length = 0  # samples so far
    for _ in range(passages):
        speech = speak(
            passage(draw, sentences),
            voice,
            words_per_minute=int(draw.integers(*SPEED)),
            pitch=int(draw.integers(*PITCH)),
        )
        quiet = round(draw.uniform(*PAUSES) * SAMPLE_RATE)
        phones.append(Phoneme(PAUSE, length / SAMPLE_RATE, (length + quiet) / SAMPLE_RATE))
        length += quiet
        phones += [phoneme.shifted(length / SAMPLE_RATE) for phoneme in speech.phonemes]
        peak = draw.uniform(*LEVEL)
        sounds += [
            np.zeros(quiet, np.float32),
            speech.samples * np.float32(peak / np.abs(speech.samples).max()),
        ]
        length += len(speech.samples)
    speaker = voice.replace("-", "_").replace("+", "_")
    path = root / speaker / "1" / f"{speaker}-1-0"
    write_opus(path.with_suffix(".opus"), np.concatenate(sounds))
    write_alignment(path.with_suffix(".json"), phones, length / SAMPLE_RATE)


def write_opus(path: Path, sound: np.ndarray) -> None:
    """(n,) float32 -1..1 at 16 kHz, as Ogg Opus."""
    with atomic_path(path) as temporary:
        options = {"application": "audio", "frame_duration": "60"}
        with av.open(
            str(temporary), "w", format="ogg", options={"fflags": "bitexact"}
        ) as container:
            stream = container.add_stream("libopus", rate=SAMPLE_RATE, options=options)
            stream.bit_rate = BIT_RATE
            frame = av.AudioFrame.from_ndarray(sound[None], format="flt", layout="mono")
            frame.sample_rate = SAMPLE_RATE
            for packet in (*stream.encode(frame), *stream.encode(None)):
                container.mux(packet)


def write_alignment(path: Path, phones: list[Phoneme], seconds: float) -> None:
    """The phones as the Montreal Forced Aligner's JSON has them."""
    entries = [[round(p.start, 4), round(p.end, 4), p.symbol] for p in phones]
    tier = {"type": "interval", "entries": entries}
    content = {"start": 0, "end": round(seconds, 4), "tiers": {"phones": tier}}
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
