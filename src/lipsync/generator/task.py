"""What train_generator trains, for ``lipsync.training.loop``."""

import math
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lipsync.errors import LipsyncError
from lipsync.generator import losses as L
from lipsync.generator.model import Decided, Refiner, compose
from lipsync.generator.params import GeneratorParams
from lipsync.generator.perceptual import VGGFeatures
from lipsync.generator.refine import to_inputs
from lipsync.geometry.model import ShapeModel, Track
from lipsync.retrieval.exemplars import Exemplars
from lipsync.retrieval.layers import LayerMaker, Layers
from lipsync.retrieval.material import Material
from lipsync.retrieval.selection import Choice, Selector
from lipsync.syncnet.model import SyncNet
from lipsync.training import distributed
from lipsync.training.data import PersonData
from lipsync.training.device import Compute, step_generator
from lipsync.training.split import Split, evenly

NEAR = 3  # frames; speech closer than this is no negative of the sync loss
NEGATIVES = 15  # other instants that the sync loss compares with
VALIDATION_FRAMES = 96  # at most so many, evenly spaced
PICTURE_FRAMES = 6  # columns of a sample picture
BATCH = 16  # frames refined at once where nothing is learned
DROPOUT_FRAMES = 25  # consecutive frames for which the same exemplars are left out
CHOICES = 1 << 20  # number of the draw of an epoch's choices; that of a step is less
PATCH = 20  # pixels of a square in which sharpness is compared
LEAST_SHARE = 4  # an epoch has at least so many times fewer frames than generator.epoch_frames


@dataclass(frozen=True)
class Batch:
    """What a step looks at.

    Attributes:
        starts: (clips,) int64 first frames, on the CPU
        mine: the clips of this process: all, where there is but one
        share: of its clips among all, 0..1
        inputs: of the refiner; B = clips of this process * clip frames
        mask: (B, 1, S, S) weight of the new face
        draw: for what is random in the rest of the step
    """

    starts: torch.Tensor
    mine: slice
    share: float
    inputs: tuple[torch.Tensor, ...]
    mask: torch.Tensor
    draw: torch.Generator

    @property
    def truth(self) -> torch.Tensor:
        """(B, 3, S, S) 0..1"""
        return self.inputs[3]

    @property
    def mouth(self) -> torch.Tensor:
        """(B, 1, S, S) weight of the mouth"""
        return self.inputs[4]

    def part(self, weight: torch.Tensor) -> torch.Tensor:
        """What a mean under a weight map of these frames counts in that of all processes, 0..1."""
        return distributed.fraction(weight.mean() * self.share)


class GeneratorTask:
    """Refine clips of consecutive frames of the training part.

    A frame is put together from exemplars at least ``generator.apart`` seconds away: nearer ones
    are almost the frame itself, and new speech has no such neighbours.

    Args:
        material: of the same frames as ``data``
        exemplars: (M,) frame numbers
        syncnet: frozen, on the device; for the sync loss, and for the perceptual one without
            ``vgg``
        vgg: frozen, on the device; for the perceptual loss in place of SyncNet
        adapted: whether the model begins as a base, which knows most already

    Attributes:
        exemplars: at the working size
        maker: of layers
    """

    def __init__(
        self,
        model: Refiner,
        syncnet: SyncNet,
        data: PersonData,
        material: Material,
        exemplars: np.ndarray,
        split: Split,
        params: GeneratorParams,
        compute: Compute,
        seed: int,
        vgg: VGGFeatures | None = None,
        *,
        adapted: bool = False,
    ) -> None:
        if params.losses.sync > 0 and params.clip < syncnet.frames:
            raise LipsyncError(
                f"generator.clip: {params.clip} is less than syncnet.frames, {syncnet.frames}; "
                "raise it, or set generator.losses.sync: 0"
            )
        self.model, self.syncnet, self.data = model, syncnet, data
        self.vgg, self.material, self._adapted = vgg, material, adapted
        self.params, self.compute, self.seed = params, compute, seed
        self.starts = split.training_runs(data.valid, params.clip)
        if not len(self.starts):
            raise LipsyncError(
                f"generator: no {params.clip} consecutive frames with an uncovered mouth in the "
                "training part; record the face without interruptions, and nothing in front of it"
            )
        self.training_end = split.training_end
        held_out = split.validation[data.valid[split.validation_start :]]
        if not len(held_out):
            raise LipsyncError(
                "generator: no face with an uncovered mouth in the held-out part; record a longer "
                "video, with nothing in front of the mouth"
            )
        self.checked = evenly(held_out, VALIDATION_FRAMES)
        self.clips = params.clips
        self.samples_per_step = self.clips * params.clip
        if distributed.world_size() > self.clips:
            print(
                f"generator.batch_size: {params.batch_size} frames are {self.clips} clips of "
                f"{params.clip}, too few for {distributed.world_size()} processes: the others "
                f"idle; set LIPSYNC_PROCESSES={self.clips}, or raise generator.batch_size",
                file=sys.stderr,
            )
        chosen = material.exemplars(exemplars)
        self.maker = LayerMaker(chosen, material.model, data.size, whole=True)
        training = np.flatnonzero(data.valid[: split.training_end])
        self.exemplars, self._training = chosen, training
        self._epoch, self._choices = -1, dict[int, Choice]()  # of one epoch's training frames
        self._held_out_choices = choose_apart(material, chosen, held_out, 0)
        self._checked: dict[int, Layers] = {}  # layers of held-out frames
        self._pool = ThreadPoolExecutor(2)

    def warm_up(self) -> None:
        """Nothing to prepare."""

    def steps(self) -> int:
        """Steps in an epoch."""
        return epoch_steps(len(self.starts), self.params, self._adapted)

    def losses(self, epoch: int, step: int) -> dict[str, torch.Tensor]:
        """All losses of one batch of clips, and their weighted sum."""
        weights, batch = self.params.losses, self.fetch(epoch, step)
        truth, mask, clip = batch.truth, batch.mask, self.params.clip
        face, mouth = batch.inputs[:2]
        with self.compute.autocast():
            decided = self.model(*batch.inputs)
        made = compose(face, mouth, decided)
        terms = {
            "l1": L.weighted_l1(made, truth, mask) * batch.part(mask),
            "mouth": L.weighted_l1(made, truth, batch.mouth) * batch.part(batch.mouth),
        }
        if weights.temporal and clip > 1:
            later = mask.unflatten(0, (-1, clip))[:, 1:]
            terms["temporal"] = L.temporal_l1(made, truth, mask, clip) * batch.part(later)
        if weights.sharpness:
            squares = F.avg_pool2d(mask, PATCH)
            terms["sharpness"] = L.sharpness(made, truth, mask, PATCH) * batch.part(squares)
        if weights.perceptual or weights.sync:
            terms |= self._expert(torch.lerp(truth, made, mask), batch)
        total = sum(getattr(weights, name) * value for name, value in terms.items())
        return {"loss": torch.as_tensor(total), **terms}

    def fetch(self, epoch: int, step: int) -> Batch:
        """The clips of a step."""
        clip = self.params.clip
        drawn = step_generator(self.seed, epoch)
        rounds = math.ceil(self.steps() * self.clips / len(self.starts))
        order = [torch.randperm(len(self.starts), generator=drawn) for _ in range(rounds)]
        chosen = torch.cat(order)[step * self.clips : (step + 1) * self.clips]
        starts = torch.from_numpy(self.starts)[chosen]
        draw = step_generator(self.seed, epoch, step + 1)
        mine = distributed.mine(len(starts))
        share = (mine.stop - mine.start) / len(starts)
        if not share:  # more processes than clips: one that does not count keeps in step
            mine = slice(0, 1)
        frames = (starts[mine, None] + torch.arange(clip)).flatten().numpy()
        choices = self.choices(epoch)

        def layers(frame: int) -> Layers:
            return self.maker.make(self.material.target(frame), choices[frame])

        inputs, mask = self.inputs(frames, layers)
        return Batch(starts, mine, share, inputs, mask, draw)

    def inputs(
        self, frames: np.ndarray, layers: Callable[[int], Layers]
    ) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
        """Arguments of the refiner for frames (B,), and their masks (B, 1, S, S)."""
        made = list(self._pool.map(layers, frames.tolist()))
        device = self.data.crops.device
        crops = np.stack([self.material.crops[frame] for frame in frames.tolist()])
        mask = torch.from_numpy(np.stack([each.mask for each in made])).to(device)
        return to_inputs(made, crops, device), mask.unsqueeze(1)

    def choices(self, epoch: int) -> dict[int, Choice]:
        """Of the training frames, for an epoch; a share of the exemplars is left out, by chance.

        Which ones is drawn anew for every second of the video: faces are put together in other
        ways in each epoch, some better and some worse.
        """
        if epoch != self._epoch:
            blocks = self.training_end // DROPOUT_FRAMES + 1
            draw = step_generator(self.seed, epoch, CHOICES)
            drawn = torch.rand((blocks, len(self.exemplars)), generator=draw).numpy()
            self._choices = choose_apart(
                self.material,
                self.exemplars,
                self._training,
                round(self.params.apart * self.data.fps),
                drawn < self.params.dropout,
            )
            self._epoch = epoch
        return self._choices

    def checked_layers(self, frame: int) -> Layers:
        """Of a held-out frame as it was filmed; kept, for every epoch asks again."""
        if frame not in self._checked:
            choice = self._held_out_choices[frame]
            self._checked[frame] = self.maker.make(self.material.target(frame), choice)
        return self._checked[frame]

    def _expert(self, pasted: torch.Tensor, batch: Batch) -> dict[str, torch.Tensor]:
        """Losses that a trained network judges, on pictures as the viewer sees them."""
        weights, syncnet = self.params.losses, self.syncnet
        truth, starts = batch.truth, batch.starts
        terms = {}
        with self.compute.autocast():
            if weights.sync or self.vgg is None:
                made = syncnet.features(syncnet.mouth(pasted))
            if weights.perceptual:
                seen = made if self.vgg is None else self.vgg(pasted)
                with torch.no_grad():
                    real = self._features(truth)
                terms["perceptual"] = L.perceptual(seen, real, batch.share).float()
            if weights.sync:
                far = torch.randint(
                    NEAR, self.training_end - NEAR, (len(starts), NEGATIVES), generator=batch.draw
                )
                others = (starts[:, None] + far) % self.training_end  # at least NEAR away
                centres = torch.cat([starts[:, None], others], 1).to(truth.device)
                rows = self.data.windows(
                    centres[batch.mine], syncnet.context, syncnet.frames - 1 + syncnet.context
                )
                found = L.sync(syncnet, made[-1], rows, self.params.clip).float()
                terms["sync"] = found * batch.share
        return terms

    def _features(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        """What the perceptual loss compares."""
        if self.vgg is not None:
            return self.vgg(pictures)
        return self.syncnet.features(self.syncnet.mouth(pictures))

    @torch.no_grad()
    def refined(self, model: Refiner, frames: np.ndarray) -> tuple[torch.Tensor, ...]:
        """Made and real pictures (B, 3, S, S) 0..1, masks of face and mouth (B, 1, S, S)."""
        parts = []
        for start in range(0, len(frames), BATCH):
            inputs, mask = self.inputs(frames[start : start + BATCH], self.checked_layers)
            decided: Decided = model(*inputs)
            made = compose(inputs[0], inputs[1], decided).clamp(0, 1)
            parts.append((made, inputs[3], mask, inputs[4]))
        return tuple(torch.cat(each) for each in zip(*parts, strict=True))

    def validate(self, model: nn.Module) -> dict[str, float]:
        """L1 over the pasted region and of the mouth, and PSNR (dB) in the mask, held out."""
        assert isinstance(model, Refiner)
        made, truth, mask, mouth = self.refined(model, self.checked)
        l1 = L.weighted_l1(made, truth, mask).item()
        lips = L.weighted_l1(made, truth, mouth).item()
        inside = (mask > 0.5).expand_as(truth)
        error = (made - truth)[inside].square().mean().item()
        psnr = -10 * math.log10(max(error, 1e-12))
        return {"loss": l1 + lips, "l1": l1, "mouth": lips, "psnr": psnr}

    def picture(self, model: nn.Module) -> bytes | None:
        """Held-out crops, real above refined."""
        assert isinstance(model, Refiner)
        made, truth, mask, _ = self.refined(model, evenly(self.checked, PICTURE_FRAMES))
        rows = torch.stack([truth, torch.lerp(truth, made, mask)]).cpu()  # (2, n, 3, S, S)
        sheet = rows.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)  # (2 S, n S, 3)
        pixels = (sheet * 255).round().to(torch.uint8).numpy()
        return cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()


def epoch_steps(starts: int, params: GeneratorParams, adapted: bool = False) -> int:
    """Steps in an epoch over clips that begin in so many frames.

    About as many frames as the training part has, at most epoch_frames, and at least a quarter of
    that: a short video is looked at several times. What is ``adapted`` knows most already: half of
    the training part's frames, at most half of epoch_frames.
    """
    most = params.epoch_frames
    frames = min(starts, most) // 2 if adapted else min(max(starts, most // LEAST_SHARE), most)
    return max(1, frames // (params.clips * params.clip))


def choose_apart(
    material: Material,
    exemplars: Exemplars,
    frames: np.ndarray,
    apart: int,
    dropped: np.ndarray | None = None,
) -> dict[int, Choice]:
    """Choices for ascending frames (T,), by frame number, of exemplars that are no neighbours.

    Args:
        apart: frames; nearer exemplars are left out
        dropped: (blocks, M) bool, what else is left out in each block of ``DROPOUT_FRAMES``
    """
    selector, choices = Selector(exemplars, material.model), {}
    for frame in frames.tolist():
        away = np.abs(exemplars.frames - frame)
        barred = away < apart
        if barred.all():  # a short video: the farthest will have to do
            barred = away < away.max()
        if dropped is not None and not (more := barred | dropped[frame // DROPOUT_FRAMES]).all():
            barred = more
        choices[frame] = selector.choose(material.target(frame), barred)
    return choices


def material_of(
    data: PersonData, geometry: tuple[ShapeModel, Track], cuts: Sequence[int] = ()
) -> Material:
    """The material of a person's data on the CPU, with shape model and track.

    cuts: frames at which a shot begins
    """
    pictures = data.crops.permute(0, 2, 3, 1).cpu().numpy()  # (N, S, S, 3), a view
    return Material(pictures, data.boxes, *geometry, data.fps, cuts=np.array(cuts, int))
