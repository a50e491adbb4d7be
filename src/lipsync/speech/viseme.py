"""The project's own viseme network (visemes/dvc.yaml), as ONNX with explicit state.

It hears Kaldi's filter bank (`fbank`), a column every 10 ms, and says for each instant which of 15
mouth shapes belongs to it. Frame j stands for (j + 0.5) / 100 s, and column j is gathered around
that instant. The network is causal and tells frame j when it has heard column j + lookahead.

    columns  float32 (1, T, 80)     T is free, 1 for a live stream
    state    float32 (1, C, S)      what earlier columns left; zeros at the start of a sound
    posteriors float32 (1, T, 15)   of frames `lookahead` before the columns
    hidden   float32 (1, T, C)      the features that these are made of
    next_state                      the state for the columns that follow
"""

import json
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as errors

from lipsync.errors import LipsyncError, first_line
from lipsync.speech.columns import ColumnEncoder
from lipsync.speech.fbank import HOP, WINDOW, fbank
from lipsync.speech.frames import LEAD, frame_columns
from lipsync.speech.params import SpeechParams
from lipsync.speech.weights import sha256, weights_file

# Of the ONNX, and of the rows that are made with it; its metadata says so under "format". 2: rows
# are made in segments of 1 s, not 10, so an avatar that learned from others gets none of them.
FORM = "lipsync-visemes-2"
PER_FRAME = 2  # columns of a video frame's row
SECONDS = 1.0  # of a segment: a row hears `before` columns anyway, so longer ones save little
DAMAGE = (errors.Fail, errors.InvalidProtobuf, errors.InvalidGraph, errors.InvalidArgument,
          errors.NotImplemented, errors.RuntimeException)  # fmt: skip


class VisemeOutput(NamedTuple):
    """What the network says of T frames."""

    posteriors: np.ndarray  # (T, V) float32 0..1
    hidden: np.ndarray  # (T, C) float32


class VisemeNetwork:
    """The exported network, on one thread.

    Attributes:
        visemes: names of the V classes
        lookahead: frames between a column and the frame that it completes
        channels: C
        receptive: columns that a frame depends on, up to that one
    """

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # fatal alone: errors are raised
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
            told = self._session.get_modelmeta().custom_metadata_map
            if told.get("format") != FORM:
                raise ValueError(f"its format is {told.get('format')}, not {FORM}")
            self.visemes: tuple[str, ...] = tuple(json.loads(told["visemes"]))
            self.lookahead = int(told["lookahead"])
            self.receptive = int(told["receptive"])
            state = next(i for i in self._session.get_inputs() if i.name == "state")
            self._state_shape = tuple(state.shape)
            self.channels = int(state.shape[1])
        except (*DAMAGE, KeyError, ValueError, StopIteration) as error:
            raise LipsyncError(
                f"{path}: not a viseme network of this version ({first_line(error)}); "
                "run `dvc repro visemes/dvc.yaml`"
            ) from error

    def start(self) -> np.ndarray:
        """The state before the first column, (1, C, S) float32."""
        return np.zeros(self._state_shape, np.float32)

    def step(self, columns: np.ndarray, state: np.ndarray) -> tuple[VisemeOutput, np.ndarray]:
        """(T, 80) float32 columns that follow each other -> what they tell, and the next state.

        Row t belongs to the frame ``lookahead`` before column t.
        """
        posteriors, hidden, following = self._session.run(
            None, {"columns": columns[None], "state": state}
        )
        return VisemeOutput(posteriors[0], hidden[0]), following

    def listen(self, sound: np.ndarray) -> VisemeOutput:
        """(n,) float32 -1..1 at 16 kHz, whole -> a row for every frame that fits into it."""
        frames = len(sound) // HOP
        if not frames:
            return self.nothing()
        columns = frame_columns(sound, frames + self.lookahead)
        told, _ = self.step(columns, self.start())
        return VisemeOutput(told.posteriors[self.lookahead :], told.hidden[self.lookahead :])

    def nothing(self) -> VisemeOutput:
        """Of no frame at all."""
        return VisemeOutput(
            np.zeros((0, len(self.visemes)), np.float32), np.zeros((0, self.channels), np.float32)
        )


class VisemeStream:
    """Sound in blocks of any length, rows out as soon as they are known; constant memory."""

    def __init__(self, network: VisemeNetwork) -> None:
        self._network, self._state = network, network.start()
        self._held = np.zeros(LEAD, np.float32)
        self._ahead = network.lookahead  # rows still to be dropped: of frames before the sound
        self._heard = self._told = 0  # samples, frames

    def push(self, sound: np.ndarray) -> VisemeOutput:
        """(n,) float32 -1..1 at 16 kHz -> the frames that it completes, in order."""
        self._heard += len(sound)
        held = np.concatenate([self._held, sound])
        count = max(0, (len(held) - WINDOW) // HOP + 1)
        self._held = held[count * HOP :]
        if not count:
            return self._network.nothing()
        columns = fbank(held[: WINDOW + (count - 1) * HOP])
        told, self._state = self._network.step(columns, self._state)
        dropped = min(self._ahead, count)
        self._ahead -= dropped
        self._told += count - dropped
        return VisemeOutput(told.posteriors[dropped:], told.hidden[dropped:])

    def finish(self) -> VisemeOutput:
        """The last frames, after which there is silence; as many in all as fit into the sound."""
        frames = self._heard // HOP - self._told
        told = self.push(np.zeros((frames + self._ahead) * HOP + WINDOW, np.float32))
        return VisemeOutput(told.posteriors[:frames], told.hidden[:frames])


class VisemeEncoder(ColumnEncoder):
    """Implements `lipsync.speech.encoder.SpeechEncoder`.

    A row holds two instants of (posteriors, hidden), 20 ms apart at 25 fps: D = 2 (V + C).
    """

    def __init__(self, fps: float | Fraction, params: SpeechParams) -> None:
        path = weights_file(params)
        self.weights_sha256 = sha256([path])
        self._network = VisemeNetwork(path)
        super().__init__(
            fps,
            per_frame=PER_FRAME,
            channels=len(self._network.visemes) + self._network.channels,
            hop=HOP,
            centre=WINDOW // 2,
            before=self._network.receptive - 1,  # so a row knows nothing of where segments begin
            after=1,
            seconds=SECONDS,
        )

    def samples(self, columns: int) -> int:
        return (columns + self._network.lookahead - 1) * HOP + WINDOW

    def columns(self, sound: np.ndarray) -> np.ndarray:
        told, _ = self._network.step(fbank(sound), self._network.start())
        return np.concatenate(told, axis=1)[self._network.lookahead :]
