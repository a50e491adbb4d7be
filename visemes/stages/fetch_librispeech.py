"""Download the chosen splits of LibriSpeech and their alignments; goes on where it stopped."""

from lipsync.visemes.librispeech import ALIGNMENTS, SPLITS, fetch
from lipsync.visemes.params import VisemeParams
from lipsync.visemes.stage import DOWNLOADS, LIBRISPEECH, viseme_stage


@viseme_stage
def fetch_librispeech(params: VisemeParams) -> None:
    chosen = [SPLITS[name] for name in params.librispeech.splits]
    for archive in chosen:
        fetch(archive, DOWNLOADS, LIBRISPEECH / "sound")
    if params.librispeech.alignments:
        fetch(ALIGNMENTS, DOWNLOADS, LIBRISPEECH / "alignments")


if __name__ == "__main__":
    fetch_librispeech()
