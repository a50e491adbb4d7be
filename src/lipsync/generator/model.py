"""U-Net that paints the lower face from the lips that speech implies, a reference picture and what
is visible above.

- The crop is masked inside (``faces.masks.visible_mask``), so nothing of the target's mouth can
  reach the network, however it is called.
- Convolutions run at a quarter of the crop's side and less, where a processor is quick, and only
  where they count: the encoder looks at the band that is visible, and the finest level of the
  decoder paints from the first pasted row down. Above that the reference passes unchanged.
- Speech becomes the shape of the lips (``generator.speech``), and this enters every block of the
  bottleneck and the decoder as FiLM (Perez et al., 2018): a scale and a shift of each channel.
- The reference has an encoder of its own. A person's reference is one picture, so at export its
  features are constants and cost nothing.
- The picture is the reference, moved by a smooth flow, plus what is painted over it: head and jaw
  move texture that is already sharp; what it does not show, like the inside of the mouth, is paint.
- A learned map at each level tells the network where on the face it is, which flat skin does not.
- No normalisation layers: residual branches start small (De & Smith, 2020), which leaves nothing
  to fold, no batch statistics and no disagreement between training and rendering.
"""

import copy
import itertools
import math

import torch
from torch import nn
from torch.nn import functional as F

from lipsync.faces.masks import PASTE_START, VISIBLE_END, visible_mask
from lipsync.generator.speech import LipPredictor
from lipsync.training.layers import initialise

PATCH = 4  # pixels of the square that becomes one position of the finest level
GAIN = 0.2  # of a residual branch at the start


class Generator(nn.Module):
    """Paints crops.

    Args:
        size: S, pixels of the crop; a multiple of 32
        speech_dimension: D
        past, future: speech rows before and after the frame
        channels: of the levels, from fine (S / 4) to coarse
        code_channels: of the lips' code as the blocks receive it
        shapes, members, lips_channels, lips_dropout, lips_straight: of ``LipPredictor``
    """

    visible: torch.Tensor

    def __init__(
        self,
        size: int,
        speech_dimension: int,
        past: int,
        future: int,
        *,
        channels: tuple[int, ...] = (48, 80, 112),
        code_channels: int = 128,
        shapes: int = 8,
        members: int = 8,
        lips_channels: int = 32,
        lips_dropout: float = 0.3,
        lips_straight: float = 0.3,
    ) -> None:
        super().__init__()
        self.past, self.future = past, future
        self.config = {
            "size": size,
            "speech_dimension": speech_dimension,
            "past": past,
            "future": future,
            "channels": list(channels),
            "code_channels": code_channels,
            "shapes": shapes,
            "members": members,
            "lips_channels": lips_channels,
            "lips_dropout": lips_dropout,
            "lips_straight": lips_straight,
        }
        self.register_buffer("visible", torch.from_numpy(visible_mask(size)), persistent=False)
        step = PATCH << len(channels) - 1  # pixels of the square behind a coarsest position
        self.band = step * math.ceil(VISIBLE_END * size / step)  # rows that the encoder sees
        self.top = 2 * PATCH * math.floor(PASTE_START * size / (2 * PATCH))  # first painted row
        self.lips = LipPredictor(
            speech_dimension,
            past + 1 + future,
            shapes,
            members,
            lips_channels,
            lips_dropout,
            lips_straight,
        )
        self.code = nn.Sequential(
            nn.Linear(shapes, code_channels),
            nn.ReLU(),
            nn.Linear(code_channels, code_channels),
            nn.ReLU(),
        )
        self.encoder = Encoder(channels)
        self.reference = Encoder(channels)
        self.place = nn.ParameterList(
            torch.randn(1, width, size // PATCH >> level, size // PATCH >> level)
            for level, width in enumerate(channels)
        )
        self.bottom = nn.ModuleList(Block(channels[-1], code_channels) for _ in range(2))
        self.decoder = nn.ModuleList(
            Decode(coarse, fine, code_channels) for fine, coarse in itertools.pairwise(channels)
        )
        self.paint = nn.Conv2d(channels[0], 3 * PATCH**2, 3, padding=1)
        self.flow = nn.Conv2d(channels[0], 2, 3, padding=1)
        initialise(self)
        # At the start the reference passes unchanged and all lips have the mean shape.
        for last in (self.flow, self.paint, self.lips.head, self.lips.line):
            nn.init.zeros_(last.weight)

    def forward(
        self, crop: torch.Tensor, reference: torch.Tensor, speech: torch.Tensor
    ) -> torch.Tensor:
        """Paint the face that says ``speech``.

        Args:
            crop: (B, 3, S, S) 0..1 RGB; what the mask hides is not looked at
            reference: (1 or B, 3, S, S) 0..1 RGB
            speech: (B, past + 1 + future, D)
        Returns:
            (B, 3, S, S) RGB around 0..1; clamp before showing
        """
        return self.generate(crop, self.encode_reference(reference), self.lips(speech))

    def folded(self) -> "Generator":
        """A copy that paints the same with fewer operations; it is not for training."""
        copied = copy.deepcopy(self)
        for module in copied.modules():
            if isinstance(module, Block):
                module.fold()
        return copied

    def encode_reference(self, reference: torch.Tensor) -> list[torch.Tensor]:
        """The picture itself, and its features with those of the place, fine to coarse."""
        features = self.reference(reference)
        return [reference, *(maps + at for maps, at in zip(features, self.place, strict=True))]

    def generate(
        self, crop: torch.Tensor, reference: list[torch.Tensor], lips: torch.Tensor
    ) -> torch.Tensor:
        """``forward`` with the reference's features and the lips, (B, shapes), at hand."""
        picture, *features = reference
        code = self.code(lips)  # (B, C)
        skips = self.encoder(crop[:, :, : self.band] * self.visible[: self.band])
        out = _join(features[-1], skips[-1])
        for block in self.bottom:
            out = block(out, code)
        for level in range(len(self.decoder) - 1, -1, -1):
            seen = _join(features[level], skips[level])
            if level == 0:
                out = out[:, :, self.top // (2 * PATCH) :]
                seen = seen[:, :, self.top // PATCH :]
            out = self.decoder[level](out, seen, code)
        painted = F.pixel_shuffle(self.paint(out), PATCH)  # (B, 3, S - top, S)
        face = warp(picture, self.flow(out), self.top) + painted
        above = picture[:, :, : self.top].expand(face.shape[0], -1, -1, -1)
        return torch.cat([above, face], 2)


def _join(whole: torch.Tensor, band: torch.Tensor) -> torch.Tensor:
    """Add features of the upper rows, (B, c, h, W), to those of all rows, (1 or B, c, H, W)."""
    return whole + F.pad(band, (0, 0, 0, whole.shape[2] - band.shape[2]))


def warp(picture: torch.Tensor, flow: torch.Tensor, top: int) -> torch.Tensor:
    """Fetch each pixel below row ``top`` from where the flow points, bilinearly.

    Args:
        picture: (1 or B, 3, S, S)
        flow: (B, 2, (S - top) / 4, S / 4), x and y in quarters of the crop's half side; 0 stays
    Returns:
        (B, 3, S - top, S)
    """
    size = picture.shape[-1]
    shape = (size - top, size)
    fine = F.interpolate(flow / 4, size=shape, mode="bilinear", align_corners=False)
    place = (torch.arange(size, device=flow.device) + 0.5) * (2 / size) - 1  # centres, -1 ... 1
    grid = torch.stack(torch.meshgrid(place, place[top:], indexing="xy"))  # (2, S - top, S)
    picture = picture.expand(flow.shape[0], -1, -1, -1)
    # Clamped to the centres of the outermost pixels: ONNX Runtime takes three times as long to do
    # the same with padding_mode="border".
    where = (grid + fine).clamp(1 / size - 1, 1 - 1 / size)
    return F.grid_sample(picture, where.permute(0, 2, 3, 1), align_corners=False)


class Encoder(nn.Module):
    """A picture as feature maps at S/4, S/8, ..."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels[0], 2 * PATCH, stride=PATCH, padding=PATCH // 2)
        self.down = nn.ModuleList(
            nn.Conv2d(fine, coarse, 3, stride=2, padding=1)
            for fine, coarse in itertools.pairwise(channels)
        )

    def forward(self, picture: torch.Tensor) -> list[torch.Tensor]:
        """(B, 3, H, S) -> [(B, c0, H/4, S/4), (B, c1, H/8, S/8), ...]"""
        maps = [F.relu(self.stem(picture))]
        for down in self.down:
            maps.append(F.relu(down(maps[-1])))
        return maps


class Block(nn.Module):
    """Residual block whose inner channels the lips scale and shift."""

    def __init__(self, channels: int, code_channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.film = nn.Linear(code_channels, 2 * channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.gain: nn.Parameter | None = nn.Parameter(torch.full((), GAIN))

    def forward(self, maps: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
        """(B, c, H, W), (B, C) -> (B, c, H, W)"""
        scale, offset = self.film(code)[..., None, None].chunk(2, dim=1)  # (B, c, 1, 1) each
        inner = F.relu(self.first(maps) * (1 + scale) + offset)
        branch = self.second(inner)
        return maps + (branch if self.gain is None else self.gain * branch)

    def fold(self) -> None:
        """Move the gain into the weights, for export."""
        if self.gain is not None:
            with torch.no_grad():
                for parameter in self.second.parameters():
                    parameter.mul_(self.gain)
            self.gain = None


class Decode(nn.Module):
    """Twice the side, joined with what the encoders saw there."""

    def __init__(self, coarse: int, fine: int, code_channels: int) -> None:
        super().__init__()
        self.up = nn.Conv2d(coarse, fine, 1)
        self.block = Block(fine, code_channels)
        self.refine = Block(fine, code_channels)

    def forward(self, maps: torch.Tensor, seen: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
        """(B, coarse, H, W), (B, fine, 2H, 2W), (B, C) -> (B, fine, 2H, 2W)"""
        up = F.interpolate(self.up(maps), scale_factor=2.0, mode="nearest")
        return self.refine(self.block(F.relu(up + seen), code), code)
