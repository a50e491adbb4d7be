"""The streaming encoder of a WeNet speech recogniser (Yao et al., 2021), as ONNX.

It hears Kaldi's filter bank (`fbank`) in overlapping chunks and keeps what later chunks need of
earlier ones in two caches. Two exports are known, with the same names of inputs and outputs:

- WeNet's own (``wenet/bin/export_onnx_cpu.py``): chunk (1, W, 80), metadata that says the sizes,
  and, with a limited number of left chunks, ``required_cache_size`` and ``att_mask``
- that of Ultralight-Digital-Human: chunk (1, 1, W, 80) and fixed sizes, W = 67 columns of 10 ms

Caches start empty two chunks before each segment (`segments`), so a row depends on its own segment
and not on all sound since the start, and the position that the encoder counts stays within the
table of 5000 that WeNet bakes into it.
"""

from fractions import Fraction
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as errors

from lipsync.errors import LipsyncError, first_line
from lipsync.speech.columns import ColumnEncoder
from lipsync.speech.fbank import BINS, HOP, WINDOW, fbank
from lipsync.speech.params import SpeechParams
from lipsync.speech.weights import sha256, weights_file

CHUNKS_BEFORE = 2  # a segment, to fill the caches
DEFAULT_WINDOW = 67  # fbank columns of a chunk whose length is left open: 16 x 4 + 3
CACHED = 2  # axis of att_cache: outputs that it remembers, the one size that may be left open
FIXED_OFFSET = 100  # where Ultralight-Digital-Human's export counts from
INPUTS = ("chunk", "offset", "att_cache", "cnn_cache")
DAMAGE = (errors.Fail, errors.InvalidProtobuf, errors.InvalidGraph, errors.InvalidArgument,
          errors.NotImplemented, errors.RuntimeException)  # fmt: skip


class WenetEncoder(ColumnEncoder):
    """Implements `lipsync.speech.encoder.SpeechEncoder`; D is the size of the network's outputs."""

    def __init__(self, fps: float | Fraction, params: SpeechParams) -> None:
        path = weights_file(params)
        self.weights_sha256 = sha256([path])
        self._network = ChunkNetwork(path)
        rate = self._network.subsampling
        super().__init__(
            fps,
            per_frame=1,
            channels=self._network.channels,
            hop=HOP * rate,
            # Output t stands on fbank columns rate x t ... rate x t + 2 rate - 2
            centre=HOP * (rate - 1) + WINDOW // 2,
            before=CHUNKS_BEFORE * self._network.outputs,
            after=1,
        )

    def samples(self, columns: int) -> int:
        return (self._network.needs(columns) - 1) * HOP + WINDOW

    def columns(self, sound: np.ndarray) -> np.ndarray:
        return self._network(fbank(sound))


class ChunkNetwork:
    """fbank columns in, outputs at a ``subsampling``-th of their rate; caches are kept within.

    Attributes:
        window: W, fbank columns of a chunk
        outputs: T, outputs of a chunk
        channels: D of an output
        subsampling: fbank columns between outputs
    """

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # fatal alone: errors are raised
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
            self._inputs = {value.name: value for value in self._session.get_inputs()}
            self._check_inputs()
            self._read_sizes(self._session.get_modelmeta().custom_metadata_map)
            first, *_ = self._run(np.zeros((self.window, BINS), np.float32), self._start())
            self.outputs, self.channels = first.shape
            self.subsampling, rest = divmod(self.window + 1, self.outputs + 1)
            if rest:
                raise ValueError(f"{self.outputs} outputs of {self.window} columns")
        except (*DAMAGE, ValueError) as error:
            raise LipsyncError(
                f"{path}: not a streaming encoder of WeNet ({first_line(error)}); "
                "see docs/speech.md"
            ) from error

    def needs(self, outputs: int) -> int:
        """fbank columns for so many outputs, rounded up to whole chunks."""
        chunks = -(-outputs // self.outputs)
        return (chunks - 1) * self.subsampling * self.outputs + self.window

    def __call__(self, columns: np.ndarray) -> np.ndarray:
        """(F, 80) float32, as many as `needs` says -> (T', D) float32. Caches start empty."""
        stride, state, given = self.subsampling * self.outputs, self._start(), []
        for start in range(0, len(columns) - self.window + 1, stride):
            output, *caches = self._run(columns[start : start + self.window], state)
            given.append(output)
            state = self._next(state, caches, len(output))
        return np.concatenate(given)

    def _check_inputs(self) -> None:
        """ValueError where an input is missing, or a cache has no size that could be filled."""
        if not self._inputs.keys() >= set(INPUTS):
            raise ValueError(f"inputs {', '.join(self._inputs)} and not {', '.join(INPUTS)}")
        if len(self._inputs["chunk"].shape) not in (3, 4):
            raise ValueError(f"chunk has {len(self._inputs['chunk'].shape)} axes, not 3 or 4")
        for name, left_open in (("att_cache", {CACHED}), ("cnn_cache", set())):
            shape = self._inputs[name].shape
            unknown = {axis for axis, size in enumerate(shape) if not isinstance(size, int)}
            if len(shape) != 4 or unknown - left_open:
                raise ValueError(f"{name} is {shape}, not 4 axes of fixed size")

    def _read_sizes(self, metadata: dict[str, str]) -> None:
        length = self._inputs["chunk"].shape[-2]
        if not isinstance(length, int):
            length = int(metadata.get("decoding_window", DEFAULT_WINDOW))
        self.window = length
        chunk, left = int(metadata.get("chunk_size", 0)), int(metadata.get("left_chunks", 0))
        self._kept = chunk * left if left > 0 else left  # outputs, -1 for all
        self._chunk = chunk
        cache = self._inputs["att_cache"].shape[CACHED]
        self._cache = cache if isinstance(cache, int) else max(0, self._kept)

    def _start(self) -> dict[str, np.ndarray]:
        """Inputs other than the chunk, for the first one."""
        layers, heads, _, width = self._inputs["att_cache"].shape
        fixed = len(self._inputs["chunk"].shape) == 4
        state = {
            "offset": np.array(FIXED_OFFSET if fixed else self._cache),
            "att_cache": np.zeros((layers, heads, self._cache, width), np.float32),
            "cnn_cache": np.zeros(self._inputs["cnn_cache"].shape, np.float32),
            "required_cache_size": np.array(self._kept),
            "att_mask": np.zeros((1, 1, self._cache + self._chunk), bool),
        }
        state["att_mask"][..., self._cache :] = True
        return {name: value for name, value in state.items() if name in self._inputs}

    def _next(
        self, state: dict[str, np.ndarray], caches: list[np.ndarray], outputs: int
    ) -> dict[str, np.ndarray]:
        following = {**state, "offset": state["offset"] + outputs}
        # Some exports drop the batch axis of what they return.
        following["cnn_cache"] = caches[1].reshape(state["cnn_cache"].shape)
        following["att_cache"] = caches[0].reshape(*state["att_cache"].shape[:2], -1,
                                                   state["att_cache"].shape[3])  # fmt: skip
        if "att_mask" in state:  # one chunk more of the cache is filled
            mask = state["att_mask"]
            following["att_mask"] = np.concatenate(
                [mask[..., outputs:], np.ones_like(mask[..., :outputs])], axis=-1
            )
        return following

    def _run(self, columns: np.ndarray, state: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Outputs (T, D) of one chunk (W, 80), and the two caches after it."""
        feed = {"chunk": columns, **state}
        for name in feed.keys() & {"chunk", "offset", "required_cache_size"}:
            wanted = self._inputs[name]
            kind = {"tensor(int32)": np.int32, "tensor(int64)": np.int64}.get(
                wanted.type, np.float32
            )
            value = np.asarray(feed[name], kind)
            feed[name] = value.reshape((1,) * (len(wanted.shape) - value.ndim) + value.shape)
        output, *caches = self._session.run(["output", "r_att_cache", "r_cnn_cache"], feed)
        return [output[0], *caches]
