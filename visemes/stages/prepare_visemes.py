"""Read recordings and alignments; write features, labels and the corpus's statistics, packed."""

from pathlib import Path

from lipsync.progress import progress
from lipsync.visemes.maps import load_map
from lipsync.visemes.packing import held_out_speakers, pack
from lipsync.visemes.params import VisemeParams
from lipsync.visemes.recordings import Quarantine, find_recordings, read_recordings
from lipsync.visemes.stage import CORPUS, LIBRISPEECH, METRICS, viseme_stage, write_figures


@viseme_stage
def prepare_visemes(params: VisemeParams) -> None:
    data = params.data
    phones, quarantine = load_map(Path(data.map)), Quarantine()
    roots = [Path(data.root)]
    if roots == [LIBRISPEECH]:  # what was fetched earlier and is no longer wanted lies there too
        roots = [LIBRISPEECH / name for name in params.librispeech.fetch]
    found = find_recordings(roots, quarantine)
    speakers = (recording.speaker for recording in found)
    held_out = held_out_speakers(speakers, data.held_out, data.validation, data.split_seed)
    recordings = read_recordings(found, phones, data.mismatch, quarantine)
    heard = progress(recordings, total=len(found), desc="listen")
    figures = pack(CORPUS, heard, phones, held_out, data.longest, quarantine)
    write_figures(METRICS / "corpus.json", figures)
    quarantine.report(CORPUS / "quarantine.csv")


if __name__ == "__main__":
    prepare_visemes()
