"""Download a split of LibriSpeech, or the alignments; goes on where it stopped."""

import sys

from lipsync.errors import LipsyncError
from lipsync.visemes.librispeech import ARCHIVES, fetch
from lipsync.visemes.params import VisemeParams
from lipsync.visemes.stage import LIBRISPEECH, downloads, viseme_stage


@viseme_stage
def fetch_librispeech(params: VisemeParams) -> None:
    name = " ".join(sys.argv[1:])
    if name not in ARCHIVES:
        raise LipsyncError(f"{name!r}: no such archive; legal: {', '.join(ARCHIVES)}")
    fetch(ARCHIVES[name], downloads(), LIBRISPEECH / name)


if __name__ == "__main__":
    fetch_librispeech()
