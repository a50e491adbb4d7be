"""The generator as the pass calls it."""

import numpy as np
import torch

from lipsync.evaluation.painting import generator_paint
from lipsync.generator.model import Generator
from tests.tiny import BANDS, SIZE, awake, tiny_person


def test_faces_follow_their_own_frame_and_the_given_speech() -> None:
    torch.manual_seed(0)
    data = tiny_person()
    model = awake(Generator(SIZE, BANDS, 2, 2, channels=(16, 16, 16), code_channels=16)).eval()
    reference = data.crops[3].permute(1, 2, 0).numpy()  # (S, S, 3)
    paint = generator_paint(model, data, reference)
    faces = paint(np.array([10, 10, 90]), np.array([10, 50, 50]))
    assert faces.shape == (3, SIZE, SIZE, 3)
    assert faces.dtype == np.uint8
    assert (faces[0] != faces[1]).any()  # other speech
    with torch.no_grad():
        crop, picture = (data.crops[[n]].float() / 255 for n in (10, 3))
        rows = data.windows(torch.tensor([50]), 2, 2)
        wanted = model(crop, picture, rows).clamp(0, 1)[0].permute(1, 2, 0).numpy() * 255
    assert np.abs(faces[1] - wanted).max() <= 0.51
