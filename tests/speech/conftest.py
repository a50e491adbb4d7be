"""An encoder of each kind, with tiny random weights."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from lipsync.speech.encoder import SpeechEncoder, create_encoder
from lipsync.speech.params import SpeechParams
from tests.speech import checkpoints

KINDS = ("mel", "ave", "hubert", "wenet", "viseme")
MakeEncoder = Callable[..., SpeechEncoder]


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Writes the weights of a kind once; hubert skips where its extra is not installed."""
    folder = tmp_path_factory.mktemp("weights")
    places = {"ave": folder / "ave.pth", "hubert": folder / "hubert", "wenet": folder / "w.onnx"}
    places["viseme"] = folder / "v.onnx"

    def write(kind: str) -> Path:
        if kind == "hubert":
            pytest.importorskip("transformers", reason="needs the extra `hubert`")
        if not places[kind].exists():
            getattr(checkpoints, f"write_{kind}")(places[kind])
        return places[kind]

    return write


@pytest.fixture(scope="session")
def make_encoder(weights: Callable[[str], Path]) -> MakeEncoder:
    made: dict[tuple[str, Fraction], SpeechEncoder] = {}

    def make(kind: str, fps: float | Fraction = 25) -> SpeechEncoder:
        key = (kind, Fraction(fps))
        if key not in made:
            path = None if kind == "mel" else str(weights(kind))
            made[key] = create_encoder(SpeechParams(encoder=kind, weights=path), fps)
        return made[key]

    return make
