"""The avatar folder: all that rendering needs of a person, and nothing else.

    avatar.json     `AvatarInfo`
    generator.onnx  crop uint8 (B, S, S, 3) RGB, speech float32 (B, past + 1 + future, D)
                    -> face float32 (B, S, S, 3) RGB 0..1
    frames.mp4      the source film at a constant frame rate, N pictures
    geometry.npz    boxes (N, 4) float32 x0, y0, x1, y1 in pixels; valid (N,) bool; voice (N,) bool,
                    whether the person speaks there in the film
    *.tflite        the two face models, for films from outside

`lipsync.export` writes it, `load_avatar` reads it. The SHA-256 of each file stands in avatar.json,
so a damaged folder, or one that was put together from two, is refused rather than rendered.
"""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
import pydantic

from lipsync.errors import LipsyncError
from lipsync.faces.models import FACE_MODELS
from lipsync.rendering.film import Film
from lipsync.speech.params import SpeechParams

INFO, NETWORK, FRAMES, GEOMETRY = "avatar.json", "generator.onnx", "frames.mp4", "geometry.npz"
FILES = (NETWORK, FRAMES, GEOMETRY, *FACE_MODELS)
PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}


class AvatarInfo(pydantic.BaseModel):
    """avatar.json."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    format: Literal["lipsync-avatar-2"] = "lipsync-avatar-2"
    person: str
    notice: str  # that what it renders is synthetic, and who must agree
    fps: pydantic.PositiveFloat
    width: pydantic.PositiveInt  # pixels of the film
    height: pydantic.PositiveInt
    frames: pydantic.PositiveInt  # N, of the film
    crop_size: pydantic.PositiveInt  # S, pixels
    speech: SpeechParams
    speech_dimension: pydantic.PositiveInt  # D
    speech_weights_sha256: str = ""  # of the encoder's weights; they are not part of the avatar
    past: pydantic.NonNegativeInt  # speech rows before the frame
    future: pydantic.NonNegativeInt  # and after it
    opset: pydantic.PositiveInt
    sha256: dict[str, str]  # of each other file, by its name


@dataclass(frozen=True)
class Avatar:
    """A loaded avatar; voice (N,) bool, whether the person speaks in each frame of the film."""

    info: AvatarInfo
    folder: Path
    film: Film
    voice: np.ndarray
    session: onnxruntime.InferenceSession

    def paint(self, crops: np.ndarray, speech: np.ndarray) -> np.ndarray:
        """New faces (B, S, S, 3) uint8 RGB.

        crops (B, S, S, 3) uint8 RGB; speech (B, past + 1 + future, D) float32.
        """
        (faces,) = self.session.run(["face"], {"crop": crops, "speech": speech})
        return np.rint(faces * 255).astype(np.uint8)


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
    boxes, valid = read_geometry(folder / GEOMETRY)
    voice = read_voice(folder / GEOMETRY)
    session = open_session(folder / NETWORK, threads, provider)
    window, size = info.past + 1 + info.future, info.crop_size
    shapes = {value.name: value.shape[1:] for value in session.get_inputs()}
    wanted = {"crop": [size, size, 3], "speech": [window, info.speech_dimension]}
    if shapes != wanted or not len(boxes) == len(voice) == info.frames:
        raise LipsyncError(f"{folder / INFO}: does not fit its folder's files; export it again")
    film = Film(folder / FRAMES, boxes, valid, info.width, info.height)
    return Avatar(info, folder, film, voice, session)


def _read_info(folder: Path) -> AvatarInfo:
    path = folder / INFO
    if not path.is_file():
        raise LipsyncError(
            f"{folder}: no avatar there ({INFO} is missing); give an avatar's folder, "
            "or make one with `dvc repro`"
        )
    try:
        return AvatarInfo.model_validate_json(path.read_bytes())
    except pydantic.ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"]) or "content"
        raise LipsyncError(
            f"{path}: not an avatar of this version ({where}: {problem['msg']}); export it again"
        ) from None


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


def read_geometry(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """boxes (N, 4) float32 and valid (N,) bool of geometry.npz, or of faces.npz."""
    try:
        with np.load(path) as archive:
            boxes, valid = archive["boxes"], archive["valid"]
    except FileNotFoundError:
        raise LipsyncError(f"{path}: no such file; run `dvc repro` or `dvc pull`") from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise LipsyncError(f"{path}: damaged: {error}; run `dvc repro`") from error
    return boxes, valid


def read_voice(path: Path) -> np.ndarray:
    """voice (N,) bool of geometry.npz."""
    try:
        with np.load(path) as archive:
            return np.asarray(archive["voice"], bool)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise LipsyncError(f"{path}: damaged: {error}; export the avatar again") from error


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LipsyncError(f"{path}: {error.strerror}; export or pull the avatar again") from None
