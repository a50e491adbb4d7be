"""Sources of every kind on our clock."""

from fractions import Fraction

import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.media import resample
from lipsync.media.audio import read_audio, write_wav
from lipsync.media.clock import exact_fps, frame_count, sample_count
from lipsync.media.resample import extract, on_ticks
from lipsync.media.video import probe, read_frames
from lipsync.speech.mel import COLUMNS, MelEncoder

H, W = 48, 64
FLASHES = [(0.7, 0.9), (1.55, 1.8), (2.6, 2.85)]  # s, wanted; each snaps to the pictures it meets
NTSC = Fraction(30_000, 1001)
SECONDS = 3.4


def constant(fps) -> list[Fraction]:
    return [Fraction(i) / fps for i in range(int(SECONDS * fps) + 1)]


def variable() -> list[Fraction]:
    """A phone in changing light: pictures of 1/60 to 1/12 s, on a 1/90000 s clock."""
    rng = np.random.default_rng(3)
    ticks = np.cumsum(rng.choice([1500, 3000, 3754, 7500], 200)).tolist()
    return [Fraction(0)] + [Fraction(t, 90_000) for t in ticks if t < SECONDS * 90_000]


def flashes_and_clicks(times, sound_start=Fraction(0)):
    """Black pictures with white flashes, and a click as each flash appears; exact click times."""
    shown = [t - times[0] for t in times[:-1]]
    white = [any(a <= t < b for a, b in FLASHES) for t in shown]
    pictures = [np.full((H, W, 3), 255 if lit else 0, np.uint8) for lit in white]
    clicks = [
        t
        for t, now, before in zip(shown, white, [False, *white], strict=False)
        if now and not before
    ]
    sound = np.zeros(int((times[-1] - sound_start) * 48_000), np.float32)
    for click in clicks:
        at = round((times[0] + click - sound_start) * 48_000)
        sound[at : at + 48] = 0.9  # 1 ms
    return pictures, white, clicks, sound


def run(path, tmp_path, fps=25):
    frames, audio = tmp_path / "out" / "frames.mp4", tmp_path / "out" / "audio.wav"
    count = extract(path, frames, audio, fps=fps, crf=8)
    return count, list(read_frames(frames)), read_audio(audio)


@pytest.mark.parametrize(
    ("times", "name", "fps", "video_start", "sound_start"),
    [
        (constant(25), "25.mp4", 25, 0, 0),
        (constant(NTSC), "ntsc.mp4", 25, 0, 0),
        (constant(30), "30.mp4", 25, 0, 0),
        (constant(50), "50.mp4", 25, 0, 0),
        (variable(), "variable.mp4", 25, 0, 0),
        (variable(), "variable.mp4", NTSC, 0, 0),
        (constant(25), "to_50.mp4", 50, 0, 0),
        (constant(30), "late_sound.mp4", 25, 0, Fraction(3, 5)),
        (constant(30), "early_sound.mp4", 25, Fraction(2, 5), 0),
        (constant(30), "early_sound.mkv", 25, Fraction(2, 5), 0),
        (constant(30), "both_late.ts", 25, Fraction(3), Fraction(31, 10)),
    ],
)
def test_flash_and_click_line_up(source, tmp_path, times, name, fps, video_start, sound_start):
    times = [t + video_start for t in times]
    pictures, white, clicks, sound = flashes_and_clicks(times, Fraction(sound_start))
    path = source(pictures, times, name, sound=sound, sound_start=Fraction(sound_start))
    count, frames, samples = run(path, tmp_path, fps)

    rate = exact_fps(fps)
    assert len(clicks) == 3
    assert count == len(frames)
    assert abs(count - frame_count(times[-1] - times[0], rate)) <= (name[-3:] != "mp4")
    assert len(samples) == sample_count(count, rate, 16_000)
    # Each picture is the one that the source shows at the middle of the frame.
    starts = np.array([float(t - times[0]) for t in times[:-1]])
    slack = 0.0 if name.endswith("mp4") else 6e-4  # other containers round to a millisecond
    for i, frame in enumerate(frames):
        middle = float((i + Fraction(1, 2)) / rate)
        around = np.searchsorted(starts, [middle - slack, middle + slack], side="right") - 1
        assert (frame.mean() > 128) in {white[j] for j in around}, i
    # The click is at its exact time in the sound, and its speech row agrees with the picture.
    rows = MelEncoder(rate).encode(samples, count)
    loudness = rows.reshape(count * COLUMNS, -1).mean(axis=1)
    lit = np.array([False] + [frame.mean() > 128 for frame in frames])
    onsets = np.flatnonzero(lit[1:] & ~lit[:-1])
    assert len(onsets) == 3
    for click, onset in zip(clicks, onsets, strict=True):
        at = round(float(click) * 16_000)
        window = np.abs(samples[at - 800 : at + 800])
        assert abs(int(np.argmax(window)) - 800 - 8) <= 24  # the middle of the click, 1.5 ms
        column = int(onset) * COLUMNS
        near = slice(column - 3 * COLUMNS, column + 3 * COLUMNS)
        loudest = column - 3 * COLUMNS + int(np.argmax(loudness[near]))
        heard = (loudest + 0.5) / (COLUMNS * float(rate))
        assert abs(heard - onset / float(rate)) <= (0.5 + 0.5 / COLUMNS) / float(rate)


def test_late_sound_is_padded_with_silence(source, tmp_path, regular):
    sound = np.full(3 * 48_000, 0.5, np.float32)
    pictures = [np.zeros((H, W, 3), np.uint8)] * 100
    path = source(pictures, regular(100, 25), sound=sound, sound_start=Fraction(1, 2))
    _, _, samples = run(path, tmp_path)
    assert not samples[:7_000].any()
    assert np.abs(samples[9_000:40_000]).min() > 0.3
    assert not samples[58_000:].any()  # the sound ends at 3.5 s, the pictures at 4 s


def test_the_picture_at_each_tick():
    shown = [
        (Fraction(s, 100), Fraction(e, 100), n)
        for s, e, n in [(500, 502, "a"), (502, 507, "b"), (507, 520, "c"), (520, 522, "d")]
    ]
    # Ticks at 5.02, 5.06, 5.10, 5.14, 5.18 and 5.22, the very end: 22 / 4 = 5.5 rounds up to 6.
    assert list(on_ticks(shown, 25)) == ["b", "b", "c", "c", "c", "d"]
    assert list(on_ticks([], 25)) == []


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize(("hflip", "vflip"), [(False, False), (True, False), (False, True)])
def test_pictures_are_turned_upright(source, tmp_path, regular, degrees, hflip, vflip):
    picture = np.zeros((H, W, 3), np.uint8)
    picture[: H // 2, : W // 2] = (200, 40, 40)
    picture[: H // 2, W // 2 :] = (40, 200, 40)
    picture[H // 2 :, : W // 2] = (40, 40, 200)
    silence = np.zeros(3 * 48_000, np.float32)
    path = source([picture] * 80, regular(80, 25), sound=silence, rotation=(degrees, hflip, vflip))
    _, frames, _ = run(path, tmp_path)
    expected = np.rot90(picture, degrees // 90)
    expected = expected[:, ::-1] if hflip else expected
    expected = expected[::-1] if vflip else expected
    assert frames[0].shape == expected.shape
    assert np.abs(frames[40].astype(int) - expected).mean() < 4
    info = probe(tmp_path / "out" / "frames.mp4")
    assert (info.height, info.width) == expected.shape[:2]


def test_odd_sizes_lose_the_last_row_and_column(source, tmp_path, regular):
    picture = np.full((49, 65, 3), 90, np.uint8)
    picture[:20, :30] = (220, 30, 30)
    silence = np.zeros(3 * 48_000, np.float32)
    path = source([picture] * 80, regular(80, 25), "odd.mp4", sound=silence, pix_fmt="yuv444p")
    _, frames, _ = run(path, tmp_path)
    assert frames[0].shape == (48, 64, 3)
    assert np.abs(frames[9].astype(int) - picture[:48, :64]).mean() < 4


def textured(i: int) -> np.ndarray:
    """A moving picture with colour, fine detail and grain, (180, 240, 3)."""
    y, x = np.mgrid[:180, :240].astype(np.float32)
    waves = [
        np.sin((x * a + y * b + 3 * i) / c) for a, b, c in [(1, 2, 9), (2, -1, 17), (-1, 1, 31)]
    ]
    grain = np.random.default_rng(i).normal(0, 4, (180, 240, 1))
    return (np.stack(waves, axis=-1) * 70 + 128 + grain).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "colours",
    [(1, 1), (6, 1), (6, 2), (1, 2), (2, 0)],
    ids=["bt709", "bt601", "bt601 full", "bt709 full", "untagged"],
)
def test_pictures_keep_45_db(source, tmp_path, regular, colours):
    pictures = [textured(i) for i in range(80)]
    silence = np.zeros(4 * 48_000, np.float32)
    path = source(pictures, regular(80, 25), sound=silence, colours=colours, crf=18)
    originals = list(read_frames(path))
    _, frames, _ = run(path, tmp_path)
    assert len(frames) == len(originals) == 80
    for original, frame in zip(originals, frames, strict=True):
        error = np.mean((original.astype(np.float32) - frame) ** 2)
        assert 10 * np.log10(255**2 / max(error, 1e-9)) >= 45


def test_same_source_same_bytes(source, tmp_path, regular):
    pictures = [textured(i) for i in range(80)]
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 4 * 48_000).astype(np.float32)
    path = source(pictures, regular(80, 25), sound=noise)
    written = []
    for folder in ("a", "b"):
        frames, audio = tmp_path / folder / "frames.mp4", tmp_path / folder / "audio.wav"
        extract(path, frames, audio, fps=25, crf=8)
        written.append((frames.read_bytes(), audio.read_bytes()))
    assert written[0] == written[1]


def refused(path, tmp_path) -> str:
    out = tmp_path / "out"
    with pytest.raises(LipsyncError) as caught:
        extract(path, out / "frames.mp4", out / "audio.wav", fps=25, crf=8)
    assert not out.exists() or list(out.iterdir()) == []
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_bad_sources_are_refused_in_one_line(source, tmp_path, regular):
    black = [np.zeros((H, W, 3), np.uint8)] * 100
    sound = np.zeros(2 * 48_000, np.float32)
    assert "no such file" in refused(tmp_path / "missing.mp4", tmp_path)
    assert "not a file" in refused(tmp_path, tmp_path)
    (tmp_path / "text.mp4").write_text("words\n" * 1000)
    assert "not readable" in refused(tmp_path / "text.mp4", tmp_path)
    (tmp_path / "empty.mp4").touch()
    assert "not readable" in refused(tmp_path / "empty.mp4", tmp_path)
    write_wav(tmp_path / "sound.wav", sound)
    assert "no video track" in refused(tmp_path / "sound.wav", tmp_path)
    mute = source(black, regular(100, 25), "mute.mp4")
    assert "no audio track; record" in refused(mute, tmp_path)
    short = source(black[:50], regular(50, 25), "short.mp4", sound=sound)
    assert "2.0 s is too short; give at least 3 s" in refused(short, tmp_path)


def test_a_truncated_source_gives_what_there_is(source, tmp_path, regular, caplog):
    pictures = [textured(i) for i in range(120)]
    sound = np.zeros(5 * 48_000, np.float32)
    whole = source(pictures, regular(120, 25), "whole.mkv", sound=sound)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.8)])
    count, frames, samples = run(cut, tmp_path)
    assert 75 <= count < 120
    assert count == len(frames)
    assert len(samples) == count * 640


@pytest.mark.parametrize(
    ("name", "expected"), [("outdoor_10s.mp4", 250), ("gestures_30fps_20s.mp4", 500)]
)
def test_real_clips_land_on_25_fps(clips, tmp_path, monkeypatch, name, expected):
    small = resample.Upright.__init__

    def shrink(self, first, *_):  # the count is what matters here, not 1080 x 1920
        small(self, first)
        self._size, self.width, self.height = (108, 192), 108, 192

    monkeypatch.setattr(resample.Upright, "__init__", shrink)
    count, frames, samples = run(clips / name, tmp_path)
    assert (count, len(frames), len(samples)) == (expected, expected, expected * 640)
