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
    figures = judgement.figures() | {"speed": timings(network)}
    write_figures(METRICS / "evaluation.json", figures)


if __name__ == "__main__":
    evaluate_visemes()
