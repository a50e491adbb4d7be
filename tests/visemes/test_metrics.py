"""Metrics on cases whose answers are known."""

import numpy as np
import pytest

from lipsync.visemes.evaluation import judge
from lipsync.visemes.figures import write_classes, write_confusion
from lipsync.visemes.labels import IGNORED, VISEMES
from lipsync.visemes.metrics import (
    class_table,
    confusion,
    f1_scores,
    macro_f1,
    near,
    strict_accuracy,
)


def phones_of(length: int, count: int, seed: int = 0) -> np.ndarray:
    """``count`` phones of ``length`` frames, neighbours different."""
    draw = np.random.default_rng(seed)
    steps = draw.integers(1, len(VISEMES), count)
    return np.repeat(np.cumsum(steps) % len(VISEMES), length)


def test_an_oracle_is_perfect():
    labels = phones_of(8, 200)
    table = confusion(labels, labels)
    assert (strict_accuracy(table), macro_f1(table)) == (1, 1)
    assert near(labels, labels).all()
    assert table.sum() == len(labels)


@pytest.mark.parametrize("late", [1, 2, 3])
def test_labels_that_come_30_ms_late_are_right_within_30_ms_only(late):
    labels = phones_of(8, 500)
    told = np.concatenate([labels[:1].repeat(late), labels[:-late]])
    assert strict_accuracy(confusion(labels, told)) == pytest.approx(1 - late / 8, abs=0.01)
    assert near(labels, told).all()


def test_labels_that_come_40_ms_late_are_not():
    labels = phones_of(8, 500)
    told = np.concatenate([labels[:1].repeat(4), labels[:-4]])
    assert near(labels, told).mean() == pytest.approx(1 - 1 / 8, abs=0.02)


def test_random_answers_are_right_by_chance():
    draw = np.random.default_rng(1)
    labels = phones_of(8, 5000)
    told = draw.integers(0, 15, len(labels))
    table = confusion(labels, told)
    assert strict_accuracy(table) == pytest.approx(1 / 15, abs=0.005)
    assert macro_f1(table) == pytest.approx(1 / 15, abs=0.005)
    # Seven frames, of one phone or of two: up to two labels that would be right.
    assert 1 / 15 < near(labels, told).mean() < 2 / 15


def test_always_the_commonest_scores_in_accuracy_but_not_in_f1():
    labels = np.array([0] * 90 + [1] * 10)
    table = confusion(labels, np.zeros(100, int))
    assert strict_accuracy(table) == 0.9
    assert macro_f1(table) == pytest.approx((2 * 90 / 190 + 0) / 2)


def test_frames_that_nobody_knows_do_not_count():
    labels = np.array([IGNORED, 3, 3, IGNORED, 4])
    told = np.array([3, 3, 4, 4, 4])
    table = confusion(labels, told)
    assert table.sum() == 3
    assert strict_accuracy(table) == pytest.approx(2 / 3)
    assert np.isnan(strict_accuracy(np.zeros((15, 15))))


def test_the_table_of_classes():
    #         label 1 twelve times: 9 right, 3 told as 2; label 2 four times, all right
    table = confusion(np.array([1] * 12 + [2] * 4), np.array([1] * 9 + [2] * 7))
    rows = class_table(table)
    one, two, three = rows[1], rows[2], rows[3]
    assert (one.viseme, one.frames, one.share) == ("PP", 12, 0.75)
    assert (one.precision, one.recall, one.mistaken_for) == (1.0, 0.75, "FF")
    assert two.precision == pytest.approx(4 / 7)
    assert two.recall == 1
    assert two.mistaken_for == ""
    assert one.f1 == pytest.approx(2 * 9 / (12 + 9))
    assert np.isnan([three.precision, three.recall, three.f1]).all()
    assert macro_f1(table) == pytest.approx(np.nanmean(f1_scores(table)))


def test_the_figures_say_the_confusion(tmp_path):
    table = confusion(np.array([1] * 12 + [2] * 4), np.array([1] * 9 + [2] * 7))
    write_confusion(tmp_path, table)
    lines = (tmp_path / "confusion.csv").read_text().splitlines()
    assert lines == ["label,told"] + ["PP,PP"] * 9 + ["PP,FF"] * 3 + ["FF,FF"] * 4
    assert (tmp_path / "confusion.png").stat().st_size > 5000
    write_classes(tmp_path / "classes.csv", table)
    lines = (tmp_path / "classes.csv").read_text().splitlines()
    assert lines[2] == "PP,12,0.7500,1.0000,0.7500,0.8571,FF"
    assert lines[4] == "TH,0,0.0000,,,,"
    write_confusion(tmp_path, table * 1000)  # of a larger corpus: the same shares, no more rows
    lines = (tmp_path / "confusion.csv").read_text().splitlines()
    assert lines == ["label,told"] + ["PP,PP"] * 750 + ["PP,FF"] * 250 + ["FF,FF"] * 1000


def test_judgement_counts_held_out_frames_at_their_own_time(corpus, network):
    """A network that knew the labels would be right: the lookahead is taken into account."""

    class Oracle:
        lookahead = network.lookahead
        visemes = network.visemes

        def __init__(self):
            self.ahead = iter(corpus.chosen(held_out=True))

        def start(self):
            return np.zeros(1, np.float32)

        def step(self, columns, state):
            from lipsync.speech.viseme import VisemeOutput

            labels = np.asarray(corpus.labels[next(self.ahead).part])
            late = np.concatenate([np.zeros(self.lookahead, int), labels])
            assert len(columns) == len(late)
            return VisemeOutput(np.eye(15, dtype=np.float32)[late], np.zeros((len(late), 1))), state

    judged = judge(Oracle(), corpus)
    assert (judged.strict, judged.near, judged.macro_f1) == (1, 1, 1)
    assert judged.by_speaker == {"c": 1.0}
    assert judged.figures()["frames"] == sum(u.frames for u in corpus.chosen(held_out=True))
    untrained = judge(network, corpus)
    assert untrained.strict < 0.6
    assert untrained.near >= untrained.strict
