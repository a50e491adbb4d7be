"""What train_generator trains, for ``lipsync.training.loop``."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import cv2
import numpy as np
import torch
from torch import nn

from lipsync.errors import LipsyncError
from lipsync.faces.masks import paste_mask
from lipsync.generator import losses as L
from lipsync.generator.lips import LipBasis, LipShapes
from lipsync.generator.model import Generator
from lipsync.generator.params import GeneratorParams
from lipsync.generator.perceptual import VGGFeatures
from lipsync.generator.teaching import teach_lips
from lipsync.syncnet.model import SyncNet
from lipsync.training import augment, distributed
from lipsync.training.data import PersonData, to_unit
from lipsync.training.device import Compute, step_generator
from lipsync.training.ridge import Line
from lipsync.training.split import Split, evenly, runs

NEAR = 3  # frames; speech closer than this is no negative of the sync loss
NEGATIVES = 15  # other instants that the sync loss compares with
VALIDATION_FRAMES = 96  # at most so many, evenly spaced
PICTURE_FRAMES = 6  # columns of a sample picture
BATCH = 32  # frames painted at once where nothing is learned


@dataclass(frozen=True)
class Batch:
    """What a step looks at.

    Attributes:
        starts: (clips,) int64 first frames, on the CPU
        mine: the clips of this process: all, where there is but one
        share: of its clips among all, 0..1
        crops: (B, 3, S, S) 0..1; B = clips of this process * clip
        mouth_weight: (B, 1, S, S) 1 around the lips
        frames: (B,) int64, on the device
        draw: for what is random in the rest of the step
    """

    starts: torch.Tensor
    mine: slice
    share: float
    crops: torch.Tensor
    mouth_weight: torch.Tensor
    frames: torch.Tensor
    draw: torch.Generator


class GeneratorTask:
    """Paint clips of consecutive frames of the training part.

    Args:
        reference: (1, 3, S, S) 0..1
        syncnet: frozen, on the device; for the sync loss, and for the perceptual one without
            ``vgg``
        vgg: frozen, on the device; for the perceptual loss in place of SyncNet
        basis: of a base's lips; by default the person's own
        prior: of a base that is adapted, towards which the person's line is shrunk

    Attributes:
        line: the straight line from speech to lips, as it is fitted without a fold (None: of all)
    """

    def __init__(
        self,
        model: Generator,
        syncnet: SyncNet,
        data: PersonData,
        reference: torch.Tensor,
        split: Split,
        params: GeneratorParams,
        compute: Compute,
        seed: int,
        vgg: VGGFeatures | None = None,
        basis: LipBasis | None = None,
        prior: Line | None = None,
    ) -> None:
        if params.losses.sync > 0 and params.clip < syncnet.frames:
            raise LipsyncError(
                f"generator.clip: {params.clip} is less than syncnet.frames, {syncnet.frames}; "
                "raise it, or set generator.losses.sync: 0"
            )
        self.model, self.syncnet, self.data = model, syncnet, data
        self.vgg = vgg
        self.reference, self.params = reference, params
        self.compute, self.seed = compute, seed
        self.starts = runs(data.valid[: split.training_end], params.clip)
        if not len(self.starts):
            raise LipsyncError(
                f"generator: no {params.clip} consecutive frames with a face in the training part; "
                "record the face without interruptions"
            )
        self.training_end = split.training_end
        held_out = split.validation[data.valid[split.validation_start :]]
        if not len(held_out):
            raise LipsyncError("generator: no face in the held-out part; record a longer video")
        self.held_out = torch.from_numpy(evenly(held_out, VALIDATION_FRAMES))
        self.clips = params.clips
        self.samples_per_step = self.clips * params.clip
        if distributed.world_size() > self.clips:
            print(
                f"generator.batch_size: {params.batch_size} frames are {self.clips} clips of "
                f"{params.clip}, too few for {distributed.world_size()} processes: the others "
                f"idle; set LIPSYNC_PROCESSES={self.clips}, or raise generator.batch_size",
                file=sys.stderr,
            )
        self.seen = torch.from_numpy(np.flatnonzero(data.seen[: split.training_end]))
        self.lips = LipShapes(data, self.seen, params, basis)
        self.line: Callable[[int | None], Line] = partial(self.lips.line, prior=prior)
        model.lips.components.copy_(self.lips.basis.components)
        model.lips.unit.fill_(self.lips.basis.unit)
        model.lips.requires_grad_(False).eval()  # taught apart, in warm_up
        mask = torch.from_numpy(paste_mask(data.size)).to(data.crops.device)
        self.paste = mask[None, None]  # (1, 1, S, S)

    @cached_property
    def codes(self) -> torch.Tensor:
        """(N, R) lips that the painter sees; ``model.lips`` must be taught."""
        return self.lips.cross_fitted(self.model.lips, self.line)

    def warm_up(self) -> None:
        """Teach what speech says of the lips, from nothing or from what the base says."""
        teach_lips(
            self.model.lips, [self.lips], self.line(None), self.params, self.compute, self.seed
        )

    def steps(self) -> int:
        """Steps in an epoch, which is about as many frames as the training part has."""
        return max(1, len(self.starts) // self.samples_per_step)

    def losses(self, epoch: int, step: int) -> dict[str, torch.Tensor]:
        """All losses of one batch of clips, and their weighted sum."""
        weights = self.params.losses
        batch = self.fetch(epoch, step)
        crops, share = batch.crops, batch.share
        codes = self.codes[batch.frames]  # outside of autocast: guessed once, in full precision
        with self.compute.autocast():
            features = self.model.encode_reference(self.reference)
            painted = self.model.generate(crops, features, codes)
        painted = painted.float()
        pasted = crops + self.paste * (painted - crops)
        terms = {
            "l1": L.weighted_l1(painted, crops, self.paste) * share,
            "mouth": L.weighted_l1(painted, crops, batch.mouth_weight)
            * distributed.fraction(batch.mouth_weight.mean() * share),
        }
        if weights.temporal:
            moved = L.temporal_l1(painted, crops, self.paste, self.params.clip)
            terms["temporal"] = moved * share
        if weights.perceptual or weights.sync:
            terms |= self._expert(pasted, batch)
        total = sum(getattr(weights, name) * value for name, value in terms.items())
        return {"loss": torch.as_tensor(total), **terms}

    def fetch(self, epoch: int, step: int) -> Batch:
        """The clips of a step, augmented; whole clips alike."""
        params, data = self.params, self.data
        order = torch.randperm(len(self.starts), generator=step_generator(self.seed, epoch))
        chosen = order[step * self.clips : (step + 1) * self.clips]
        starts = torch.from_numpy(self.starts)[chosen]
        draw = step_generator(self.seed, epoch, step + 1)
        frames = (starts[:, None] + torch.arange(params.clip)).flatten().to(data.crops.device)
        crops = to_unit(data.crops[frames])
        lips = L.box_weight(data.mouth[frames], data.size)
        both = augment.shift(torch.cat([crops, lips], 1), params.shift, params.clip, draw)
        crops, lips = both[:, :3], both[:, 3:]
        crops = augment.colour(crops, params.jitter, params.clip, draw)
        # Drawn for the whole batch, so that a picture is the same in however many processes.
        mine = distributed.mine(len(starts))
        share = (mine.stop - mine.start) / len(starts)
        if not share:  # more processes than clips: one that does not count keeps in step
            mine = slice(0, 1)
        part = slice(mine.start * params.clip, mine.stop * params.clip)
        return Batch(starts, mine, share, crops[part], lips[part], frames[part], draw)

    def _expert(self, pasted: torch.Tensor, batch: Batch) -> dict[str, torch.Tensor]:
        """Losses that a trained network judges, on pictures as the viewer sees them."""
        weights, syncnet = self.params.losses, self.syncnet
        truth, starts, draw = batch.crops, batch.starts, batch.draw
        terms = {}
        with self.compute.autocast():
            if weights.sync or self.vgg is None:
                painted = syncnet.features(syncnet.mouth(pasted))
            if weights.perceptual:
                seen = painted if self.vgg is None else self.vgg(pasted)
                with torch.no_grad():
                    real = self._features(truth)
                terms["perceptual"] = L.perceptual(seen, real, batch.share).float()
            if weights.sync:
                far = torch.randint(
                    NEAR, self.training_end - NEAR, (len(starts), NEGATIVES), generator=draw
                )
                others = (starts[:, None] + far) % self.training_end  # at least NEAR away
                centres = torch.cat([starts[:, None], others], 1).to(truth.device)
                rows = self.data.windows(
                    centres[batch.mine], syncnet.context, syncnet.frames - 1 + syncnet.context
                )
                found = L.sync(syncnet, painted[-1], rows, self.params.clip).float()
                terms["sync"] = found * batch.share
        return terms

    def _features(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        """What the perceptual loss compares."""
        if self.vgg is not None:
            return self.vgg(pictures)
        return self.syncnet.features(self.syncnet.mouth(pictures))

    def validate(self, model: nn.Module) -> dict[str, float]:
        """L1 over the pasted region and the lips, and PSNR (dB) in the mask, held out."""
        assert isinstance(model, Generator)
        frames = self.held_out.to(self.data.crops.device)
        truth = to_unit(self.data.crops[frames])
        painted = paint(model, self.data, frames, self.reference)
        lips = L.box_weight(self.data.mouth[frames], self.data.size)
        l1 = L.weighted_l1(painted, truth, self.paste).item()
        mouth = L.weighted_l1(painted, truth, lips).item()
        inside = (self.paste > 0.5).expand_as(truth)
        error = (painted - truth)[inside].square().mean().item()
        return {"loss": l1 + mouth, "l1": l1, "mouth": mouth, "psnr": -10 * np.log10(error)}

    def lips_figures(self, model: Generator) -> dict[str, float]:
        """How well speech tells the lips: r of their first component, training and held out."""
        return {
            "lips_r_train": round(self.lips.correlation(model.lips, self.seen), 4),
            "lips_r": round(self.lips.correlation(model.lips, self.held_out), 4),
        }

    def picture(self, model: nn.Module) -> bytes | None:
        """Held-out crops, real above painted."""
        assert isinstance(model, Generator)
        spaced = torch.linspace(0, len(self.held_out) - 1, PICTURE_FRAMES).round().long()
        frames = self.held_out[spaced].to(self.data.crops.device)
        truth = to_unit(self.data.crops[frames])
        pasted = truth + self.paste * (paint(model, self.data, frames, self.reference) - truth)
        rows = torch.stack([truth, pasted]).cpu()  # (2, n, 3, S, S)
        sheet = rows.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)  # (2 S, n S, 3)
        pixels = (sheet * 255).round().to(torch.uint8).numpy()
        return cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()


@torch.no_grad()
def paint(
    model: Generator,
    data: PersonData,
    frames: torch.Tensor,
    reference: torch.Tensor,
    speech_frames: torch.Tensor | None = None,
) -> torch.Tensor:
    """Painted crops of frames, clamped.

    Args:
        frames: (B,) frame numbers whose crops are repainted
        reference: (1, 3, S, S) 0..1
        speech_frames: (B,) frame numbers whose speech is spoken; by default their own
    Returns:
        (B, 3, S, S) 0..1
    """
    spoken = frames if speech_frames is None else speech_frames
    features = model.encode_reference(reference)
    parts = [
        model.generate(
            to_unit(data.crops[some]),
            features,
            model.lips(data.windows(other, model.past, model.future)),
        )
        for some, other in zip(frames.split(BATCH), spoken.split(BATCH), strict=True)
    ]
    return torch.cat(parts).clamp_(0, 1)
