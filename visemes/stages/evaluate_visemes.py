"""Judge the exported network on held-out speakers, and time it."""

from lipsync.speech.viseme import VisemeNetwork
from lipsync.visemes.corpus import load_corpus
from lipsync.visemes.evaluation import judge, timings
from lipsync.visemes.figures import write_classes, write_confusion
from lipsync.visemes.params import VisemeParams
from lipsync.visemes.stage import CORPUS, METRICS, NETWORK, viseme_stage, write_figures


@viseme_stage
def evaluate_visemes(params: VisemeParams) -> None:
    network = VisemeNetwork(NETWORK)
    judgement = judge(network, load_corpus(CORPUS))
    write_confusion(METRICS / "evaluation", judgement.table)
    write_classes(METRICS / "evaluation" / "classes.csv", judgement.table)
    write_figures(METRICS / "evaluation.json", judgement.figures())
    # Timings differ from run to run, so DVC does not track them: no rerun changes what is in git.
    write_figures(METRICS / "evaluation" / "speed.json", timings(network))


if __name__ == "__main__":
    evaluate_visemes()
