"""`lipsync run --engine ray`: a cluster of two nodes on this machine, one of which dies."""

import json
import shutil
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from lipsync.errors import LipsyncError
from lipsync.running.exchange import check
from lipsync.running.graph import read_steps
from lipsync.running.node import Order, carry_out, node_folder, prepare
from lipsync.running.pack import pack, tracked_files
from lipsync.running.scheduler import Share
from tests.project import commit, environment, must, shell
from tests.running.small import locked, make_small, wait_for

pytest.importorskip("ray", reason="Ray is not installed: extra ray")
PEOPLE = {"ann": "Ann", "bob": "Bob"}


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A head that computes nothing, and two nodes of one CPU each; a training takes 4 seconds."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    monkeypatch.setenv("SECONDS", "4")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    cluster.wait_for_nodes()
    yield cluster, nodes
    cluster.shutdown()
    for node in nodes:
        shutil.rmtree(node_folder(node.node_id), ignore_errors=True)


def notes(folder: Path) -> list[tuple[str, str]]:
    """(step, folder that it ran in) of each begin."""
    path = folder / "notes"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [(name, place) for kind, name, *_, place in rows if kind == "begin"]


@pytest.mark.slow
def test_a_dead_node_loses_one_step_and_nothing_else(cluster, root, tmp_path):
    cluster, nodes = cluster
    folder = make_small(root, tmp_path / "p", PEOPLE)
    must(folder, "dvc", "remote", "add", "-d", "shared", str(tmp_path / "remote"))
    commit(folder, "remote")
    process = subprocess.Popen(
        ["lipsync", "run", "--engine", "ray", "--address", cluster.address],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lost = {}

    def trains() -> bool:
        for name, place in notes(tmp_path):
            for node in nodes:
                if name.startswith("train_second") and str(node_folder(node.node_id)) in place:
                    lost[name] = node
        return bool(lost) or process.poll() is not None

    wait_for(trains, 120)
    assert lost, process.communicate()
    [(name, node)] = list(lost.items())[:1]
    cluster.remove_node(node, allow_graceful=False)
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, out + err
    begun = Counter(step for step, _ in notes(tmp_path))
    steps = {"fetch", *(f"{s}@{p}" for p in PEOPLE for s in ("first", "train_second", "third"))}
    assert begun == dict.fromkeys(steps, 1) | {name: 2}
    assert len({place.split("/step-")[0] for _, place in notes(tmp_path)}) == 2
    assert set(locked(folder)) == steps
    assert "up to date" in must(folder, "dvc", "status")
    assert "Running" not in must(folder, "dvc", "repro")
    assert (folder / "data/ann/third.txt").read_text().startswith("third.txt of (second.txt of")


@pytest.fixture
def small(root, tmp_path_factory) -> Path:
    return make_small(root, tmp_path_factory.mktemp("small") / "p", PEOPLE)


def test_what_nodes_could_not_get_is_refused(small, tmp_path):
    with pytest.raises(LipsyncError, match=r"default remote.*dvc remote add"):
        check(small, read_steps(small))
    must(small, "dvc", "remote", "add", "-d", "shared", str(tmp_path))
    check(small, read_steps(small))
    with (small / ".gitignore").open("a") as file:
        file.write("/data/videos/bob.mp4\n")
    must(small, "git", "rm", "-q", "--cached", "data/videos/bob.mp4")
    with pytest.raises(LipsyncError, match=r"data/videos/bob.mp4: first@bob reads it.*dvc add"):
        check(small, read_steps(small))
    check(small, read_steps(small, ["ann"]))


@pytest.mark.parametrize("address", ["127.0.0.1:1", "auto"])
def test_no_cluster_is_one_line(root, tmp_path, address, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    folder = make_small(root, tmp_path / "p", {"ann": "Ann"})
    must(folder, "dvc", "remote", "add", "-d", "shared", str(tmp_path / "remote"))
    result = shell(folder, "lipsync", "run", "--engine", "ray", "--address", address)
    assert result.returncode == 1
    assert result.stderr.startswith(f"lipsync run: --address {address}: no Ray cluster: ")
    assert len(result.stderr.splitlines()) == 1


def test_a_node_has_the_project_as_it_lies_and_no_keys(small, tmp_path):
    (small / ".dvc/config.local").write_text("[core]\n    autostage = false\n")
    (small / "new.txt").write_text("not committed")
    archive = pack(small, tracked_files(small))
    step = next(step for step in read_steps(small) if step.name == "third@ann")
    entry = {"cmd": "true"}
    (tmp_path / "home").mkdir()
    there = tmp_path / "there"
    order = Order(step, {"train_second@ann": entry}, {"data/ann/second.json": b"{}"})
    prepare(there, order, archive, tmp_path / "home")
    assert (there / "new.txt").read_text() == "not committed"
    assert (there / "data/ann/second.json").read_bytes() == b"{}"
    assert "autostage" not in (there / ".dvc/config.local").read_text()
    assert locked(there) == {"train_second@ann": entry}
    assert must(there, "git", "log", "--format=%s").strip() == "as it was sent"
    assert not (small / ".dvc/cache").exists()


def test_a_step_begun_again_elsewhere_comes_from_the_run_cache(small, tmp_path, monkeypatch):
    """Its first node died after it had pushed, and before it could say so."""
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    monkeypatch.setenv("SECONDS", "2")
    must(small, "dvc", "remote", "add", "-f", "-d", "shared", str(tmp_path / "remote"))
    steps = {step.name: step for step in read_steps(small)}
    archive, lock, heard = pack(small, tracked_files(small)), {}, []

    def tell(share: Share) -> bool:
        heard.append(share)
        return True

    def on(node: str, name: str, again: bool = False):
        order = Order(steps[name], dict(lock))
        return carry_out(order, archive, tmp_path / node, again, tell)

    made = on("one", "first@ann")
    again = on("two", "first@ann", again=True)
    assert "Stage 'first@ann' is cached" in again.text
    assert again.lock == made.lock
    lock["first@ann"] = made.lock
    lock["fetch"] = on("two", "fetch").lock
    second = on("one", "train_second@ann")  # an input of each node
    assert second.files == {"data/ann/second.json": b'{"letters": 35}'}, second.text
    assert Share(0.25, 7) in heard
    assert [name for name, _ in notes(tmp_path)] == ["first@ann", "fetch", "train_second@ann"]
    assert list(tmp_path.glob("*/step-*")) == [], "nothing is left lying about"


def test_a_step_that_nobody_wants_any_more_ends(small, tmp_path, monkeypatch):
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    (small / "data/videos/ann.mp4").write_text("endless")
    step = next(step for step in read_steps(small) if step.name == "first@ann")
    monkeypatch.setenv("MEET", "2")
    archive = pack(small, tracked_files(small))
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # as Ray does
    try:
        done = carry_out(
            Order(step, {}), archive, tmp_path / "home", False, lambda share: not notes(tmp_path)
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    assert done.code == 130
    assert '"stopped", "first@ann"' in (tmp_path / "notes").read_text()
