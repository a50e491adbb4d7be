"""How well align_audio's measure finds known offsets, on people whose stages have run.

    python benchmarks/audio_offset.py alice bob

Moves each person's sound by known times and prints what is measured: milliseconds by which the
sound is ahead of the picture, the 95 % interval, and W where a warning would be given. Then the
sound is turned around a circle, so that nothing fits, and false warnings are counted.
"""

import argparse
from pathlib import Path

import numpy as np

from lipsync.alignment.correction import delay
from lipsync.alignment.offset import Offset, measure_offset
from lipsync.alignment.scan import MAX_LAG
from lipsync.alignment.signals import lip_movement, sound_columns
from lipsync.media.audio import SAMPLE_RATE, read_audio
from lipsync.media.params import FramesParams
from lipsync.params import load_params

AHEAD = (-200, -120, -40, 0, 40, 120, 200)  # milliseconds by which the sound is made to lead
TURNS = 16  # around the circle, at which no sound fits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("people", nargs="+", metavar="PERSON")
    params = load_params("params.yaml")
    print(f"{'':12}" + "".join(f"{ahead:>24} ms" for ahead in AHEAD))
    false, asked = 0, 0
    for person in parser.parse_args().people:
        fps = params.for_person(person)[FramesParams].fps
        folder = Path("data") / person
        sound = read_audio(folder / "audio.wav")
        with np.load(folder / "faces.npz") as faces:
            lips = np.where(faces["seen"][:, None, None], faces["lips"], np.nan)
        targets = lip_movement(lips)
        row = []
        for ahead in AHEAD:
            moved = delay(sound, -ahead / 1e3, SAMPLE_RATE)
            row.append(measure_offset(sound_columns(moved, len(lips), fps), targets, fps))
        print(f"{person:12}" + "".join(f"{told(found, fps):>27}" for found in row))
        columns = sound_columns(sound, len(lips), fps)
        least = round(2 * MAX_LAG * fps)
        for turn in np.linspace(least, len(lips) - least, TURNS).round().astype(int):
            wrong = measure_offset(np.roll(columns, 4 * turn, axis=0), targets, fps)
            false += wrong.excludes(1 / fps)
            asked += 1
    print(f"sound that fits nowhere: {false} false warnings of {asked}")


def told(found: Offset, fps: float) -> str:
    """One cell of the table."""
    if found.seconds is None or found.low is None or found.high is None:
        return "too short"
    mark = "?" if found.doubt else "W" if found.excludes(1 / fps) else " "
    return f"{found.seconds * 1e3:.0f} [{found.low * 1e3:.0f}, {found.high * 1e3:.0f}] {mark}"


if __name__ == "__main__":
    main()
