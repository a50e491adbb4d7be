"""The file of a motion network."""

from pathlib import Path

from lipsync.motion.model import MotionNet
from lipsync.training.weights import load_model, save_model

FORMAT = "lipsync-motion-2"


def save_motion(path: Path, model: MotionNet) -> None:
    """Write weights and architecture."""
    save_model(path, model, FORMAT)


def load_motion(path: Path) -> MotionNet:
    """The model in evaluation mode, frozen, on the CPU; errors as of ``load_model``."""
    return load_model(path, MotionNet, FORMAT)[0]
