"""The avatar folder: all that rendering needs of a person, and nothing else.

    avatar.json     `AvatarInfo`
    motion.onnx     normalised speech float32 (B, past + 1 + future, D) -> expression float32 (B, E)
    refiner.onnx    a frame's layers -> what is made of them (`RefinerNetwork`)
    exemplars.npz   M frames of the person's video, as of `retrieval.exemplars`
    geometry.npz    shape model and track, as of `geometry.storage`, and of the N frames of the
                    film boxes (N, 4) float32 x0, y0, x1, y1 in pixels; light (N, 3) float32 mean
                    RGB of the still skin; voice (N,) bool, whether the person speaks there; where
                    the film has any, cuts (C,) int64, frames at which a shot begins
    frames.mp4      the source film at a constant frame rate, N frames
    *.tflite        the two face models, for films from outside

`lipsync.export` writes it, `load_avatar` reads it. The SHA-256 of each file stands in avatar.json,
so a damaged folder, or one that was put together from two, is refused rather than rendered.
"""

import hashlib
import json
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
import pydantic

from lipsync.errors import LipsyncError
from lipsync.faces.crop import ONE_SHOT
from lipsync.faces.models import FACE_MODELS
from lipsync.geometry.model import ShapeModel
from lipsync.geometry.storage import read_geometry
from lipsync.motion.opening import QUANTILES, OpeningRange, gap_of
from lipsync.rendering.film import Film
from lipsync.rendering.refiner import RefinerNetwork
from lipsync.retrieval.exemplars import Exemplars, read_exemplars
from lipsync.retrieval.face import FaceMaker
from lipsync.speech.params import SpeechParams

INFO, MOTION, REFINER = "avatar.json", "motion.onnx", "refiner.onnx"
EXEMPLARS, GEOMETRY, FRAMES = "exemplars.npz", "geometry.npz", "frames.mp4"
FILES = (MOTION, REFINER, EXEMPLARS, GEOMETRY, FRAMES, *FACE_MODELS)
BEFORE = ("lipsync-avatar-2", "lipsync-avatar-3")  # have other files, or networks
PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}


class Opening(pydantic.BaseModel):
    """What ``motion.opening.OpeningRange`` holds beside what the shape model tells."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    direction: tuple[float, ...]
    rest: float
    predicted: tuple[float, ...]
    filmed: tuple[float, ...]

    def range(self, shape: ShapeModel) -> OpeningRange:
        """The whole of it."""
        weights, offset = gap_of(shape)
        direction, predicted, filmed = map(np.array, (self.direction, self.predicted, self.filmed))
        return OpeningRange(weights, offset, direction, self.rest, predicted, filmed)


class AvatarInfo(pydantic.BaseModel):
    """avatar.json."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    format: Literal["lipsync-avatar-4"] = "lipsync-avatar-4"
    person: str
    notice: str  # that what it renders is synthetic, and who must agree
    fps: pydantic.PositiveFloat
    width: pydantic.PositiveInt  # pixels of the film
    height: pydantic.PositiveInt
    frames: pydantic.PositiveInt  # N, of the film
    crop_size: pydantic.PositiveInt  # S, pixels that the refiner works on
    detail: pydantic.PositiveFloat  # factor of the texture's detail (`retrieval.pasting`)
    n_components: pydantic.PositiveInt  # E, numbers that an expression has
    opening: Opening
    exemplars: pydantic.PositiveInt  # M
    speech: SpeechParams
    speech_dimension: pydantic.PositiveInt  # D
    speech_weights_sha256: str = ""  # of the encoder's weights; they are not part of the avatar
    past: pydantic.NonNegativeInt  # speech rows before the frame
    future: pydantic.NonNegativeInt  # and after it
    opset: pydantic.PositiveInt
    sha256: dict[str, str]  # of each other file, by its name


@dataclass(frozen=True)
class Avatar:
    """A loaded avatar.

    Attributes:
        film: the person's own video
        voice: (N,) bool, whether the person speaks in each frame of it
        shape: what expressions and tracks mean
        motion: motion.onnx
    """

    info: AvatarInfo
    folder: Path
    film: Film
    voice: np.ndarray
    shape: ShapeModel
    exemplars: Exemplars
    motion: onnxruntime.InferenceSession
    refiner: RefinerNetwork

    def express(self, speech: np.ndarray) -> np.ndarray:
        """Expressions (B, E) float32 of speech windows (B, past + 1 + future, D) float32."""
        (found,) = self.motion.run(["expression"], {"speech": speech})
        return np.asarray(found)

    @cached_property
    def faces(self) -> FaceMaker:
        """Makes this person's faces."""
        info = self.info
        size, detail = info.crop_size, info.detail
        return FaceMaker(self.exemplars, self.shape, size, self.refiner, detail)


def find_avatar(name: str) -> Path:
    """The folder of an avatar, given as such or by a person's name in this project.

    Raises LipsyncError if there is neither.
    """
    folder = Path(name)
    if folder.is_dir() or folder.is_absolute() or len(folder.parts) != 1:
        return folder
    of_person = Path("models") / name / "avatar"
    if not of_person.is_dir():
        raise LipsyncError(
            f"{name}: neither a folder nor a trained person ({of_person} is missing); "
            "run `dvc repro`, or give an avatar's folder"
        )
    return of_person


def load_avatar(folder: str | Path, threads: int = 0, provider: str = "cpu") -> Avatar:
    """Read and check an avatar folder. ``threads`` of the model; 0 is one per core.

    Raises LipsyncError with one line if the folder is missing, incomplete, damaged, of another
    version, or no avatar, or if ``provider`` is none of PROVIDERS or not to be had here.
    """
    folder = Path(folder)
    if provider not in PROVIDERS:
        raise LipsyncError(f"provider: {provider!r}: give one of {', '.join(PROVIDERS)}")
    info = _read_info(folder)
    for name in FILES:
        if sha256(folder / name) != info.sha256.get(name):
            raise LipsyncError(
                f"{folder / name}: damaged, or of another avatar; export or pull it again"
            )
    geometry = folder / GEOMETRY
    shape, track = read_geometry(geometry)
    boxes, light, voice, cuts = read_film_arrays(geometry)
    exemplars = read_exemplars(folder / EXEMPLARS)
    motion = open_session(folder / MOTION, threads, provider)
    refiner = RefinerNetwork(open_session(folder / REFINER, threads, provider))
    window = [info.past + 1 + info.future, info.speech_dimension]
    counts = {len(each) for each in (boxes, light, voice, track)}
    fitting = (
        [each.shape[1:] for each in motion.get_inputs()] == [window],
        len(info.opening.direction) == shape.n_components,
        len(info.opening.predicted) == len(info.opening.filmed) == len(QUANTILES),
        refiner.size == info.crop_size,
        counts == {info.frames},
        shape.n_components == exemplars.expression.shape[1] == info.n_components,
        exemplars.vertices.shape == (info.exemplars, *shape.mean.shape),
    )
    if not all(fitting):
        raise LipsyncError(f"{folder / INFO}: does not fit its folder's files; export it again")
    size = (info.width, info.height)
    film = Film(folder / FRAMES, boxes, track.valid, track, light, *size, cuts=cuts)
    return Avatar(info, folder, film, voice, shape, exemplars, motion, refiner)


def _read_info(folder: Path) -> AvatarInfo:
    path = folder / INFO
    if not path.is_file():
        raise LipsyncError(
            f"{folder}: no avatar there ({INFO} is missing); give an avatar's folder, "
            "or make one with `dvc repro`"
        )
    try:
        _refuse_older(path)
        return AvatarInfo.model_validate_json(path.read_bytes())
    except pydantic.ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"]) or "content"
        raise LipsyncError(
            f"{path}: not an avatar of this version ({where}: {problem['msg']}); export it again"
        ) from None


def _refuse_older(path: Path) -> None:
    """Raise LipsyncError if avatar.json is one of the formats before this."""
    try:
        info = json.loads(path.read_bytes())
    except ValueError:
        return  # whoever reads it next says so
    if isinstance(info, dict) and info.get("format") in BEFORE:
        person, number = info.get("person") or "<person>", str(info["format"])[-1]
        raise LipsyncError(
            f"{path.parent}: an avatar of format {number}, and this version renders format 4; "
            f"export it again: `dvc repro export@{person}`"
        )


def open_session(
    network: str | Path | bytes, threads: int = 0, provider: str = "cpu"
) -> onnxruntime.InferenceSession:
    """ONNX Runtime. Its threads sleep while they wait: the encoder wants the cores.

    Raises LipsyncError if the installed ONNX Runtime has no such provider, or no device for it.
    """
    there = onnxruntime.get_available_providers()
    if PROVIDERS[provider] not in there:
        legal = ", ".join(name for name, long in PROVIDERS.items() if long in there)
        raise LipsyncError(
            f"provider: {provider} is not in the ONNX Runtime that is installed here; it has "
            f"{legal}. cuda wants the package onnxruntime-gpu, coreml a Mac"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = network if isinstance(network, bytes) else str(network)
    session = onnxruntime.InferenceSession(source, options, providers=[PROVIDERS[provider]])
    if PROVIDERS[provider] not in session.get_providers():
        raise LipsyncError(
            f"provider: {provider} has no device that it can use here; check the driver, or "
            "choose cpu"
        )
    return session


def read_film_arrays(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """boxes (N, 4) float32, light (N, 3) float32, voice (N,) bool, cuts (C,) of geometry.npz."""
    try:
        with np.load(path) as archive:
            cuts = archive.get("cuts", ONE_SHOT)
            return archive["boxes"], archive["light"], np.asarray(archive["voice"], bool), cuts
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise LipsyncError(f"{path}: damaged: {error}; export the avatar again") from error


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LipsyncError(f"{path}: {error.strerror}; export or pull the avatar again") from None
