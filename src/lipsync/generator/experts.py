"""Networks that judge refined faces: a trusted SyncNet, and VGG19 where it is asked for."""

import sys
from pathlib import Path

from lipsync.generator.params import GeneratorParams
from lipsync.generator.perceptual import VGGFeatures, load_vgg, vgg_file
from lipsync.syncnet.weights import load_trust
from lipsync.training.distributed import main_first

PRETRAINED = Path("models/pretrained/vgg")


def vgg_if_wanted(params: GeneratorParams) -> tuple[VGGFeatures | None, dict[str, Path]]:
    """VGG19 on the CPU, fetched if need be, and its file, of which the training is a function.

    (None, {}) where the perceptual loss is off or compares SyncNet's features.
    """
    if not params.losses.perceptual or params.perceptual.features != "vgg19":
        return None, {}
    weights = params.perceptual.weights
    with main_first():
        vgg = load_vgg(weights, PRETRAINED)
    return vgg, {"vgg19": vgg_file(weights, PRETRAINED)}


def drop_sync_loss_at_chance(params: GeneratorParams, syncnet: Path) -> GeneratorParams:
    """The params; without the sync loss, and with a warning, if the SyncNet may be guessing."""
    trust = load_trust(syncnet)
    if not params.losses.sync or trust.better_than_chance:
        return params
    print(
        f"warning: generator.losses.sync is switched off: {syncnet} {trust}; its opinion may be "
        "chance",
        file=sys.stderr,
    )
    return params.without_sync()
