"""`lipsync run` with real DVC on a small pipeline: side by side, failures, Ctrl+C, no-ops."""

import json
import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.project import environment, must, shell
from tests.running.small import locked, make_small, wait_for

PEOPLE = {"ann": "Ann", "bob": "Bob", "cyd": "Cyd"}


def notes(folder: Path) -> list[list]:
    return [json.loads(line) for line in (folder / "notes").read_text().splitlines()]


def names(folder: Path, what: str = "begin") -> list[str]:
    return [name for kind, name, *_ in notes(folder) if kind == what]


def most_at_once(folder: Path, stage: str = "") -> int:
    """Stages at work at one moment."""
    changes = sorted(
        (time, {"begin": 1, "end": -1}[kind])
        for kind, name, time, *_ in notes(folder)
        if name.startswith(stage)
    )
    return max(sum(change for _, change in changes[: i + 1]) for i in range(len(changes)))


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return shell(folder, "lipsync", "run", *arguments, NOTES=str(folder / "notes"), **variables)


@pytest.fixture(scope="module")
def finished(root, tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Three people, three at a time, on two GPUs, from nothing. Look, do not touch."""
    folder = make_small(root, tmp_path_factory.mktemp("run") / "p", PEOPLE)
    result = run(folder, "--jobs", "3", MEET="2", CUDA_VISIBLE_DEVICES="4,7", OMP_NUM_THREADS="3")
    return folder, result


def test_all_run_once_side_by_side(finished):
    folder, result = finished
    assert result.returncode == 0, result.stderr
    assert sorted(names(folder)) == sorted(
        ["fetch", *(f"{stage}@{p}" for p in PEOPLE for stage in ("first", "train_second", "third"))]
    )
    assert most_at_once(folder) in (2, 3)
    assert result.stdout.splitlines() == ["fetch  done  1 done"] + [
        f"{person}    done  3 done" for person in PEOPLE
    ]
    assert (folder / ".scratch/run/third@bob.log").read_text().startswith("Running stage")


def test_dvc_lock_has_every_entry_and_repro_is_a_no_op(finished, root, tmp_path):
    """And each entry is what serial DVC writes."""
    folder, _ = finished
    assert "up to date" in must(folder, "dvc", "status")
    assert "Running" not in must(folder, "dvc", "repro")
    serial = make_small(root, tmp_path / "serial", PEOPLE)
    must(serial, "dvc", "repro", NOTES=str(serial / "notes"))
    assert locked(folder) == locked(serial)


def test_each_gpu_has_one_training(finished):
    folder, _ = finished
    begun = [note for note in notes(folder) if note[0] == "begin"]
    assert {note[3] for note in begun if note[1].startswith("train_")} == {"4", "7"}
    assert {note[3] for note in begun if note[1].startswith("first")} == {"4,7"}
    assert most_at_once(folder, "train_") <= 2


def test_a_second_run_starts_nothing(finished):
    folder, _ = finished
    before = names(folder)
    result = run(folder, "--jobs", "2")
    assert result.returncode == 0
    assert names(folder) == before
    assert result.stdout.splitlines() == [f"{p}  up to date  3 up to date" for p in PEOPLE]


@pytest.fixture
def small(root, tmp_path):
    """Makes a project: ``small(ann="Ann")``."""
    return lambda **people: make_small(root, tmp_path / "p", people)


def test_threads_are_those_of_dvc_repro(finished):
    """The bytes of a training depend on their number."""
    folder, _ = finished
    assert {note[4] for note in notes(folder)} == {"3"}


def test_one_person_and_what_they_need(small):
    folder = small(ann="Ann", bob="Bob")
    assert run(folder, "bob", "--threads", "5").returncode == 0
    assert set(names(folder)) == {"fetch", "first@bob", "train_second@bob", "third@bob"}
    assert {note[4] for note in notes(folder)} == {"5"}
    result = run(folder, "carl")
    assert result.returncode == 1
    assert "people.carl: no such person; there are: ann, bob" in result.stderr


def test_bad_people_fail_alone_and_are_named(small):
    folder = small(ann="Ann", bob="broken", cyd="Cyd")
    (folder / "data/videos/cyd.mp4").unlink()
    result = run(folder, "--jobs", "2")
    assert result.returncode == 1
    assert {"third@ann"} == {name for name in names(folder, "end") if name.startswith("third")}
    told = result.stdout
    assert "ann    done    3 done" in told
    assert "bob    failed  first failed, 2 not run" in told
    assert "first@bob: data/videos/bob.mp4: broken; mend it" in told
    assert "cyd    failed  first failed, 2 not run" in told
    assert "data/videos/cyd.mp4" in told.splitlines()[-1]
    assert "2 stages failed" in result.stderr


def test_ctrl_c_lets_a_training_end_and_records_nothing_of_it(small):
    folder = small(ann="endless", bob="endless")
    process = subprocess.Popen(
        ["lipsync", "run", "--jobs", "2"],
        cwd=folder,
        env=environment(NOTES=str(folder / "notes")),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: (folder / "notes").exists() and most_trainings(folder) == 2)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert sorted(names(folder, "stopped")) == ["train_second@ann", "train_second@bob"]
    assert "ann    stopped  1 done, 1 stopped, 1 not run" in out
    assert "train_second@ann" not in locked(folder)
    assert not (folder / "data/ann/second.txt").exists()


def most_trainings(folder: Path) -> int:
    return sum(name.startswith("train_") for name in names(folder))


def test_stages_end_when_the_run_is_killed(small):
    folder = small(ann="endless")
    process = subprocess.Popen(
        ["lipsync", "run"], cwd=folder, env=environment(NOTES=str(folder / "notes"))
    )
    wait_for(lambda: (folder / "notes").exists() and most_trainings(folder) == 1)
    started = psutil.Process(process.pid).children(recursive=True)
    assert any("lipsync.running.watched_dvc" in child.cmdline() for child in started)
    assert any("work.py" in child.cmdline() for child in started)
    process.kill()
    process.wait()
    assert psutil.wait_procs(started, timeout=30)[1] == []


def test_a_wrong_option_is_one_line(small):
    folder = small(ann="Ann")
    result = run(folder, "--engine", "slurm")
    assert result.returncode == 1
    assert result.stderr == "lipsync run: --engine: should be local or ray (found 'slurm')\n"
    os.remove(folder / "dvc.yaml")
    result = run(folder)
    assert result.returncode == 1
    assert "dvc.yaml" in result.stderr
    assert len(result.stderr.splitlines()) == 1
