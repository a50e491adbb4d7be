"""The sub-pipeline, small, run by DVC in a copy: three voices of the corpus, an epoch or two."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from lipsync.speech.viseme import VisemeNetwork
from lipsync.training.state import read_progress
from lipsync.visemes.params import load_viseme_params
from lipsync.visemes.session import training_fingerprint
from lipsync.visemes.stage import STATE
from tests.project import commit, must, shell

VOICES = ("en_us_m1", "en_us_f1", "en_029_m3")
STAGES = ("prepare_visemes", "train_visemes", "export_visemes", "evaluate_visemes")
METRICS = Path("metrics/visemes")


def change(folder: Path, **sections: dict) -> None:
    """Edit visemes/params.yaml in place."""
    yaml = YAML()
    path = folder / "visemes/params.yaml"
    values = yaml.load(path)
    for name, wanted in sections.items():
        if isinstance(wanted, dict):
            values[name].update(wanted)
        else:
            values[name] = wanted
    yaml.dump(values, path)


def repro(folder: Path, root: Path) -> list[str]:
    """Stages that were run."""
    said = must(folder, "dvc", "repro", "visemes/dvc.yaml", PYTHONPATH=str(root / "src"))
    return [name for name in STAGES if f"Running stage 'visemes/dvc.yaml:{name}'" in said]


@pytest.fixture(scope="module")
def project(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of the sub-pipeline alone, run once."""
    folder = tmp_path_factory.mktemp("visemes") / "project"
    shutil.copytree(root / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", "params.yaml", "stages", "maps"):
        source, target = root / "visemes" / name, folder / "visemes" / name
        target.parent.mkdir(exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    for voice in VOICES:
        shutil.copytree(root / "visemes/corpus" / voice, folder / "visemes/corpus" / voice)
    for name in (".gitignore", ".dvcignore"):
        shutil.copy(root / name, folder)
    (folder / "stages").mkdir()
    shutil.copy(root / "stages/run", folder / "stages")
    change(
        folder,
        epochs=1,
        data={"held_out": ["en_us_f1"]},
        model={"layers": 2, "channels": 16},
        train={"schedule": "constant"},
        report={"histograms": True},
    )
    must(folder, "git", "init", "-q", "-b", "main")
    must(folder, "dvc", "init", "-q")
    commit(folder, "start")
    assert repro(folder, root) == [*STAGES]
    commit(folder, "run")
    return folder


def figures(folder: Path, name: str) -> dict:
    return json.loads((folder / METRICS / name).read_text())


def test_it_leaves_a_network_figures_and_pictures(project):
    network = VisemeNetwork(project / "models/visemes/visemes.onnx")
    assert (network.lookahead, network.channels, network.receptive) == (10, 16, 7)
    corpus = figures(project, "corpus.json")
    assert (corpus["training"]["speakers"], corpus["held_out"]["speakers"]) == (2, 1)
    assert corpus["quarantined"] == {"files": 0}
    judged = figures(project, "evaluation.json")
    assert judged["speakers"].keys() == {"en_us_f1"}
    assert 0.1 < judged["strict_accuracy"] < judged["accuracy_within_30_ms"] < 1
    speed = figures(project, "evaluation/speed.json")
    assert set(speed) == {"real_time_whole", "real_time_hops", "hop_ms"}
    assert figures(project, "export.json")["difference_hops"] <= 1e-5
    for name in ("evaluation/confusion.png", "training/loss_history.png", "training/weights.png",
                 "training/plots/metrics/train/loss.tsv"):  # fmt: skip
        assert (project / METRICS / name).stat().st_size > 15, name


def test_dvc_knows_the_plots_and_the_metrics(project):
    said = must(project, "dvc", "metrics", "show")
    assert "strict_accuracy" in said
    assert "minutes" in said
    said = shell(project, "dvc", "plots", "show", "--json").stdout
    bars = drawn(said, "classes.csv")
    encoding = {axis: bars["encoding"][axis]["field"] for axis in "xy"}
    assert encoding == {"x": "f1", "y": "viseme"}
    classes = {row["viseme"]: row for row in bars["data"]["values"]}
    f1 = {viseme: value or 0 for viseme, value in figures(project, "evaluation.json")["f1"].items()}
    told = {viseme: float(row["f1"] or 0) for viseme, row in classes.items()}
    assert told == pytest.approx(f1, abs=1e-4)
    # The template counts rows, so there is one for each frame, or for 1000 of a label.
    confusion = drawn(said, "confusion.csv")
    rows = confusion["data"]["values"]
    frames = Counter(row["label"] for row in rows)
    for viseme, row in classes.items():
        assert frames[viseme] == pytest.approx(min(1000, int(row["frames"])), abs=7)  # rounding
    right = Counter(row["label"] for row in rows if row["label"] == row["told"])
    assert right["sil"] / frames["sil"] == pytest.approx(float(classes["sil"]["recall"]), abs=0.01)
    assert {confusion["spec"]["encoding"][axis]["field"] for axis in "xy"} == {"told", "label"}


def drawn(said: str, name: str) -> dict:
    """The drawing that `dvc plots show --json` has of a file."""
    plots = json.loads(said)["data"]
    (entry,) = next(entries for key, entries in plots.items() if key.endswith(name))
    content = entry["content"]
    return json.loads(content) if isinstance(content, str) else content


def test_judging_again_changes_nothing_in_git(project, root):
    stage = "visemes/dvc.yaml:evaluate_visemes"
    must(project, "dvc", "repro", "-s", "-f", stage, PYTHONPATH=str(root / "src"))
    assert must(project, "git", "status", "--short") == ""


def test_nothing_changed_nothing_runs_and_log_level_changes_nothing(project, root):
    change(project, log_level="warning")
    assert repro(project, root) == []


@pytest.mark.slow
def test_more_epochs_go_on_where_the_schedule_knows_no_end(project, root):
    change(project, epochs=2)
    assert repro(project, root) == [*STAGES[1:]]
    progress, fingerprint = read_progress(project / STATE)
    scratch = project / ".scratch/train_visemes/visemes" / fingerprint[:16]
    assert progress.epoch == 2
    # One folder of checkpoints: the second epoch is that of the same training.
    assert [path.name for path in scratch.parent.iterdir()] == [scratch.name]


def test_what_makes_another_training(project, monkeypatch):
    monkeypatch.chdir(project)

    def identity(**more) -> str:
        return training_fingerprint(load_viseme_params().model_copy(update=more))

    train = load_viseme_params().train
    assert train.schedule == "constant"
    assert identity(epochs=1) == identity(epochs=7) == identity(log_level="debug")
    assert identity(seed=5) != identity()
    cosine = train.model_copy(update={"schedule": "cosine"})
    assert identity(train=cosine, epochs=1) != identity(train=cosine, epochs=7)
    assert identity(train=cosine) != identity()
    (project / "src/lipsync/visemes/losses.py").open("a").write("CHANGE = 1\n")
    changed = identity()
    (project / "src/lipsync/visemes/losses.py").open("a").write("# a comment\n")
    (project / "src/lipsync/visemes/timeline.py").open("a").write("CHANGE = 1\n")
    assert identity() == changed != read_progress(project / STATE)[1]


def test_a_typo_stops_it_with_the_legal_keys(project, root):
    change(project, model={"chanels": 5})
    script = "visemes/stages/train_visemes.py"
    result = shell(project, "python", script, PYTHONPATH=str(root / "src"))
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "model.chanels: unknown key; legal keys: layers, channels" in result.stderr
