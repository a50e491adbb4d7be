"""What starts when, and what a failure takes down: on steps made by hand, with an engine that
does nothing."""

from dataclasses import replace

import pytest

from lipsync.running import scheduler as module
from lipsync.running.graph import Step
from lipsync.running.scheduler import Ended, Scheduler
from lipsync.running.view import report

RAN, NOTHING = "Running stage 'x':\n", "Stage 'x' didn't change, skipping\n"


def step(name: str, *after: str, stale: bool = True, gpu: bool = False) -> Step:
    stage, _, person = name.partition("@")
    return Step(name, stage, person, frozenset(after), stale, gpu)


class Engine:
    """Each step takes two looks. Notes how many ran at once; ``says`` how each ends."""

    def __init__(self, says=None, gpus=99):
        self.says, self.gpus = says or {}, gpus
        self.begun, self.at_work, self.most = [], [], 0

    def has_room(self, step):
        return not step.gpu or sum(work.step.gpu for work in self.at_work) < self.gpus

    def begin(self, step):
        self.begun.append(step.name)
        work = Work(self, step)
        self.at_work.append(work)
        self.most = max(self.most, len(self.at_work))
        return work


class Work:
    def __init__(self, engine, step):
        self.engine, self.step, self.looks, self.stops = engine, step, 0, 0

    def ended(self):
        self.looks += 1
        if self.looks < 2 and not self.stops:
            return None
        self.engine.at_work.remove(self)
        if self.stops:
            return Ended(1, "")
        return self.engine.says.get(self.step.name, Ended(0, RAN))

    def share(self):
        return None

    def stop(self):
        self.stops += 1


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(module, "TICK", 0)


def chains(*people: str) -> list[Step]:
    return [
        made
        for p in people
        for made in (step(f"a@{p}"), step(f"b@{p}", f"a@{p}", gpu=True), step(f"c@{p}", f"b@{p}"))
    ]


def run(steps, engine, jobs):
    scheduler = Scheduler(steps, engine, jobs)
    scheduler.run(lambda scheduler: None)
    return {name: record.state for name, record in scheduler.records.items()}, scheduler


def test_people_run_side_by_side_each_in_order():
    engine = Engine()
    states, _ = run(chains("x", "y", "z"), engine, 2)
    assert set(states.values()) == {"done"}
    assert engine.most == 2
    assert engine.begun[:2] == ["a@x", "a@y"]
    for p in "xyz":
        assert [name for name in engine.begun if name.endswith(p)] == [f"{s}@{p}" for s in "abc"]


def test_one_training_at_a_time_on_one_gpu():
    engine = Engine(gpus=1)
    seen = []
    scheduler = Scheduler(chains("x", "y", "z"), engine, 3)
    scheduler.run(lambda s: seen.append(sum(r.step.gpu for r in s.running())))
    assert max(seen) == 1
    assert engine.most > 1


def test_a_failure_takes_down_what_waits_for_it_and_nobody_else():
    engine = Engine({"b@x": Ended(255, "noise\nb@x: too dark; add light\nERROR: failed to\n")})
    states, scheduler = run(chains("x", "y"), engine, 2)
    assert states == {
        "a@x": "done", "b@x": "failed", "c@x": "not run",
        "a@y": "done", "b@y": "done", "c@y": "done",
    }  # fmt: skip
    assert scheduler.records["b@x"].why == "b@x: too dark; add light"
    assert report(scheduler.records.values()).splitlines() == [
        "x  failed  b failed, 1 done, 1 not run",
        "y  done    3 done",
        "b@x: b@x: too dark; add light",
    ]


def test_a_lost_shared_step_is_named_to_all_who_waited():
    steps = [step("fetch"), step("a@x", "fetch"), step("b@x", "a@x"), step("a@y")]
    states, scheduler = run(steps, Engine({"fetch": Ended(1, "ERROR: no network")}), 2)
    assert states["b@x"] == "not run"
    assert states["a@y"] == "done"
    assert "x      not run  2 not run, waits for fetch" in report(scheduler.records.values())


def test_what_is_fresh_is_not_even_asked():
    engine = Engine()
    states, _ = run([step("a@x", stale=False), step("b@x", "a@x", stale=False)], engine, 2)
    assert engine.begun == []
    assert set(states.values()) == {"fresh"}


def test_who_stands_behind_a_step_outlives_its_failure():
    behind = replace(step("base"), behind=frozenset({"inherit@x"}))
    steps = [step("inherit@x"), step("train@x", "inherit@x"), behind, step("train@y", "base")]
    engine = Engine({"inherit@x": Ended(1, "ERROR: no such file")})
    states, _ = run(steps, engine, 9)
    assert engine.begun == ["inherit@x", "base", "train@y"], "never beside it"
    assert engine.most == 1
    assert states["train@x"] == "not run"
    assert states["base"] == states["train@y"] == "done"


def test_what_follows_a_rerun_is_asked_and_what_follows_no_change_is_not():
    steps = [
        step("a@x"),
        step("b@x", "a@x", stale=False),
        step("c@x", "b@x", stale=False),
    ]
    engine = Engine({"b@x": Ended(0, NOTHING)})
    states, _ = run(steps, engine, 1)
    assert engine.begun == ["a@x", "b@x"]
    assert states == {"a@x": "done", "b@x": "fresh", "c@x": "fresh"}


def test_a_stop_asks_once_and_begins_nothing_more():
    engine = Engine()
    scheduler = Scheduler(chains("x", "y"), engine, 2)
    works = []

    def show(scheduler):
        if not works:
            works.extend(engine.at_work)
            scheduler.stop()
            scheduler.stop()

    scheduler.run(show)
    assert [work.stops for work in works] == [1, 1]
    assert engine.begun == ["a@x", "a@y"]
    states = {name: record.state for name, record in scheduler.records.items()}
    assert states["a@x"] == states["a@y"] == "stopped"
    assert {states[name] for name in states if name[0] != "a"} == {"not run"}
