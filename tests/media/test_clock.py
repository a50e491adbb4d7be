from fractions import Fraction

import pytest

from lipsync.media.clock import exact_fps, frame_count, frame_time, sample_count

NTSC = Fraction(30_000, 1001)


def test_a_frame_stands_for_its_middle():
    assert frame_time(0, 25) == 0.02
    assert frame_time(10, 50) == 0.21
    assert frame_time(0, NTSC) == float(Fraction(1001, 60_000))


@pytest.mark.parametrize("fps", [NTSC, 30_000 / 1001, 29.97, 25, 23.976, Fraction(24_000, 1001)])
def test_a_float_rate_means_the_simple_ratio(fps):
    assert exact_fps(float(fps)) == exact_fps(fps)
    assert abs(exact_fps(fps) - Fraction(fps)) < Fraction(1, 10**8)


def test_counts_round_halves_up_where_floats_would_not():
    assert frame_count(0.58, 25) == 15  # 14.5, and 14.499999999999998 in floats
    assert frame_count(0.5, 25) == 13  # 12.5; round() would say 12
    assert frame_count(0.46, 25) == 12  # 11.5; round() agrees
    assert frame_count(0.019, 25) == 0
    assert sample_count(1, Fraction(32_000), 16_000) == 1  # half a sample


@pytest.mark.parametrize("fps", [25, NTSC, 29.97, 30, 50, 23.976, 60_000 / 1001])
@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_frames_to_samples_and_back_for_hours(fps, rate):
    for frames in [0, 1, 2, 3, 75, 89_999, 90_000, 107_892, 1_000_003]:
        samples = sample_count(frames, fps, rate)
        assert frame_count(samples / rate, fps) == frames
        assert abs(samples / rate - frames / float(exact_fps(fps))) <= 0.5 / rate + 1e-9


def test_an_hour_of_ntsc_does_not_drift():
    frames = 107_892  # the whole pictures of 3600 s
    assert frame_count(3600.0, NTSC) == frames
    assert frame_time(frames - 1, NTSC) == pytest.approx(3600 - 0.0036 - 0.01668, abs=1e-3)
