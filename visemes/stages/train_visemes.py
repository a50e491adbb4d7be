"""Train the audio -> viseme network on the packed corpus."""

from lipsync.training.weights import save_model
from lipsync.visemes.corpus import load_corpus
from lipsync.visemes.model import FORM
from lipsync.visemes.params import VisemeParams
from lipsync.visemes.session import train, training_fingerprint, write_training
from lipsync.visemes.stage import CORPUS, METRICS, MODEL, STATE, viseme_stage


@viseme_stage
def train_visemes(params: VisemeParams) -> None:
    corpus = load_corpus(CORPUS)
    fingerprint = training_fingerprint(params)
    state = train(corpus, params, fingerprint, STATE)
    save_model(MODEL, state.ema, FORM)
    state.save(STATE, fingerprint)
    write_training(METRICS / "training", state, corpus, params)


if __name__ == "__main__":
    train_visemes()
