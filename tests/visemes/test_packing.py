"""From folders to a packed corpus: what is set aside, who is held out, where it is cut."""

import csv
import json

import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.speech.fbank import fbank
from lipsync.speech.frames import frame_columns
from lipsync.visemes.corpus import load_corpus
from lipsync.visemes.labels import VISEMES
from lipsync.visemes.packing import cut, held_out_speakers, pack
from lipsync.visemes.recordings import Quarantine, find_recordings, read_recordings
from lipsync.visemes.statistics import QUIET, Statistics
from tests.visemes.conftest import RATE, chance, write_utterance


def read(root, phones, quarantine, mismatch=0.1):
    return [*read_recordings(find_recordings([root], quarantine), phones, mismatch, quarantine)]


def test_columns_stand_around_their_frames():
    click = np.zeros(RATE, np.float32)
    click[round(0.505 * RATE)] = 0.5  # the middle of frame 50
    loud = frame_columns(click, 100).mean(1)
    assert loud.shape == (100,)
    assert loud.argmax() == 50
    assert loud[49] == pytest.approx(loud[51], abs=0.5)
    sound = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    padded = np.concatenate([np.zeros(120, np.float32), sound])
    assert np.allclose(frame_columns(sound, 90), fbank(padded)[:90], atol=1e-3)
    assert frame_columns(sound, 0).shape == (0, 80)


def test_the_corpus_holds_what_was_said(corpus):
    assert corpus.features.dtype == np.float16
    assert len(corpus.features) == len(corpus.labels) == sum(u.frames for u in corpus.utterances)
    assert {u.speaker for u in corpus.chosen(held_out=True)} == {"c"}
    assert {u.speaker for u in corpus.chosen(held_out=False)} == {"a", "b"}
    loud = np.asarray(corpus.features, np.float32)
    labels = np.asarray(corpus.labels)
    high = loud[:, 65:].mean(1) - loud[:, 5:30].mean(1)
    hiss, hum = (high[labels == VISEMES.index(name)] for name in ("SS", "PP"))
    assert np.median(hiss) > np.median(hum) + 5
    counts = corpus.class_counts(held_out=False) + corpus.class_counts(held_out=True)
    assert counts.sum() == len(labels)
    assert set(np.flatnonzero(counts)) == {VISEMES.index(n) for n in ("sil", "PP", "SS", "aa")}


def test_statistics_are_of_those_who_are_learned_from(corpus):
    rows = np.concatenate(
        [np.asarray(corpus.features[u.part], np.float64) for u in corpus.chosen(held_out=False)]
    )
    assert np.allclose(corpus.mean, rows.mean(0), atol=5e-3)  # float16
    assert np.allclose(corpus.deviation, rows.std(0), atol=5e-3)
    assert rows.min() >= QUIET


def test_running_statistics_are_those_of_all_rows_at_once():
    rows = np.random.default_rng(0).normal(7, 3, (500, 4))
    rows[:, 3] = 2
    running = Statistics(4)
    for part in np.split(rows, [1, 50, 50, 320]):
        running.add(part)
    assert np.allclose(running.mean, rows.mean(0))
    assert np.allclose(running.deviation[:3], rows.std(0)[:3])
    assert running.deviation[3] == 1


def test_what_does_not_fit_is_set_aside_and_counted(tmp_path, phones):
    good = [write_utterance(tmp_path, name, 0, chance(i), i) for i, name in enumerate("ab")]
    lonely = write_utterance(tmp_path, "a", 1, chance(5), 5)
    lonely.with_suffix(".json").unlink()
    late = write_utterance(tmp_path, "a", 2, chance(6), 6)
    told = json.loads(late.with_suffix(".json").read_text())
    told["tiers"]["phones"]["entries"][-1][1] += 0.5
    late.with_suffix(".json").write_text(json.dumps(told))
    broken = write_utterance(tmp_path, "b", 3, chance(7), 7)
    broken.with_suffix(".json").write_text("{")
    noise = write_utterance(tmp_path, "b", 4, chance(8), 8)
    noise.write_bytes(b"no sound at all")
    quarantine = Quarantine()
    found = read(tmp_path, phones, quarantine)
    assert [aligned.name for aligned in found] == [path.stem for path in good]
    assert quarantine.counts() == {
        "damaged alignment": 1,
        "damaged sound": 1,
        "mismatch": 1,
        "no alignment": 1,
    }
    figures = pack(tmp_path / "packed", found, phones, {"b"}, 8.0, quarantine)
    assert figures["quarantined"]["files"] == 4
    with (tmp_path / "packed/quarantine.csv").open() as file:
        listed = {(row["reason"], row["file"].split("/")[-1]) for row in csv.DictReader(file)}
    assert ("mismatch", late.with_suffix(".json").name) in listed
    assert ("no alignment", lonely.name) in listed


def test_an_alignment_may_lie_elsewhere_below_the_root(tmp_path, phones):
    sound = write_utterance(tmp_path / "sound", "a", 0, chance(1), 1)
    (tmp_path / "alignments").mkdir()
    sound.with_suffix(".json").rename(tmp_path / "alignments" / f"{sound.stem}.json")
    (aligned,) = read(tmp_path, phones, Quarantine())
    assert aligned.speaker == "a"


def test_two_speakers_with_the_same_names_keep_their_own_alignments(tmp_path, phones):
    said = {"a": [("s", 0.5), ("_", 0.1)], "b": [("p", 0.5), ("_", 0.1)]}
    for speaker, what in said.items():
        sound = write_utterance(tmp_path, speaker, 0, what, 0)
        for path in (sound, sound.with_suffix(".json")):
            path.rename(path.with_stem("0001"))
    found = read(tmp_path, phones, Quarantine())
    assert [(f.speaker, f.phones[0].label) for f in found] == [("a", "s"), ("b", "p")]


def test_who_of_two_an_alignment_elsewhere_belongs_to_is_not_guessed(tmp_path, phones):
    elsewhere = tmp_path / "alignments"
    elsewhere.mkdir()
    for speaker in "abc":
        sound = write_utterance(tmp_path, speaker, 0, chance(1), 1)
        sound.with_suffix(".json").rename(elsewhere / "0001.json")
        sound.rename(sound.with_stem("0001"))
    own = tmp_path / "c/1/0001.json"
    own.write_bytes((elsewhere / "0001.json").read_bytes())
    quarantine = Quarantine()
    assert [f.speaker for f in read(tmp_path, phones, quarantine)] == ["c"]
    assert quarantine.counts() == {"ambiguous alignment": 2}
    assert "2 recordings of this name share" in quarantine.rows[0][2]
    (tmp_path / "b/1/0001.wav").unlink()  # now there is one that it can belong to
    assert [f.speaker for f in read(tmp_path, phones, Quarantine())] == ["a", "c"]
    (elsewhere / "more").mkdir()
    (elsewhere / "more/0001.TextGrid").touch()  # and now there are two that it could have
    quarantine = Quarantine()
    assert [f.speaker for f in read(tmp_path, phones, quarantine)] == ["c"]
    assert quarantine.counts() == {"ambiguous alignment": 1}


def test_endings_may_be_capitals_and_what_was_found_is_said(tmp_path, phones, caplog):
    for speaker in "ab":
        sound = write_utterance(tmp_path, speaker, 0, chance(1), 1)
        sound.with_suffix(".json").rename(sound.with_suffix(".JSON"))
        sound.rename(sound.with_suffix(".WAV"))
    quarantine = Quarantine()
    with caplog.at_level("INFO", "lipsync.visemes"):
        found = read(tmp_path, phones, quarantine)
        pack(tmp_path / "packed", found, phones, {"b"}, 8.0, quarantine)
    assert [f.speaker for f in found] == ["a", "b"]
    assert "training: 1 speakers, 1 utterances" in caplog.text
    assert "share: sil" in caplog.text


def test_phones_that_the_map_lacks_stop_everything_and_are_all_named(tmp_path, phones):
    for number, strange in enumerate(("ʘ", "ǃ")):
        sound = write_utterance(tmp_path, "a", number, chance(number), number)
        path = sound.with_suffix(".json")
        path.write_text(path.read_text().replace('"s"', json.dumps(strange)))
    with pytest.raises(LipsyncError, match=r"no visemes for ǃ ʘ; add them under phones"):
        read(tmp_path, phones, Quarantine())


def test_phones_that_are_ignored_are_not_labelled(tmp_path, phones):
    sound = write_utterance(tmp_path, "a", 0, [("s", 0.3), ("p", 0.3), ("s", 0.4)], 0)
    write_utterance(tmp_path, "b", 0, chance(1), 1)
    path = sound.with_suffix(".json")
    path.write_text(path.read_text().replace('"p"', '"spn"'))
    quarantine = Quarantine()
    pack(tmp_path / "x", read(tmp_path, phones, quarantine), phones, {"b"}, 8.0, quarantine)
    labels = load_corpus(tmp_path / "x").labels[:100]
    assert (labels[:30] == VISEMES.index("SS")).all()
    assert (labels[30:60] == -1).all()


def test_cuts_lie_in_pauses():
    labels = np.ones(1000, np.int8)
    labels[300:340] = labels[610:630] = 0
    labels[:20] = labels[980:] = 0  # at the edge: no place to cut
    assert [*cut(labels, 1000)] == [(0, 1000)]
    assert [*cut(labels, 700)] == [(0, 320), (320, 1000)]
    assert [*cut(labels, 400)] == [(0, 320), (320, 620), (620, 1000)]
    assert [*cut(labels, 300)][:3] == [(0, 160), (160, 320), (320, 620)]  # none left: halves
    assert all(last - first <= 90 for first, last in cut(labels, 90))
    assert [*cut(np.zeros(0, np.int8), 90)] == []


def test_who_is_held_out():
    speakers = [str(i) for i in range(10)]
    drawn = held_out_speakers(speakers * 3, (), 0.2, 1)
    assert len(drawn) == 2
    assert drawn == held_out_speakers(reversed(speakers), (), 0.2, 1)
    assert held_out_speakers(speakers, ("3",), 0.2, 1) == {"3"}
    assert len(held_out_speakers(["a", "b"], (), 0.01, 1)) == 1
    with pytest.raises(LipsyncError, match=r"data\.held_out: no speaker 'x'; there are: 0, 1"):
        held_out_speakers(speakers, ("x",), 0.2, 1)
    with pytest.raises(LipsyncError, match="nobody is left to learn from"):
        held_out_speakers(["a"], (), 0.2, 1)


def test_no_folder_no_recordings_no_corpus(tmp_path):
    with pytest.raises(LipsyncError, match=r"no such folder; see data\.root"):
        find_recordings([tmp_path / "none"], Quarantine())
    with pytest.raises(LipsyncError, match=r"no recordings; legal: \.flac"):
        find_recordings([tmp_path], Quarantine())
    with pytest.raises(LipsyncError, match="missing or damaged"):
        load_corpus(tmp_path)
