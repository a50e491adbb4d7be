"""Refined faces at full size are those that training sees."""

import numpy as np
import torch

from lipsync.generator.model import Decided, compose
from lipsync.retrieval.layers import LayerMaker
from lipsync.retrieval.pasting import Decisions, Window, make_face
from lipsync.retrieval.selection import Choice
from tests.retrieval.person import SIZE, material, model


def test_the_mouths_share_moves_with_the_texture():
    """At the working size the full-size face is the one that training compares with the truth."""
    filmed = material(np.zeros((2, 2)))
    crop = filmed.crops[0]
    known = filmed.exemplars(np.arange(2), [crop, 255 - crop])
    choice = Choice(face=((0, 1.0),), mouth=((1, 1.0),), blend=((0, 1.0),))
    layers = LayerMaker(known, model(), SIZE).make(filmed.target(0), choice)
    x = (np.arange(SIZE) + 0.5) / SIZE
    share = np.tile(1 / (1 + np.exp(-60 * (x - 0.5))), (SIZE, 1)).astype(np.float32)
    flow = np.zeros((SIZE, SIZE, 2), np.float32)
    flow[..., 0] = 3 / SIZE * np.sin(np.pi * x)[:, None]
    correction = np.zeros((SIZE, SIZE, 3), np.float32)
    window = Window(0, 0, SIZE, SIZE, 0.0, 0.0, float(SIZE))
    made = make_face(known, choice, layers, Decisions(share, flow, correction), window, 1.0)
    face, mouth = (
        torch.from_numpy(each).permute(2, 0, 1)[None].float()
        for each in (layers.face, layers.mouth)
    )
    decided = Decided(
        torch.from_numpy(share)[None, None],
        torch.from_numpy(flow).permute(2, 0, 1)[None],
        torch.zeros(1, 3, SIZE, SIZE),
    )
    wanted = compose(face, mouth, decided)[0].permute(1, 2, 0).numpy()
    middle = np.s_[8:-8, 8:-8]
    assert np.abs(made - wanted)[middle].mean() < 2
    unmoved = share[..., None] * layers.mouth + (1 - share[..., None]) * layers.face
    assert np.abs(unmoved - wanted)[middle].mean() > 6
