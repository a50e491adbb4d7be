"""``lipsync visemes``."""

from pathlib import Path

from lipsync.errors import LipsyncError
from lipsync.speech.viseme import VisemeNetwork
from lipsync.speech.weights import SOURCES
from lipsync.visemes.timeline import CHANGE, FORMATS, as_text, listen, shapes, write_timeline


def run(
    file: Path,
    model: Path | None,
    out: list[Path],
    picture: Path | None,
    form: str,
    change: float | None,
) -> str:
    """Write what was asked for; returns what is to be printed.

    model, change: None is the network of visemes/dvc.yaml, and `CHANGE`.

    Raises LipsyncError before anything is heard where a format or a file is not there.
    """
    model = SOURCES["viseme"].default if model is None else model
    change = CHANGE if change is None else change
    for path in out:
        if path.suffix.lower().removeprefix(".") not in FORMATS:
            endings = ", ".join(f".{name}" for name in FORMATS)
            raise LipsyncError(f"--out {path}: its ending says no format; legal: {endings}")
    if picture and picture.suffix.lower() != ".png":
        raise LipsyncError(f"--picture {picture}: should end in .png")
    if form not in FORMATS:
        raise LipsyncError(f"--format {form}: no such format; legal: {', '.join(FORMATS)}")
    if change < 0:
        raise LipsyncError(f"--change {change}: should be 0 or more")
    if not model.is_file():
        raise LipsyncError(
            f"{model}: no such file; make the network with `dvc repro visemes/dvc.yaml`, or name "
            "another with --model"
        )
    network = VisemeNetwork(model)
    posteriors = listen(file, network)
    found = shapes(posteriors, network.visemes, change)
    for path in out:
        write_timeline(path, found)
    if picture:
        from lipsync.visemes.picture import write_picture

        write_picture(picture, file, found, posteriors)
    written = [*out, *([picture] if picture else [])]
    if written:
        return "".join(f"{path}\n" for path in written)
    return as_text(found, form)
