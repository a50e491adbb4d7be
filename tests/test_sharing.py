"""Remotes: push here, pull there, and nothing runs again; damage is caught, half a pull goes on."""

import hashlib
import shutil
import signal
import subprocess
import time
from pathlib import Path

import boto3
import pytest
import yaml
from moto.server import ThreadedMotoServer

from tests.project import (
    change_params,
    commit,
    environment,
    must,
    ran,
    restored,
    results,
    shell,
)

TRAIN = "train_generator@sample"


def clone(project: Path, target: Path) -> Path:
    """A fresh git clone, with a cache of its own."""
    must(project, "git", "clone", "-q", str(project), str(target))
    return target


@pytest.fixture(scope="module")
def shared(project_copy, tmp_path_factory) -> tuple[Path, Path]:
    """A project that pushed everything to a remote on a path, and that remote."""
    folder, remote = project_copy(), tmp_path_factory.mktemp("remote")
    must(folder, "dvc", "remote", "add", "-d", "shared", str(remote))
    must(folder, "dvc", "remote", "modify", "shared", "verify", "true")
    commit(folder, "remote")
    must(folder, "dvc", "push", "--run-cache")
    return folder, remote


def test_elsewhere_nothing_runs_again(shared, tmp_path):
    project, _ = shared
    there = clone(project, tmp_path / "there")
    must(there, "dvc", "pull")
    output = must(there, "dvc", "repro")
    assert ran(output) == []
    assert restored(output) == []
    assert results(there, "generator") == results(project, "generator")


def test_elsewhere_a_training_goes_on_from_the_remote(shared, tmp_path):
    project, _ = shared
    there = clone(project, tmp_path / "there")
    needed = [
        dep["path"]
        for dep in yaml.safe_load((there / "dvc.lock").read_text())["stages"][TRAIN]["deps"]
    ]
    must(there, "dvc", "pull", *(path for path in needed if path.startswith(("data/", "models/"))))
    change_params(there, lambda values: values.update(epochs=2))
    output = must(there, "dvc", "repro", "-s", TRAIN)
    assert "continues after epoch 1" in output
    continued = results(there, "generator")
    output = must(there, "dvc", "repro", "-f", "-s", TRAIN, LIPSYNC_FRESH="1")
    assert "continues" not in output
    assert results(there, "generator") == continued


def test_the_run_cache_brings_back_trainings_without_a_lock(shared, tmp_path):
    project, _ = shared
    there = clone(project, tmp_path / "there")
    (there / "dvc.lock").unlink()
    must(there, "dvc", "pull", "--run-cache", "--allow-missing")
    output = must(there, "dvc", "repro", "--pull", TRAIN)
    assert {"train_syncnet", "train_generator"} <= set(restored(output))
    assert not {"train_syncnet", "train_generator"} & set(ran(output))
    assert results(there, "generator") == results(project, "generator")


def test_a_flipped_byte_in_the_remote_is_caught(shared, tmp_path):
    project, remote = shared
    damaged = shutil.copytree(remote, tmp_path / "remote")
    there = clone(project, tmp_path / "there")
    must(there, "dvc", "remote", "modify", "--local", "shared", "url", str(damaged))
    oid = hashlib.md5((project / "data/sample/faces.npz").read_bytes()).hexdigest()
    hurt = damaged / "files/md5" / oid[:2] / oid[2:]
    data = bytearray(hurt.read_bytes())
    data[len(data) // 2] ^= 1
    hurt.chmod(0o644)
    hurt.write_bytes(data)
    told = shell(there, "lipsync", "check-remote")
    assert told.returncode == 1
    assert told.stdout == (
        f"data/sample/faces.npz: damaged in the remote; delete {hurt}, "
        "then run `dvc push` where it is whole\n"
    )
    pulled = shell(there, "dvc", "pull")
    assert pulled.returncode != 0
    assert "data/sample/faces.npz" in pulled.stderr
    assert not (there / "data/sample/faces.npz").exists()
    hurt.unlink(missing_ok=True)  # DVC may have done so
    gone = shell(there, "lipsync", "check-remote")
    assert gone.stdout.startswith("data/sample/faces.npz: missing in the remote")
    must(project, "dvc", "remote", "modify", "--local", "shared", "url", str(damaged))
    must(project, "dvc", "push")
    (project / ".dvc/config.local").unlink()
    assert "undamaged" in must(there, "lipsync", "check-remote")
    must(there, "dvc", "pull")
    assert ran(must(there, "dvc", "repro")) == []


def test_the_safe_gc_keeps_what_a_commit_needs_and_the_short_one_does_not(project_copy):
    folder = project_copy()
    committed = results(folder, "generator")
    change_params(folder, lambda values: values.update(epochs=2))
    must(folder, "dvc", "repro", TRAIN)
    must(folder, "dvc", "gc", "--force", "--all-commits", "--all-experiments")
    must(folder, "git", "checkout", "-q", ".")
    must(folder, "dvc", "checkout")
    assert results(folder, "generator") == committed
    change_params(folder, lambda values: values.update(epochs=2))
    must(folder, "dvc", "repro", TRAIN)
    must(folder, "dvc", "gc", "--force", "--workspace")
    must(folder, "git", "checkout", "-q", ".")
    assert shell(folder, "dvc", "checkout").returncode != 0


def test_an_interrupted_pull_is_completed_by_the_next(shared, tmp_path):
    project, _ = shared
    there = clone(project, tmp_path / "there")
    pull = subprocess.Popen(
        ["dvc", "pull", "-j", "1"],
        cwd=there,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    cache = there / ".dvc/cache/files/md5"
    while pull.poll() is None and not list(cache.glob("*/*")):
        time.sleep(0.001)
    pull.send_signal(signal.SIGKILL)
    pull.wait()
    assert shell(there, "dvc", "status", "--json").stdout.strip() != "{}", "the pull was over"
    must(there, "dvc", "pull")
    assert ran(must(there, "dvc", "repro")) == []


def test_an_s3_server_shares_as_well(project_copy, tmp_path):
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    try:
        boto3.client(
            "s3",
            endpoint_url=address,
            region_name="us-east-1",
            aws_access_key_id="k",
            aws_secret_access_key="s",
        ).create_bucket(Bucket="avatars")
        project = project_copy()
        must(project, "dvc", "remote", "add", "-d", "shared", "s3://avatars/lipsync")
        must(project, "dvc", "remote", "modify", "shared", "endpointurl", address)
        must(project, "dvc", "remote", "modify", "shared", "verify", "true")
        commit(project, "remote")
        must(project, "dvc", "push", **keys)
        there = clone(project, tmp_path / "there")
        must(there, "dvc", "pull", **keys)
        assert ran(must(there, "dvc", "repro", **keys)) == []
        assert results(there, "generator") == results(project, "generator")
    finally:
        server.stop()
