"""``lipsync profile``: the report of any video file. Imports that take time stand inside."""

from pathlib import Path
from typing import Annotated

import typer

from lipsync.stage import PARAMS_FILE, errors_for_people


def profile(
    video: Annotated[Path, typer.Argument(help="any video of one speaking face")],
    out: Annotated[
        Path | None, typer.Option(help="folder for profile.json, profile.png and identity.npz")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="exit with 1 if the verdict is red")] = (
        False
    ),
    face_recognition: Annotated[
        Path | None,
        typer.Option(help="ONNX network for 112x112 faces; by default profile.face_recognition"),
    ] = None,
    same_as: Annotated[
        Path | None,
        typer.Option(help="an identity.npz; says whether this is the same person"),
    ] = None,
    audio_track: Annotated[
        int | None,
        typer.Option(min=0, help="number of the audio track; by default frames.audio_track"),
    ] = None,
    models: Annotated[Path, typer.Option(help="folder of the face models")] = Path("models/face"),
) -> None:
    """Tell whether a video is fit to be trained on, and what to do better. Trains nothing.

    Judges by params.yaml where there is one, of a person's video by that person's params, else by
    its defaults. Ends with 0 whatever the verdict
    is, unless --strict is given: then with 1 if it is red. docs/profile.md has every figure.
    """
    with errors_for_people("lipsync profile"):
        from lipsync.profiling.run import profile_video

        red = profile_video(video, models, PARAMS_FILE, out, face_recognition, same_as, audio_track)
        if red and strict:
            raise SystemExit(1)
