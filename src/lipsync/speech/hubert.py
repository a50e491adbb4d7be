"""HuBERT (Hsu et al., 2021): the last hidden states of a speech transformer, two per frame.

Any checkpoint that `transformers` loads as a HubertModel, from a folder or by its hub id. Columns
come at 50 Hz, each from 25 ms of sound and, by attention, from all that the network sees at once:
a segment of 10 s and half of the positional convolution's kernel (1.28 s) on either side.

Where the checkpoint's preprocessor has ``do_normalize``, utterances were brought to variance 1 when
it was trained. A row must not wait for the end of an utterance, nor depend on how much silence
there is in it, so sound is amplified by a constant: 1 over the level at which speech is commonly
kept. What remains of the level, the layer normalisation after the first convolution takes away.
"""

import json
import math
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import HubertModel
from transformers.utils import logging

from lipsync.errors import LipsyncError, first_line
from lipsync.speech.columns import ColumnEncoder
from lipsync.speech.params import SpeechParams
from lipsync.speech.weights import missing, sha256, weights_path

PER_FRAME = 2
SPEECH_LEVEL = 0.05  # RMS of speech, full scale being 1: -26 dB, as of the ITU's test material
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # the first that there is
DAMAGE = (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError,
          StrictDataclassError)  # fmt: skip
UNUSED = {"masked_spec_embed"}  # wanted in training alone; some checkpoints leave it out


class HubertEncoder(ColumnEncoder):
    """Implements `lipsync.speech.encoder.SpeechEncoder`; D is twice the hidden size."""

    def __init__(self, fps: float | Fraction, params: SpeechParams) -> None:
        folder = _folder(params)
        weights = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
        if weights is None or not (folder / CONFIG).is_file():
            raise missing(params, folder, f"holds no {CONFIG} and {' or '.join(WEIGHTS)}")
        self._network = _load(folder, weights)
        given = [path for path in (folder / CONFIG, folder / PREPROCESSOR) if path.is_file()]
        self.weights_sha256 = sha256([*given, weights])
        self._gain = np.float32(1 / SPEECH_LEVEL if _normalises(folder) else 1)

        config = self._network.config
        hop, window = math.prod(config.conv_stride), 1  # samples: 320 and 400
        for kernel, stride in zip(config.conv_kernel[::-1], config.conv_stride[::-1], strict=True):
            window = (window - 1) * stride + kernel
        self._hop, self._window = hop, window
        around = config.num_conv_pos_embeddings // 2
        super().__init__(
            fps,
            per_frame=PER_FRAME,
            channels=config.hidden_size,
            hop=hop,
            centre=window // 2,
            before=around,
            after=around,
        )

    def samples(self, columns: int) -> int:
        return (columns - 1) * self._hop + self._window

    @torch.no_grad()
    def columns(self, sound: np.ndarray) -> np.ndarray:
        heard = torch.from_numpy(sound * self._gain)[None]  # (1, n)
        return self._network(heard).last_hidden_state[0].numpy()  # (T, H)


def _folder(params: SpeechParams) -> Path:
    """Where the checkpoint's files lie; by hub id they are downloaded once into the hub's cache."""
    path = weights_path(params)
    if path.is_dir():
        return path
    if not (params.weights and HUB_ID.fullmatch(params.weights)):
        raise missing(params, path, "no such folder")
    name = params.weights
    problem = ""
    for cached in (True, False):  # what is cached stays what it is, whatever the hub has now
        try:
            config = hf_hub_download(name, CONFIG, local_files_only=cached)
            _first(name, WEIGHTS, cached)
            _first(name, (PREPROCESSOR, CONFIG), cached)  # not every checkpoint has the first
            return Path(config).parent
        except (OSError, ValueError) as error:
            problem = first_line(error)
    raise missing(params, name, f"no such folder, and not to be had from the hub ({problem})")


def _first(repository: str, names: tuple[str, ...], cached: bool) -> None:
    """Download the first of these files that there is."""
    *others, last = names
    for name in others:
        try:
            hf_hub_download(repository, name, local_files_only=cached)
        except (OSError, ValueError):
            continue  # there may be another
        return
    hf_hub_download(repository, last, local_files_only=cached)


def _load(folder: Path, weights: Path) -> HubertModel:
    logging.set_verbosity_error()  # it reports the heads of other tasks, which are not loaded
    logging.disable_progress_bar()
    try:
        kind = _settings(folder / CONFIG).get("model_type")
        if kind != "hubert":
            raise ValueError(f"model_type is {kind!r}, not 'hubert'")
        network, report = HubertModel.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=weights.suffix == ".safetensors",
            dtype=torch.float32,
            output_loading_info=True,
        )
        lacking = sorted(set(report["missing_keys"]) - UNUSED)
        if lacking:
            raise ValueError(f"lacks {lacking[0]} and {len(lacking) - 1} more")
    except DAMAGE as error:
        raise LipsyncError(
            f"{weights}: not the weights of a HuBERT ({first_line(error)}); download them again, "
            "see docs/speech.md"
        ) from error
    return network.requires_grad_(False).eval()


def _settings(path: Path) -> dict[str, Any]:
    """The JSON object that a file of the checkpoint holds."""
    try:
        settings = json.loads(path.read_bytes())
        if not isinstance(settings, dict):
            raise ValueError(f"it holds a {type(settings).__name__}")
    except ValueError as error:  # bytes that are no text and text that is no JSON among them
        raise LipsyncError(
            f"{path}: no settings of a HuBERT ({first_line(error)}); download it again, "
            "see docs/speech.md"
        ) from error
    return settings


def _normalises(folder: Path) -> bool:
    """Whether utterances were normalised in training; where nothing is said, transformers does."""
    path = folder / PREPROCESSOR
    if not path.is_file():
        return True
    return bool(_settings(path).get("do_normalize", True))
