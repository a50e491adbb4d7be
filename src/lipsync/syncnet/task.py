"""What train_syncnet trains, for ``lipsync.training.loop``."""

import numpy as np
import torch
from torch import nn

from lipsync.errors import LipsyncError
from lipsync.syncnet.model import SyncNet
from lipsync.syncnet.params import SyncNetParams
from lipsync.syncnet.score import (
    AVERAGE,
    MAX_SHIFT,
    contrastive_loss,
    embed_pictures,
    scan_offsets,
    summarise,
)
from lipsync.training import augment, distributed
from lipsync.training.data import PersonData, to_unit
from lipsync.training.device import Compute, step_generator
from lipsync.training.split import Split


class SyncNetTask:
    """Contrast windows of lips with right, shifted and other speech of the training part."""

    def __init__(
        self,
        model: SyncNet,
        data: PersonData,
        split: Split,
        params: SyncNetParams,
        compute: Compute,
        seed: int,
    ) -> None:
        self.model, self.data, self.params = model, data, params
        self.compute, self.seed = compute, seed
        self.starts = split.training_runs(data.valid, model.frames)
        self.held_out = split.held_out_runs(data.valid, model.frames)
        if len(self.starts) < 2 or len(self.held_out) < 2:
            raise LipsyncError(
                f"syncnet: {len(self.starts)} windows to train on and {len(self.held_out)} held "
                "out; the face must be seen for longer stretches in both parts of the video"
            )
        self.training_end = split.training_end
        self.samples_per_step = min(params.batch_size, len(self.starts))

    def warm_up(self) -> None:
        """Nothing to prepare."""

    def steps(self) -> int:
        """Steps in an epoch: about as many windows as the training part has, or epoch_windows."""
        wanted = min(len(self.starts), self.params.epoch_windows) // self.samples_per_step
        return max(1, wanted)

    def losses(self, epoch: int, step: int) -> dict[str, torch.Tensor]:
        """Contrastive loss of one batch."""
        params, batch = self.params, self.samples_per_step
        order = torch.randperm(len(self.starts), generator=step_generator(self.seed, epoch))
        chosen = torch.from_numpy(self.starts)[order[step * batch : (step + 1) * batch]]  # (B,)
        draw = step_generator(self.seed, epoch, step + 1)
        torch.manual_seed(draw.initial_seed())  # dropout draws from the global generator
        hard = chosen + _hard_shifts(len(chosen), params.hard_shift, draw)
        hard = hard[(hard >= 0) & (hard + self.model.frames <= self.training_end)]  # (H,)
        centres = torch.cat([chosen, hard])  # (B + H,)
        device = self.data.crops.device
        with self.compute.autocast():
            faces = self._embed_faces(chosen.to(device), draw)
            rows = self.data.windows(
                centres.to(device), self.model.context, self.model.frames - 1 + self.model.context
            )
            rows = augment.loudness(rows, params.gain, self.data.per_decibel, draw)
            known = self.model.standardize
            rows = augment.noise(
                rows, params.noise, self.data.per_decibel, known.mean, known.deviation, draw
            )
            speech = self.model.embed_speech(rows)
        loss = contrastive_loss(
            faces.float(),
            speech.float(),
            chosen.to(device),
            centres.to(device),
            self.model.scale(),
        )
        return {"loss": loss / distributed.world_size()}  # of what every rank knows whole

    def _embed_faces(self, starts: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
        window = self.model.frames
        frames = starts[:, None] + torch.arange(window, device=starts.device)  # (B, T)
        mouths = self.model.mouth(to_unit(self.data.crops[frames.flatten()]))  # (B T, 3, 64, 64)
        mouths = augment.shift(mouths, self.params.shift, window, draw)
        mouths = augment.geometry(mouths, self.params.zoom, self.params.rotation, window, draw)
        mouths = augment.colour(mouths, self.params.jitter, window, draw)
        # The pictures are most of the work: each rank embeds its share, and all know all of them.
        # What follows is done whole by every rank, so that dropout and negatives are the batch's.
        count = len(mouths)
        last = self.model.features(mouths[distributed.mine(count)])[-1]
        pictures = distributed.gather(self.model.embed_pictures(last), count)  # (B T, E)
        return self.model.embed_faces(pictures.unflatten(0, (-1, window)))

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Loss over the 31 shifts, top-1 within one frame and margin, on held-out windows."""
        assert isinstance(model, SyncNet)
        cosines = held_out_scan(model, self.data, self.held_out)
        own = torch.full((len(cosines),), MAX_SHIFT)
        logits = model.scale().cpu() * torch.from_numpy(cosines)
        far = (torch.arange(2 * MAX_SHIFT + 1) - MAX_SHIFT).abs()
        logits = logits.masked_fill((far > 0) & (far <= 2), float("-inf"))
        loss = nn.functional.cross_entropy(logits, own).item()
        found = summarise(cosines, self.held_out, AVERAGE)
        return {"loss": loss, "top1": found.top1, "margin": found.margin}

    def picture(self, model: nn.Module) -> bytes | None:
        """Nothing to see along the way."""
        return None


def held_out_scan(model: SyncNet, data: PersonData, starts: np.ndarray) -> np.ndarray:
    """Cosines (W, 31) of real windows of lips with their own speech, shifted."""
    first, last = int(starts[0]), int(starts[-1]) + model.frames
    pictures = embed_pictures(model, data.crops[first:last])
    return scan_offsets(model, pictures, data, starts - first, first)


def _hard_shifts(count: int, furthest: int, generator: torch.Generator) -> torch.Tensor:
    """3 ... ``furthest`` frames, either way: (count,) int64."""
    size = torch.randint(3, furthest + 1, (count,), generator=generator)
    sign = torch.randint(0, 2, (count,), generator=generator) * 2 - 1
    return size * sign
