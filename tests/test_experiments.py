"""The daily verbs of DVC on the project: exp run, --temp, the queue, metrics and plots diff."""

import csv
import io
import json
import time

import pytest
import yaml

from tests.project import must, ran, results

TRAIN = "train_generator@sample"


@pytest.fixture(scope="module")
def two_epochs(project_copy) -> dict[str, bytes]:
    """What a generator leaves that was trained for two epochs at once."""
    folder = project_copy()
    output = must(folder, "dvc", "exp", "run", "-S", "epochs=2", TRAIN, LIPSYNC_FRESH="1")
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
    assert "metrics/sample/generator/loss_history.png" in plots
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


def test_two_workers_take_a_grid_from_the_queue(project, two_epochs):
    """The two differ in epochs alone: the one waits for the other and goes on from it."""
    must(project, "dvc", "exp", "run", "--queue", "-S", "epochs=2,3", "-S", "seed=1", TRAIN)
    must(project, "dvc", "queue", "start", "-j", "2")
    end = time.monotonic() + 180
    while True:
        status = must(project, "dvc", "queue", "status")
        if "Queued" not in status and "Running" not in status:
            break
        assert time.monotonic() < end, status
        time.sleep(1)
    assert status.count("Success") == 2, status
    shown = must(project, "dvc", "exp", "show", "--csv", "--only-changed")
    rows = csv.DictReader(io.StringIO(shown))
    done = {int(row["epochs"]): row["Experiment"] for row in rows if row["State"] == "Success"}
    assert set(done) == {2, 3}
    must(project, "dvc", "exp", "apply", done[2])
    assert results(project, "generator") == two_epochs
