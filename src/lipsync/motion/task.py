"""What train_motion trains, for ``lipsync.training.loop``: the temporal networks.

Each network leaves out one of four contiguous parts of the recording, so that its predictions
there show how well it does on new speech. Speech is heard at moments between frames too, where its
rows are finer than frames, with the expression between those of the two frames.
"""

from typing import Literal

import numpy as np
import torch
from torch import nn

from lipsync.motion.data import MotionData, network_predictions, predict
from lipsync.motion.figures import correlation
from lipsync.motion.model import MotionNet
from lipsync.motion.params import MotionParams
from lipsync.motion.ridge import fit_ridge, take_ridge
from lipsync.motion.targets import Targets
from lipsync.training import augment
from lipsync.training.device import step_generator
from lipsync.training.split import Split

QUIET = 0.02  # share of the windows that are quieter than the level from which speech counts
SOFTEST = 0.1  # of that level, where the recording itself holds silence; 1 is the mean row's
LIPS_MEET = 0.1  # share of the frames whose gap is smaller than any predicted one
PASSES = 12  # over the training part in an epoch
MIN_STEPS = 12  # in an epoch; a short video is looked at more often
LEVEL = 2.0  # noise that is the same in all features of a clip, of ``motion.noise``
MASKED_ROWS = 2  # consecutive speech rows that are left out

Learner = Literal["own", "adapted", "base"]


class MotionTask:
    """Clips of consecutive frames of the training part.

    Args:
        model: on the device of ``data``, not trained; its statistics are set here
        of: what ``model`` is: one person's "own"; an "adapted" base, whose networks know their
            input's statistics; or the "base" itself, which learns from several people
    """

    def __init__(
        self,
        model: MotionNet,
        data: MotionData,
        split: Split,
        params: MotionParams,
        seed: int,
        *,
        of: Learner = "own",
    ) -> None:
        self.model, self.data, self.params, self.seed = model, data, params, seed
        self.reach = model.past + model.future
        self.targets = targets = Targets(data, split, params.opening, self.reach)
        self.held_out = np.flatnonzero(
            data.valid & (np.arange(data.frames) >= split.validation_start)
        )
        self.samples_per_step = params.batch_size * params.clip
        device = data.speech.device
        self._of_base = of == "base"
        if of == "own":
            model.standardize.fit(data.rows(targets.frames))
        if not self._of_base:
            self._set_person()
        self._expression = torch.from_numpy(targets.expression - targets.centre).float().to(device)
        self._measures = torch.from_numpy(targets.measures).float().to(device)
        heeded = np.zeros((model.members, data.frames), np.float32)
        for member in range(model.members):
            heeded[member, targets.folds[member % len(targets.folds)].others] = 1
        heeded *= 1 + params.closed * targets.closed
        self._weight = torch.from_numpy(heeded).to(device)  # (M, N)

    @torch.no_grad()
    def _set_person(self) -> None:
        model, targets = self.model, self.targets
        rows = self.data.rows(targets.frames)
        silence = self.data.silence
        voiced = rows.mean(0) - silence
        model.silence.copy_(silence)
        model.voice.copy_(voiced / voiced.square().sum().clamp_min(1e-12))
        windows = self.data.windows(
            torch.from_numpy(targets.frames).to(rows.device), model.past, model.future
        )
        levels = model.levels(windows).cpu().numpy()
        known = targets.gap[targets.frames]
        values = {
            "centre": targets.centre,
            "gap_weights": targets.gap_weights,
            "gap_offset": targets.gap_offset,
            "opening_direction": targets.opening_direction,
            "smallest_gap": np.quantile(known, LIPS_MEET),
            "resting": targets.resting,
            "speaking": max(np.quantile(levels, QUIET), SOFTEST),
        }
        for name, value in values.items():
            model.get_buffer(name).copy_(torch.as_tensor(value).float())

    def warm_up(self) -> None:
        """Fit the ridge regression, which is always one person's."""
        if not self._of_base:
            take_ridge(self.model, fit_ridge(self.model, self.data, self.targets, self.params))

    def steps(self) -> int:
        """Steps in an epoch."""
        return max(MIN_STEPS, round(PASSES * len(self.targets.frames) / self.samples_per_step))

    def losses(self, epoch: int, step: int) -> dict[str, torch.Tensor]:
        """Weighted squared error of all networks over a batch of clips."""
        params, data = self.params, self.data
        draw = step_generator(self.seed, epoch, step + 1)
        torch.manual_seed(draw.initial_seed())  # dropout draws from the global generator
        clips, late = self._draw_clips(draw)
        reach = params.clip - 1 + self.model.future
        rows = data.windows_between(clips[:, 0], late, self.model.past, reach)  # (B, T, D)
        wanted, weight = self._wanted(clips, late)
        rows = augment.loudness(rows, params.gain, data.per_decibel, draw)
        if self._of_base and data.per_decibel:  # bands of a spectrum
            rows = augment.tilt(rows, params.tilt, data.per_decibel, data.instants, draw)
            rows = augment.vocal_tract(rows, params.vocal_tract, data.instants, draw)
        rows = self._spoil(self.model.standardized(rows), draw)
        predicted = self.model.networks(rows) - self.model.centre  # (B, M, L, E)
        errors = ((predicted - wanted.unsqueeze(1)) @ self._measures).square().sum(3)  # (B, M, L)
        weight = weight.transpose(1, 2)  # (B, L, M) -> (B, M, L)
        return {"loss": (errors * weight).sum() / weight.sum().clamp_min(1)}

    def _draw_clips(self, draw: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Frame numbers (B, L), which may lie outside the training part, and lateness (B,)."""
        params, data = self.params, self.data
        chosen = torch.randint(len(self.targets.frames), (params.batch_size,), generator=draw)
        first = torch.from_numpy(self.targets.frames)[chosen] - params.clip // 2
        half = data.instants // 2
        late = torch.randint(-half, half + 1, (params.batch_size,), generator=draw)
        device = data.speech.device
        return (first.unsqueeze(1) + torch.arange(params.clip)).to(device), late.to(device)

    def _wanted(self, clips: torch.Tensor, late: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Expressions from the mean (B, L, E) in moments between frames, and weights (B, L, M)."""
        last = self.data.frames - 1
        share = (late.abs() / self.data.instants)[:, None, None]  # of the way to the other frame
        inside = (clips >= 0) & (clips <= last)
        own = clips.clamp(0, last)
        other = (clips + late.sign().unsqueeze(1)).clamp(0, last)
        wanted = torch.lerp(self._expression[own], self._expression[other], share)
        weight = torch.minimum(self._weight[:, own], self._weight[:, other]) * inside  # (M, B, L)
        return wanted, weight.permute(1, 2, 0)

    def _spoil(self, rows: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
        """Noise, and a band of features and a few rows left out, in standardised rows (B, T, D).

        Park et al., "SpecAugment: a simple data augmentation method for automatic speech
        recognition", 2019.
        """
        params, instants = self.params, self.data.instants
        batch, length, dimension = rows.shape
        if params.noise:
            rows = rows + params.noise * torch.randn(rows.shape, generator=draw).to(rows)
            level = torch.randn((batch, 1, 1), generator=draw).to(rows)
            rows = rows + LEVEL * params.noise * level
        if not params.mask:
            return rows
        bands = dimension // instants
        wide = round(params.mask * bands)
        first = torch.randint(bands - wide + 1, (batch, 1), generator=draw)
        band = torch.arange(bands)
        kept = ((band < first) | (band >= first + wide)).float()  # (B, D / I)
        first = torch.randint(length, (batch, 1), generator=draw)
        row = torch.arange(length)
        heard = ((row < first) | (row >= first + MASKED_ROWS)).float()  # (B, T)
        return rows * (kept.repeat(1, instants).unsqueeze(1) * heard.unsqueeze(2)).to(rows)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Weighted squared error of the blend before calibration, and r of the opening."""
        assert isinstance(model, MotionNet)
        if self._of_base:
            predicted = network_predictions(model, self.data, self.held_out).mean(1)
        else:
            predicted = predict(model, self.data, self.held_out)
        real = self.targets.expression[self.held_out]
        loss = np.square((predicted - real) @ self.targets.measures).sum(1).mean()
        shape = self.data.shape
        return {
            "loss": float(loss),
            "opening_r": correlation(shape.opening(predicted), shape.opening(real)),
        }

    def picture(self, model: nn.Module) -> bytes | None:
        """Nothing to see along the way."""
        return None
