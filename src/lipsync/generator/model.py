"""U-Net that refines a face which was put together from warped exemplars.

It decides more than it paints. At a quarter of the working size's side it says, everywhere:

- whether the texture is that of the mouth exemplar or of the face exemplar;
- whether the shading is the texture's own or that of the blend of several exemplars;
- from where, at most a few pixels aside, the texture is fetched;
- what is added to the colour, smoothly.

Between and around the lips, where no exemplar may show what is wanted, it may add twice as finely.
Detail comes from the exemplars alone, so it is as sharp as the video is. Before any training it
changes next to nothing: then the face is the one that ``retrieval.pasting.undecided`` makes.

Of the frame it sees what lies above the lower lids; the rest is masked inside, so nothing of the
filmed mouth can reach it.
"""

import copy
import itertools
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from lipsync.faces.masks import visible_mask
from lipsync.generator.adapter import merge
from lipsync.retrieval.pasting import LOW, WIDER
from lipsync.training.layers import initialise

PATCH = 4  # pixels of the square that becomes one position of the finest level
GAIN = 0.2  # of a residual branch at the start
FLOW = 0.1  # shares of the crop's side that a flow of 1 is
SCALE = 0.05  # of what the head says: an early step of the optimiser changes little
LOGIT = 10.0  # logits of a share that the head's 1 is
LEAST_SHARE = 0.01  # a mask's 0 and 1 are taken for this and 1 less this: the network may object
INPUTS = 4 * 3 + 2  # channels: four pictures, two masks
HEAD = (1, 1, 2, 3, 3 * 4)  # mouth share, shading share, flow, colour, finer colour of the mouth


class Decided(NamedTuple):
    """What the refiner decides.

    share (B, 1, S, S) 0..1, of the mouth exemplar; flow (B, 2, S, S) x and y in shares of the
    crop's side; correction (B, 3, S, S) of 0..1, added to the texture.
    """

    share: torch.Tensor
    flow: torch.Tensor
    correction: torch.Tensor


class Refiner(nn.Module):
    """Refines faces at the working size.

    Args:
        size: S, pixels; a multiple of 32
        channels: of the levels, from fine (S / 4) to coarse

    Attributes:
        config: the arguments
    """

    visible: torch.Tensor
    kernel: torch.Tensor

    def __init__(self, size: int, *, channels: tuple[int, ...] = (48, 80, 112)) -> None:
        super().__init__()
        self.config: dict[str, Any] = {"size": size, "channels": list(channels)}
        self.register_buffer("visible", torch.from_numpy(visible_mask(size)), persistent=False)
        self.register_buffer("kernel", gaussian(LOW * size), persistent=False)
        self.stem = nn.Conv2d(INPUTS, channels[0], 2 * PATCH, stride=PATCH, padding=PATCH // 2)
        self.down = nn.ModuleList(
            nn.Conv2d(fine, coarse, 3, stride=2, padding=1)
            for fine, coarse in itertools.pairwise(channels)
        )
        self.bottom = nn.Sequential(Block(channels[-1]), Block(channels[-1]))
        self.up = nn.ModuleList(
            nn.Conv2d(coarse, fine, 1) for fine, coarse in itertools.pairwise(channels)
        )
        self.decoder = nn.ModuleList(
            nn.Sequential(Block(fine), Block(fine)) for fine in channels[:-1]
        )
        self.head = nn.Conv2d(channels[0], sum(HEAD), 3, padding=1)
        initialise(self)
        nn.init.zeros_(self.head.weight)

    def forward(
        self,
        face: torch.Tensor,
        mouth: torch.Tensor,
        blend: torch.Tensor,
        crop: torch.Tensor,
        mouth_mask: torch.Tensor,
        inner: torch.Tensor,
    ) -> Decided:
        """Decide about a batch of frames.

        Args:
            face, mouth, blend: (B, 3, S, S) 0..1 RGB, layers of ``retrieval.layers``
            crop: (B, 3, S, S) of the frame; what the mask hides is not looked at
            mouth_mask, inner: (B, 1, S, S) 0..1
        """
        seen = crop * self.visible
        pictures = torch.cat([face, mouth, blend, seen], 1) - 0.5
        maps = [F.relu(self.stem(torch.cat([pictures, mouth_mask, inner], 1)))]
        for down in self.down:
            maps.append(F.relu(down(maps[-1])))
        out = self.bottom(maps[-1])
        for level in range(len(self.up) - 1, -1, -1):
            wide = F.interpolate(self.up[level](out), scale_factor=2.0, mode="nearest")
            out = self.decoder[level](F.relu(wide + maps[level]))
        share, shading, flow, colour, fine = (SCALE * self.head(out).float()).split(HEAD, 1)
        share = _nudged(WIDER * mouth_mask, LOGIT * self._enlarged(share))
        shading = _nudged(1 - mouth_mask, LOGIT * self._enlarged(shading))
        texture = torch.lerp(face, mouth, share)
        correction = shading * low_pass(blend - texture, self.kernel) + self._enlarged(colour)
        finer = self._enlarged(F.pixel_shuffle(fine, 2))  # (B, 12, S/4, S/4) -> (B, 3, S, S)
        return Decided(share, FLOW * self._enlarged(flow), correction + mouth_mask * finer)

    def _enlarged(self, maps: torch.Tensor) -> torch.Tensor:
        """(B, C, s, s) -> (B, C, S, S)"""
        size = self.visible.shape[-1]
        return F.interpolate(maps, size=(size, size), mode="bilinear", align_corners=False)

    def folded(self) -> "Refiner":
        """A copy that does the same with fewer operations, adapters merged; not for training."""
        copied = copy.deepcopy(self)
        merge(copied)
        for module in copied.modules():
            if isinstance(module, Block):
                module.fold()
        return copied


def _nudged(prior: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """A share, brought into 0..1, moved by logits; 0 leaves it."""
    prior = prior.clamp(LEAST_SHARE, 1 - LEAST_SHARE)
    return torch.sigmoid(torch.log(prior / (1 - prior)) + logits)


def compose(face: torch.Tensor, mouth: torch.Tensor, decided: Decided) -> torch.Tensor:
    """The refined face (B, 3, S, S) around 0..1, at the working size."""
    texture = torch.lerp(face, mouth, decided.share)
    return warp(texture, decided.flow) + decided.correction


def warp(pictures: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """Fetch each pixel of pictures (B, C, S, S) from where a flow (B, 2, S, S) points."""
    size = pictures.shape[-1]
    place = (torch.arange(size, device=flow.device) + 0.5) * (2 / size) - 1  # centres, -1 ... 1
    grid = torch.stack(torch.meshgrid(place, place, indexing="xy"), -1)  # (S, S, 2)
    where = (grid + 2 * flow.permute(0, 2, 3, 1)).clamp(1 / size - 1, 1 - 1 / size)
    return F.grid_sample(pictures, where, mode="bicubic", align_corners=False)


def gaussian(sigma: float) -> torch.Tensor:
    """(2 r + 1,) weights of a Gaussian that add up to 1, with r of three sigma."""
    reach = torch.arange(-int(3 * sigma + 0.5), int(3 * sigma + 0.5) + 1)
    weights = torch.exp(-0.5 * (reach / sigma) ** 2)
    return weights / weights.sum()


def low_pass(pictures: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """Smooth pictures (B, C, H, W) along both axes by a kernel (k,), k odd."""
    channels, reach = pictures.shape[1], len(kernel) // 2
    across = kernel.to(pictures.dtype).expand(channels, 1, 1, -1)
    padded = F.pad(pictures, (reach,) * 4, mode="replicate")
    smooth = F.conv2d(padded, across, groups=channels)
    return F.conv2d(smooth, across.transpose(2, 3), groups=channels)


class Block(nn.Module):
    """Residual block."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.gain: nn.Parameter | None = nn.Parameter(torch.full((), GAIN))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(B, c, H, W) -> (B, c, H, W)"""
        branch = self.second(F.relu(self.first(maps)))
        return maps + (branch if self.gain is None else self.gain * branch)

    def fold(self) -> None:
        """Move the gain into the weights, for export."""
        if self.gain is not None:
            with torch.no_grad():
                for parameter in self.second.parameters():
                    parameter.mul_(self.gain)
            self.gain = None
