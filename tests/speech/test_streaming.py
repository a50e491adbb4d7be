"""Streams give the bits of whole sound, whatever the encoder, and hold no more for longer sound."""

import tracemalloc
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from lipsync.media.clock import frame_count, frame_time
from lipsync.speech.columns import ColumnEncoder
from lipsync.speech.encoder import create_encoder
from lipsync.speech.params import SpeechParams
from tests.speech.conftest import KINDS, MakeEncoder

NTSC = Fraction(30_000, 1001)
RATE = 16_000


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return draw.normal(0, 0.1, round(seconds * RATE)).astype(np.float32)


def in_blocks(samples: np.ndarray, seed: int) -> list[np.ndarray]:
    """Cut at random places; some blocks are empty."""
    cuts = np.random.default_rng(seed).integers(0, len(samples) + 1, 12)
    return np.split(samples, np.sort(np.concatenate([cuts, cuts[:2]])))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fps", [25, NTSC])
def test_blocks_give_the_bits_of_the_whole(make_encoder: MakeEncoder, kind: str, fps: Fraction):
    encoder, sound = make_encoder(kind, fps), noise(1.5 if kind == "ave" else 12.3)
    lasts = frame_count(Fraction(len(sound), RATE), fps)
    for frames in (lasts + 5, lasts - 9):
        whole = encoder.encode(sound, frames)
        assert (whole.shape, whole.dtype) == ((frames, encoder.dimension), np.float32)
        streamed = np.concatenate([*encoder.stream(in_blocks(sound, frames), frames)])
        assert streamed.tobytes() == whole.tobytes()
        assert encoder.encode(iter(in_blocks(sound, 9)), frames).tobytes() == whole.tobytes()
    unasked = np.concatenate([*encoder.stream(in_blocks(sound, 1))])
    assert unasked.tobytes() == encoder.encode(sound, lasts).tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_rows_come_while_sound_is_heard(make_encoder: MakeEncoder, kind: str):
    heard = 0

    def blocks() -> Iterator[np.ndarray]:
        nonlocal heard
        for block in np.array_split(noise(26), 100):
            heard += len(block)
            yield block

    rows = make_encoder(kind).stream(blocks())
    next(rows)
    assert heard < 15 * RATE  # a segment of at most 10.24 s, and what surrounds it


def test_the_viseme_network_tells_a_second_after_it_was_heard(make_encoder: MakeEncoder):
    stream, heard, rows = make_encoder("viseme").open_stream(), 0, 0
    for block in np.array_split(noise(4), 400):
        heard, rows = heard + len(block), rows + len(stream.push(block))
        # A segment of 1 s and the network's own reach are behind, never more.
        assert rows >= 25 * (heard / RATE - 1.2)
    assert rows >= 25 * 2


@pytest.mark.parametrize("kind", ["mel", "wenet", "viseme"])
def test_memory_does_not_grow_with_the_length(make_encoder: MakeEncoder, kind: str):
    encoder, second = make_encoder(kind), noise(1)

    def peak(seconds: int) -> int:
        tracemalloc.start()
        for _ in encoder.stream(second for _ in range(seconds)):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(30)
    assert peak(240) < 1.1 * peak(40) + 100_000  # bytes; mel holds so little


@pytest.mark.parametrize("kind", KINDS)
def test_the_end_of_the_sound_changes_no_earlier_segment(make_encoder: MakeEncoder, kind: str):
    """Nothing is normalised over the utterance, so nobody has to wait for its end."""
    encoder, sound = make_encoder(kind), noise(30)
    changed, frames = sound.copy(), encoder.segment
    changed[20 * RATE :] *= 9
    assert encoder.encode(sound, frames).tobytes() == encoder.encode(changed, frames).tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_no_sound_at_all(make_encoder: MakeEncoder, kind: str):
    encoder = make_encoder(kind)
    nothing = np.zeros(0, np.float32)
    assert encoder.encode(nothing, 0).shape == (0, encoder.dimension)
    assert list(encoder.stream([nothing])) == []
    rows = encoder.encode(nothing, 5)
    assert np.array_equal(rows, encoder.encode(np.zeros(RATE, np.float32), 5))
    assert (encoder.silence.shape, encoder.silence.dtype) == ((encoder.dimension,), np.float32)
    # Far from the edges of a segment it is the very row of silence.
    long = encoder.encode(np.zeros(10 * RATE, np.float32), encoder.segment)
    assert np.abs(long - encoder.silence).max(axis=1).min() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_level_is_known_to_mel_alone(make_encoder: MakeEncoder, kind: str):
    encoder = make_encoder(kind)
    step = encoder.encode(noise(1) * 10 ** (1 / 20), 25) - encoder.encode(noise(1), 25)
    if kind == "mel":
        assert np.median(step) == pytest.approx(encoder.per_decibel, abs=1e-5)
    else:
        assert encoder.per_decibel == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fps", [25, NTSC, 50])
@pytest.mark.parametrize("early", [True, False])
def test_a_click_is_in_the_row_of_its_frame(
    make_encoder: MakeEncoder, kind: str, fps: Fraction, early: bool
):
    encoder = make_encoder(kind, fps)
    frame = 8 if early else encoder.segment + 7
    background = noise(frame / fps + 1) / 100
    click = background.copy()
    at = round(frame_time(frame, fps) * RATE)
    click[at - 40 : at + 40] += noise(80 / RATE, seed=5) * 3
    change = encoder.encode(click, frame + 9) - encoder.encode(background, frame + 9)
    loudest = int(np.argmax(np.abs(change).sum(axis=1)))
    # The windows of ave and wenet are longer than a frame and untrained: a neighbour may win.
    assert (
        abs(loudest - frame)
        <= {"mel": 0, "hubert": 0, "ave": 2, "wenet": 1, "viseme": 1}[kind] * fps / 25
    )


class Clock(ColumnEncoder):
    """Columns of 400 samples every 320, which say the mean of what they stand on."""

    weights_sha256 = ""

    def __init__(self, fps: float | Fraction, per_frame: int) -> None:
        super().__init__(
            fps, per_frame=per_frame, channels=1, hop=320, centre=200, before=3, after=1
        )

    def samples(self, columns: int) -> int:
        return 320 * (columns - 1) + 400

    def columns(self, sound: np.ndarray) -> np.ndarray:
        windows = np.lib.stride_tricks.sliding_window_view(sound, 400)[::320]
        return windows.mean(axis=1, dtype=np.float64).astype(np.float32)[:, None]


@pytest.mark.parametrize("per_frame", [1, 2])
@pytest.mark.parametrize("fps", [25, NTSC, 29.97, 50, 12.5])
def test_columns_lie_where_rows_want_them(fps: float, per_frame: int):
    """Sound that says the time: each column of each row reads its own, to half a sample."""
    seconds = 45
    ramp = (np.arange(seconds * RATE) / (seconds * RATE)).astype(np.float32)
    frames = int(40 * fps)
    rows = Clock(fps, per_frame).encode(ramp, frames).ravel() * seconds * RATE
    exact = Fraction(fps).limit_denominator(10_000)
    wanted = (np.arange(frames * per_frame) + 0.5) * float(RATE / (per_frame * exact))
    inside = slice(5, None)  # before, windows reach into the silence ahead of the sound
    assert np.abs(rows - wanted)[inside].max() < 1.2  # half a sample, the window's, and float32


def test_the_factory_knows_its_encoders(make_encoder: MakeEncoder):
    dimensions = {kind: make_encoder(kind).dimension for kind in KINDS}
    assert dimensions == {"mel": 320, "ave": 512, "hubert": 2 * 16, "wenet": 6,
                          "viseme": 2 * (15 + 8)}  # fmt: skip
    assert create_encoder(SpeechParams(), 25).weights_sha256 == ""
