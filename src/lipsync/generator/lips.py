"""Teaching what speech says of the lips, before and apart from painting them.

Pixels teach slowly and dearly what sound opens the mouth: a step looks at ten pictures, and a
painter that hears learns the training part's words by heart. So the two are parted. ``teach_lips``
fits the lips' shape to the speech, 128 frames a step from all over the training part, and then
leaves it alone; the painter sees nothing of the speech but these few numbers. (Shown what the lips
really did, it takes from them how the head is turned, and misses that when lips are guessed: on the
sample that costs 0.8 dB.)

What the painter learns from are cross-fitted guesses (Wolpert, "Stacked generalization", 1992): of
each frame by the nets, and a line, that did not learn from its part of the recording. Of what it
knows a net guesses nearly the truth, of new speech half of it or less; a painter taught with the
former hardly moves the lips for the latter, and on a clip of 10 s r was 0.30 so and 0.62
cross-fitted.

Ridge regression has a share in the guess (``straight``). Against the real opening, held out, r of
the nets alone, with a share of 0.25, and of ridge alone: sample 0.92, 0.91, 0.84; three real clips
0.63, 0.65, 0.54; 0.47, 0.48, 0.58; 0.46, 0.49, 0.44. So it costs little where nets do well, and
helps where there are only seconds to learn from.

Speech is heard at moments between frames too, where its rows are finer than frames, with the lips
between those of the two frames: a mel encoder's four columns a frame make four times the examples.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lipsync.errors import LipsyncError
from lipsync.generator.folds import Folds
from lipsync.generator.params import GeneratorParams
from lipsync.generator.speech import LipPredictor
from lipsync.training import augment
from lipsync.training.data import PersonData
from lipsync.training.ridge import MOST_FRAMES, Line, fit_line
from lipsync.training.split import evenly

BATCH = 128  # frames whose lips are guessed in a step


@dataclass(frozen=True)
class LipBasis:
    """What the numbers that stand for lips mean; for a base, the same for all people.

    Attributes:
        components: (R, 80) float64, orthonormal directions of a person's lips from their own mean
        unit: share of the crop's side that is 1
    """

    components: torch.Tensor
    unit: float


def find_basis(people: Sequence[torch.Tensor], count: int) -> LipBasis:
    """Principal components of lips around each person's own mean; all people count alike.

    Args:
        people: of each, (T, 80) float64 as of ``PersonData.lip_shapes``
        count: R
    """
    first = len(people[0])
    apart = [(shapes - shapes.mean(0)) * (first / len(shapes)) ** 0.5 for shapes in people]
    _, spread, components = torch.linalg.svd(torch.cat(apart), full_matrices=False)
    unit = (spread[0] / (first * len(people)) ** 0.5).clamp_min(1e-4)  # lips may rest
    return LipBasis(components[:count], float(unit))


def known_basis(lips: LipPredictor) -> LipBasis:
    """The basis that ``lips`` was taught in."""
    return LipBasis(lips.components.detach().cpu().double(), lips.unit.item())


class LipShapes:
    """The lips of a person as a few numbers: how far they are from their mean along a basis.

    Args:
        frames: (T,) int64 frame numbers of the training part whose lips were seen
        basis: of the base that the person adapts; by default the person's own

    Attributes:
        basis: as given, or found
        codes: (N, R) float32 in units of the first component's spread; NaN where not valid
    """

    def __init__(
        self,
        data: PersonData,
        frames: torch.Tensor,
        params: GeneratorParams,
        basis: LipBasis | None = None,
    ) -> None:
        self._data, self._params = data, params
        self._frames = frames.to(data.lips.device)
        shapes = data.lip_shapes.cpu().double()  # (N, 80)
        known = shapes[frames.cpu()]
        if len(known) < params.lips.shapes:
            raise LipsyncError(
                f"generator.lips.shapes: {params.lips.shapes} is more than the {len(known)} frames "
                "whose lips are seen in the training part; lower it, or record a longer video"
            )
        self.basis = basis or find_basis([known], params.lips.shapes)
        codes = (shapes - known.mean(0)) @ self.basis.components.T / self.basis.unit
        self.codes = codes.float().to(data.lips.device)
        self._taught = torch.zeros(data.frames, dtype=torch.bool, device=data.lips.device)
        self._taught[self._frames] = True
        self.folds = Folds(frames.cpu(), data.frames, self.reach, params.lips.members)

    @property
    def steps(self) -> int:
        """In which every frame is looked at ``lips.epochs`` times."""
        return max(1, round(self._params.lips.epochs * len(self._frames) / BATCH))

    def loss(self, lips: LipPredictor, draw: torch.Generator) -> torch.Tensor:
        """Mean squared error of all members over frames that ``draw`` chooses.

        Squares, not absolute values: their best guess is the conditional mean, which goes with the
        truth as closely as any guess can; the median keeps rare wide openings small.
        """
        params, data = self._params, self._data
        chosen = torch.randint(len(self._frames), (BATCH,), generator=draw)
        frames = self._frames[chosen.to(self._frames.device)]
        reach = data.instants // 2
        late = torch.randint(-reach, reach + 1, (BATCH,), generator=draw).to(frames.device)
        other = (frames + late.sign()).clamp(0, data.frames - 1)
        late = torch.where(self._taught[other], late, 0)
        speech = data.windows_between(frames, late, params.past, params.future)
        speech = augment.loudness(speech, params.gain, data.per_decibel, draw)
        share = late.abs().unsqueeze(1) / data.instants  # (B, 1) of the way to the other frame
        there = torch.where(share > 0, self.codes[other], self.codes[frames])
        wanted = torch.lerp(self.codes[frames], there, share).unsqueeze(1)  # (B, 1, R)
        errors = (lips.guesses(speech).float() - wanted).square().mean(2)  # (B, M)
        heeded = self.folds.heeded(frames)  # (B, M)
        return (errors * heeded).sum() / heeded.sum().clamp_min(1)

    def line(self, without: int | None = None, prior: Line | None = None) -> Line:
        """The straight line from speech windows, (K D) -> (R), over the training part.

        Args:
            without: a fold to leave out; of too short a recording nothing is left out
            prior: of a base, towards which the line is shrunk: ridge regression has to tell only
                what the base's weights leave over
        """
        frames, speech, wanted = self.examples(MOST_FRAMES, without)
        if prior is None:
            return fit_line(speech, wanted, frames, self.reach)
        own = prior.through(speech.mean(0), np.zeros(wanted.shape[1]))
        rest = fit_line(speech, wanted - own(speech), frames, self.reach)
        return Line(own.weights + rest.weights, own.offset + rest.offset)

    @property
    def middle(self) -> np.ndarray:
        """The mean speech window of the training part, (K D) float64; its code is 0."""
        _, speech, _ = self.examples(MOST_FRAMES)
        return speech.mean(0)

    def examples(
        self, most: int, without: int | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What a line is fitted to: frames (F,), their speech (F, K D) and codes (F, R), float64.

        Args:
            most: frames, evenly spaced
            without: a fold whose frames, and those near it, are left out
        """
        frames = self._frames
        if without is not None:
            rest = frames[~self.folds.near[without].to(frames.device)[frames]]
            frames = rest if len(rest) > 1 else frames
        chosen = evenly(frames.cpu().numpy(), most)
        there = torch.from_numpy(chosen).to(frames.device)
        return chosen, self._heard(there), self.codes[there].cpu().double().numpy()

    @torch.no_grad()
    def cross_fitted(self, lips: LipPredictor, line: Callable[[int], Line]) -> torch.Tensor:
        """Guesses of each frame by those who did not learn from it, (N, R).

        Args:
            lips: taught
            line: the straight line as it is fitted without a fold
        """
        guessed = torch.zeros_like(self.codes)
        for fold in range(self.folds.count):
            frames = torch.nonzero(self.folds.of == fold).squeeze(1).to(guessed.device)
            speech = self._data.windows(frames, self._params.past, self._params.future)
            guess = lips.guesses(speech)[:, self.folds.members_without(fold)].mean(1)
            if lips.straight:
                straight = line(fold)(self._heard(frames))
                guess = torch.lerp(guess, torch.from_numpy(straight).to(guess), lips.straight)
            guessed[frames] = guess
        return guessed

    @property
    def reach(self) -> int:
        """Frames nearer than this share speech."""
        return self._params.past + self._params.future

    def _heard(self, frames: torch.Tensor) -> np.ndarray:
        """Speech windows around frames (B,): (B, K D) float64."""
        speech = self._data.windows(frames, self._params.past, self._params.future)
        return speech.flatten(1).cpu().double().numpy()

    def correlation(self, lips: LipPredictor, frames: torch.Tensor) -> float:
        """Pearson's r of the first component, guessed and real, over valid frames (B,)."""
        frames = frames.to(self.codes.device)
        speech = self._data.windows(frames, self._params.past, self._params.future)
        with torch.no_grad():
            pair = torch.stack([lips(speech)[:, 0], self.codes[frames, 0]])
        return float(torch.nan_to_num(torch.corrcoef(pair)[0, 1]))  # 0 where one never moves
