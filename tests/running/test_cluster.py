"""`lipsync run --engine ray`: a cluster of two nodes on this machine, one of which dies."""

import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from lipsync.running.node import node_folder
from tests.project import commit, environment, must
from tests.running.small import locked, make_small, wait_for

pytest.importorskip("ray", reason="Ray is not installed: extra ray")
PEOPLE = {"ann": "Ann", "bob": "Bob"}


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A head that computes nothing, and two nodes of one CPU each; stages take 4 seconds."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    monkeypatch.setenv("SECONDS_EACH", "4")
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
