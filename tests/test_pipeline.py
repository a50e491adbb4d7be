"""The whole pipeline through DVC, tiny: what runs, what it leaves, and what a change reruns."""

import json
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from lipsync.media.audio import read_audio
from lipsync.media.label import DIGITAL_SOURCE_TYPE
from lipsync.media.video import probe, read_frames
from lipsync.profiling.identity import read_identity
from tests.project import SECONDS, change_params, must, ran, results, shell


@pytest.fixture(scope="module")
def project(project_copy):
    """One copy for all tests of this module, each of which goes on from the one before it."""
    return project_copy()


def append(project: Path, text: str) -> None:
    """Add to a module of the generator's training."""
    with (project / "src/lipsync/generator/losses.py").open("a") as file:
        file.write(text)


def test_every_person_has_one_number_of_frames(project):
    data = project / "data/sample"
    frames = len(list(read_frames(data / "frames.mp4")))
    assert frames == SECONDS * 25
    counts = {
        "landmarks": len(np.load(data / "landmarks.npz")["points"]),
        "faces": len(np.load(data / "faces.npz")["crops"]),
        "geometry": len(np.load(data / "geometry.npz")["valid"]),
        "speech": len(np.load(data / "speech.npz")["rows"]),
        "sound": len(read_audio(data / "speech.wav")) // 640,
    }
    assert set(counts.values()) == {frames}


def test_the_rendered_video_lasts_as_long_as_its_speech(project):
    render = project / "data/sample/render.mp4"
    seconds = len(read_audio(project / "data/speech/sample.wav")) / 16000
    assert probe(render).frames == round(seconds * 25)
    with av.open(str(render)) as container:
        assert DIGITAL_SOURCE_TYPE in container.metadata["comment"]


def test_metrics_are_there_and_finite(project):
    evaluation = json.loads((project / "metrics/sample/evaluation.json").read_text())
    export = json.loads((project / "metrics/sample/export.json").read_text())
    assert 5 < evaluation["picture"]["psnr_mask"] < 60
    assert 5 < evaluation["face"]["psnr_mask"] < 60
    assert -1 <= evaluation["mouth"]["correlation"] <= 1
    assert 0 <= evaluation["sync"]["top1"] <= 1
    assert export["parity_max_abs"] <= 1e-3
    shown = shell(project, "dvc", "metrics", "show")
    assert "psnr_mask" in shown.stdout


def test_the_recording_is_judged_before_anything_is_trained(project):
    found = json.loads((project / "metrics/sample/profile.json").read_text())
    assert found["verdict"] == "red", "seven seconds are too few"
    assert found["values"]["duration"] == SECONDS
    assert found["values"]["face_size"] > 200
    assert (project / "metrics/sample/profile.png").stat().st_size > 50_000
    assert len(read_identity(project / "data/sample/identity.npz").embedding) == 0
    assert "profile.json" in must(project, "dvc", "metrics", "show")


def test_the_summary_names_the_results(project):
    shown = shell(project, "lipsync", "summary")
    assert shown.returncode == 0, shown.stderr
    assert "data/sample/render.mp4" in shown.stdout
    assert "mouth follows the voice" in shown.stdout


def test_an_untouched_tree_reruns_nothing(project):
    output = must(project, "dvc", "repro")
    assert ran(output) == []
    assert "up to date" in output


def test_more_epochs_continue_and_rerun_only_what_follows(project):
    change_params(project, lambda values: values.update(epochs=2))
    output = must(project, "dvc", "repro")
    assert ran(output) == ["train_generator", "evaluate", "export", "render_sample"]
    assert "continues after epoch 1" in output
    continued = results(project, "generator")
    output = must(project, "dvc", "repro", "-f", "-s", "train_generator@sample", LIPSYNC_FRESH="1")
    assert "continues" not in output
    assert results(project, "generator") == continued


def test_fewer_epochs_again_give_the_same_bytes_as_before(project, ran_project):
    change_params(project, lambda values: values.update(epochs=1))
    must(project, "dvc", "repro", "--no-run-cache", "train_generator@sample")
    assert results(project, "generator") == results(ran_project, "generator")


def test_another_rate_starts_anew(project):
    change_params(project, lambda values: values["generator"].update(learning_rate=3e-3))
    output = must(project, "dvc", "repro", "train_generator@sample")
    assert ran(output) == ["train_generator"]
    assert "continues" not in output


def test_a_comment_trains_nothing_again(project):
    """DVC hashes the file and runs the stage, which ends with its last checkpoint."""
    before = results(project, "generator")
    append(project, "# another thought\n")
    output = must(project, "dvc", "repro", "train_generator@sample")
    assert ran(output) == ["train_generator"]
    assert "continues after epoch 1, step 0" in output
    assert "epoch 1/1" not in output
    assert results(project, "generator") == before


def test_changed_code_starts_anew(project):
    append(project, "ANOTHER = 1\n")
    output = must(project, "dvc", "repro", "train_generator@sample")
    assert ran(output) == ["train_generator"]
    assert "continues" not in output


def test_another_crop_size_reruns_from_crop_faces(project):
    change_params(project, lambda values: values["crop"].update(size=96))
    output = must(project, "dvc", "repro", "train_generator@sample")
    assert ran(output) == ["crop_faces", "fit_geometry", "train_syncnet", "train_generator"]
    assert "continues" not in output


@pytest.mark.parametrize("change", [{"video": "data/videos/gone.mp4"}, {"video": "README.md"}])
def test_a_bad_video_is_one_line_and_leaves_nothing(project, change):
    def add(values):
        values["people"]["bob"] = change

    change_params(project, add)
    result = shell(project, sys.executable, "stages/extract_frames.py", "bob")
    assert result.returncode == 1
    assert change["video"] in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (project / "data/bob").exists() or not list((project / "data/bob").iterdir())


def test_a_typo_in_params_stops_the_first_stage_that_reads_them(project):
    change_params(project, lambda values: values["generator"].update(learning_rat=1))
    result = shell(project, sys.executable, "stages/extract_frames.py", "sample")
    assert result.returncode == 1
    assert "generator.learning_rat: unknown key; legal keys: learning_rate" in result.stderr
    assert "Traceback" not in result.stderr
