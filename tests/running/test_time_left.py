"""How long a run still takes: stages and lengths made by hand."""

import json
import subprocess
import sys
import time
from types import SimpleNamespace

import psutil
import pytest

from lipsync.running import time_left as module
from lipsync.running.graph import Step
from lipsync.running.scheduler import Record, Share
from lipsync.running.time_left import TimeLeft, read_time_left, to_come

REFERENCE = {"cut": (2.0, 0.1), "train": (30.0, 1.0), "render": (5.0, 0.5)}
SECONDS = 20.0  # of the source video: cut takes 4, train 50, render 15


@pytest.fixture
def left(tmp_path, monkeypatch):
    """Makes an estimate of a project in which every video has the same length."""
    monkeypatch.setattr(module, "REFERENCE", REFERENCE)
    monkeypatch.setenv("LIPSYNC_SCRATCH", str(tmp_path / "scratch"))

    def make(earlier=(), later=()):
        estimate = TimeLeft(tmp_path, earlier, later)
        estimate._lengths = dict.fromkeys(("ann", "bob"), SECONDS)
        return estimate

    return make


def record(name: str, state="waiting", *after: str, stale=True, took=0.0, ran=True, share=None):
    stage, _, person = name.partition("@")
    now = time.time()
    return Record(
        Step(name, stage, person, frozenset(after), stale),
        state,
        started=now - took,
        ended=now,
        ran=ran and state == "done",
        work=SimpleNamespace(share=lambda: share),
    )


def scheduler(*records, jobs=1):
    running = [one for one in records if one.state == "running"]
    named = {one.step.name: one for one in records}
    return SimpleNamespace(records=named, running=lambda: running, jobs=jobs, stopping=False)


def chain(state="waiting", person="ann", **more):
    return (
        record(f"cut@{person}", state, **more),
        record(f"train@{person}", "waiting", f"cut@{person}", stale=False),
        record(f"render@{person}", "waiting", f"train@{person}", stale=False),
    )


def test_all_that_follows_a_stale_stage_is_to_come(left):
    assert left().seconds(scheduler(*chain())) == pytest.approx(4 + 50 + 15)
    fresh = [record(f"{stage}@ann", stale=False) for stage in REFERENCE]
    assert left().seconds(scheduler(*fresh)) is None, "nothing is to be done"


def test_a_slow_machine_is_known_by_what_it_has_done(left):
    """20 s of the reference are taken for granted: it took 4 + 44 s for 4 s of it."""
    slow = left().seconds(scheduler(*chain("done", took=48.0)))
    assert slow == pytest.approx((50 + 15) * (20 + 48) / (20 + 4))
    cached = chain("done", took=0.1)
    cached[0].restored = True
    assert left().seconds(scheduler(*cached)) == pytest.approx(65), "a cache says nothing"


def test_a_training_says_itself_how_long_it_takes(left):
    first, train, render = chain("done", took=4.0)
    train.state, train.work = "running", SimpleNamespace(share=lambda: Share(0.5, 100.0))
    assert left().seconds(scheduler(first, train, render)) == pytest.approx(100 + 15)


def test_a_stage_that_takes_longer_than_expected_is_never_over(left):
    first = record("cut@ann", "running", took=60.0)
    assert left().seconds(scheduler(first)) == pytest.approx(0.4)


def test_people_side_by_side_share_the_time(left):
    both = [*chain(), *chain(person="bob")]
    assert left().seconds(scheduler(*both, jobs=2)) == pytest.approx(69)
    assert left().seconds(scheduler(*both, jobs=8)) == pytest.approx(69), "a chain is a chain"
    assert left().seconds(scheduler(*both)) == pytest.approx(2 * 69)


def test_what_comes_in_another_round_counts_too(left):
    first, train, render = chain("done", took=4.0)
    now = [record("cut@ann")]
    assert left(later=[train.step, render.step]).seconds(scheduler(*now)) == pytest.approx(69)
    again = chain("fresh")[0]
    after = left(earlier=[first]).seconds(scheduler(again, train, render))
    assert after is None, "whatever is not stale is left alone"
    assert to_come([first], [train.step, render.step]) == [train.step, render.step]


def test_the_page_reads_it_and_it_goes_with_the_run(left, tmp_path):
    assert read_time_left(tmp_path, "ann") is None
    with left() as estimate:
        estimate.tell(scheduler(*chain()))
        assert read_time_left(tmp_path, "ann") == pytest.approx(69, abs=1)
        assert read_time_left(tmp_path, "bob") is None, "somebody else's"
        path = module.file_of(tmp_path)
        told = json.loads(path.read_text())
        path.write_text(json.dumps(told | {"updated": told["updated"] - 30}))
        assert read_time_left(tmp_path, "ann") == pytest.approx(39, abs=1)
    assert not path.exists()
    for broken in ("broken", "[]", "{}", json.dumps(told | {"left": None})):
        path.write_text(broken)
        assert read_time_left(tmp_path, "ann") is None


def test_what_a_killed_run_leaves_is_not_believed(left, tmp_path):
    path = module.file_of(tmp_path)
    path.parent.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        made = psutil.Process(other.pid).create_time()
        told = {"left": 69, "updated": time.time(), "pid": other.pid, "people": ["ann"]}
        path.write_text(json.dumps(told | {"created": made}))
        assert read_time_left(tmp_path, "ann") == pytest.approx(69, abs=1)
        with left():
            pass  # a run that ends leaves another's alone
        assert path.exists()
        path.write_text(json.dumps(told | {"created": made - 100}))
        assert read_time_left(tmp_path, "ann") is None, "its number is another process's now"
        path.write_text(json.dumps(told | {"created": made}))
        other.kill()
    assert read_time_left(tmp_path, "ann") is None


def test_unknown_stages_and_videos_are_no_guess(left):
    assert left().seconds(scheduler(record("dream@ann"))) is None
    estimate = left()
    estimate._lengths = {}
    assert estimate.seconds(scheduler(*chain(person="nobody"))) is None
