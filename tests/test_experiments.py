"""The daily verbs of DVC on the project: exp run, --temp, the queue, metrics and plots diff."""

import csv
import io
import json
import time
from pathlib import Path

import pytest
import yaml

from tests.project import change_params, must, ran, results

TRAIN = "train_generator@sample"


@pytest.fixture(scope="module")
def two_epochs(project_copy) -> dict[str, bytes]:
    """What a generator leaves that was trained for two epochs at once."""
    return trained_at_once(project_copy(), epochs=2)


def trained_at_once(folder: Path, epochs: int) -> dict[str, bytes]:
    """What a generator leaves that never saw a checkpoint."""
    change_params(folder, lambda values: values.update(epochs=epochs))
    output = must(folder, "dvc", "repro", "-f", "-s", TRAIN, LIPSYNC_FRESH="1")
    assert "continues" not in output
    return results(folder, "generator")


@pytest.fixture(scope="module")
def project(project_copy):
    """One copy for all tests of this module."""
    return project_copy()


def test_an_experiment_with_more_epochs_continues(project, two_epochs):
    output = must(project, "dvc", "exp", "run", "-n", "more", "-S", "epochs=2", TRAIN)
    assert ran(output) == ["train_generator"]
    assert "continues after epoch 1" in output
    assert results(project, "generator") == two_epochs


def test_metrics_and_plots_are_compared(project):
    table = must(project, "dvc", "metrics", "diff", "HEAD")
    assert "metrics/sample/generator/metrics.json" in table
    changed = json.loads(must(project, "dvc", "metrics", "diff", "HEAD", "--json"))
    assert changed["metrics/sample/generator/metrics.json"]["epoch"] == {
        "old": 1,
        "new": 2,
        "diff": 1,
    }
    plots = json.loads(must(project, "dvc", "plots", "diff", "HEAD", "--json"))["data"]
    for name in ("train/loss.tsv", "validation/loss.tsv"):
        (plot,) = plots[f"metrics/sample/generator/plots/metrics/{name}"]
        points = plot["content"]["data"]["values"]
        assert sorted((point["rev"], point["step"]) for point in points) == [
            ("HEAD", "1"),
            ("workspace", "1"),
            ("workspace", "2"),
        ]
    for name in (
        "syncnet/plots/metrics/validation/loss.tsv",
        "syncnet/loss_history.png",
        "generator/loss_history.png",
        "evaluation/mouth_opening.csv",
        "evaluation/sync_offsets.csv",
        "evaluation/contact_sheet.png",
    ):
        assert f"metrics/sample/{name}" in plots
    shown = json.loads(must(project, "dvc", "plots", "show", "--json"))["data"]
    assert shown.keys() >= plots.keys()
    must(project, "dvc", "plots", "diff", "HEAD", "-o", "shown")
    assert (project / "shown/index.html").is_file()


def test_a_rate_that_yaml_reads_as_text_is_a_number(project):
    must(project, "git", "checkout", "-q", ".")
    must(project, "dvc", "checkout")
    output = must(
        project, "dvc", "exp", "run", "-n", "slow", "-S", "generator.learning_rate=1e-5", TRAIN
    )
    assert ran(output) == ["train_generator"]
    assert "continues" not in output
    assert yaml.safe_load((project / "params.yaml").read_text())["generator"]["learning_rate"] == (
        "1e-05"  # the trap: YAML 1.1 wants a point in a float
    )
    must(project, "git", "checkout", "-q", ".")
    must(project, "dvc", "checkout")


def test_a_temporary_experiment_continues_what_is_committed(project_copy, two_epochs):
    folder = project_copy()
    must(folder, "rm", "-r", ".scratch")
    output = must(folder, "dvc", "exp", "run", "--temp", "-n", "temp", "-S", "epochs=2", TRAIN)
    assert "continues after epoch 1" in output
    must(folder, "dvc", "exp", "apply", "temp")
    assert results(folder, "generator") == two_epochs


@pytest.mark.slow
def test_two_workers_take_a_grid_from_the_queue(project_copy, two_epochs):
    """The two differ in epochs alone: whichever comes second goes on from the other."""
    folder = project_copy()
    must(folder, "rm", "-r", ".scratch")
    must(folder, "dvc", "exp", "run", "--queue", "-S", "epochs=2,3", TRAIN)
    must(folder, "dvc", "queue", "start", "-j", "2")
    end = time.monotonic() + 180
    while True:
        status = must(folder, "dvc", "queue", "status")
        if "Queued" not in status and "Running" not in status:
            break
        assert time.monotonic() < end, status
        time.sleep(1)
    assert status.count("Success") == 2, status
    shown = must(folder, "dvc", "exp", "show", "--csv", "--only-changed")
    rows = csv.DictReader(io.StringIO(shown))
    done = {int(row["epochs"]): row["Experiment"] for row in rows if row["State"] == "Success"}
    assert set(done) == {2, 3}
    must(folder, "dvc", "exp", "apply", done[2])
    assert results(folder, "generator") == two_epochs
    must(folder, "dvc", "exp", "apply", done[3])
    assert results(folder, "generator") == trained_at_once(folder, epochs=3)


@pytest.mark.slow
def test_syncnet_with_more_epochs_continues_and_reruns_what_follows(project_copy):
    folder = project_copy()
    output = must(folder, "dvc", "exp", "run", "-S", "syncnet.epochs=2", TRAIN)
    assert ran(output) == ["train_syncnet", "train_generator"]
    assert output.count("continues after epoch 1") == 1  # SyncNet's; the generator is another
    continued = results(folder, "syncnet")
    must(folder, "dvc", "repro", "-f", "-s", "train_syncnet@sample", LIPSYNC_FRESH="1")
    assert results(folder, "syncnet") == continued
