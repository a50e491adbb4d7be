"""The stage, with untrained networks on two seconds of the sample."""

import contextlib
import csv
import json
import math
import runpy
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml

from lipsync.base.inherited import Inherited, write_inherited
from lipsync.errors import LipsyncError
from lipsync.evaluation.bootstrap import INTERVAL
from lipsync.evaluation.figures import LABEL
from lipsync.evaluation.report import HEADLINE
from lipsync.faces.crop import extract
from lipsync.generator.model import Refiner
from lipsync.generator.weights import save_generator
from lipsync.geometry.storage import read_geometry
from lipsync.media.audio import read_audio, write_wav
from lipsync.media.clock import sample_count
from lipsync.media.planes import to_planes
from lipsync.media.video import FrameReader, VideoWriter, probe
from lipsync.motion.model import MotionNet
from lipsync.motion.params import MotionParams
from lipsync.motion.weights import save_motion
from lipsync.params import load_params
from lipsync.retrieval.exemplars import write_exemplars
from lipsync.retrieval.material import Material
from lipsync.speech.mel import MelEncoder
from lipsync.syncnet.model import SyncNet
from lipsync.syncnet.weights import save_syncnet
from tests.evaluation.published import published_state

FIRST, FRAMES, SIZE, FPS, RATE = 590, 120, 64, 25, 16_000  # the sample's end, where it is silent
HELD_OUT = 50  # frames


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, root: Path, face_models: Path) -> Path:
    """All that evaluate reads, of alice: 120 frames of the sample, 50 of them held out."""
    folder = tmp_path_factory.mktemp("project")
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["people"] = {"alice": {"video": "alice.mp4"}}
    params["crop"]["size"] = SIZE
    params["split"] = {"validation": HELD_OUT / FRAMES, "gap": 0.4}
    params["evaluate"] = {"shifts": 3, "shifted_frames": 10}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    shutil.copytree(face_models, folder / "models" / "face")
    data, models = folder / "data" / "alice", folder / "models" / "alice"
    sample = root / "data" / "videos" / "sample.mp4"
    with (
        FrameReader(sample) as film,
        VideoWriter(data / "frames.mp4", film.width, film.height, FPS, preset="ultrafast") as out,
    ):
        for i in range(FRAMES):
            out.write(film[FIRST + i])
    start, end = (sample_count(frame, FPS, RATE) for frame in (FIRST, FIRST + FRAMES))
    sound = read_audio(sample)[start:end]
    write_wav(data / "speech.wav", sound)
    encoder = MelEncoder(FPS)
    rows = encoder.encode(sound, FRAMES)
    np.savez(
        data / "speech.npz",
        rows=rows,
        silence=encoder.silence,
        per_decibel=encoder.per_decibel,
        instants=encoder.instants,
        fps=float(FPS),
        weights_sha256=encoder.weights_sha256,
    )
    for stage in ("detect_landmarks", "crop_faces", "fit_geometry"):
        run(folder, root, stage)
    torch.manual_seed(0)
    save_syncnet(models / "syncnet.safetensors", SyncNet(SIZE, rows.shape[1], channels=8))
    save_generator(models / "generator.safetensors", Refiner(SIZE, channels=(16, 16)), 1.0)
    save_exemplars(data, models, FRAMES - HELD_OUT - 10)
    shape, _ = read_geometry(data / "geometry.npz")
    architecture = MotionParams(members=4, channels=8).architecture()
    motion = MotionNet(rows.shape[1], encoder.instants, shape.n_components, **architecture)
    save_motion(models / "motion.safetensors", motion)  # which says the same whatever it hears
    write_inherited(Inherited(models / "inherited"), None)
    (folder / "data/voices").symlink_to(root / "data/voices")
    (folder / "models/shared").symlink_to(root / "models/shared")
    run(folder, root, "evaluate")
    return folder


def save_exemplars(data: Path, models: Path, training: int) -> None:
    """Ten of the training frames."""
    shape, track = read_geometry(data / "geometry.npz")
    with np.load(data / "faces.npz") as faces:
        material = Material(faces["crops"], faces["boxes"], shape, track, FPS)
    chosen = material.choose(np.flatnonzero(track.valid[:training]), 10)
    with FrameReader(data / "frames.mp4") as film:
        pictures = [
            extract(to_planes(film.frame(n)), material.boxes[n], 100) for n in chosen.tolist()
        ]
    write_exemplars(models / "exemplars.npz", material.exemplars(chosen, pictures))


def run(folder: Path, root: Path, stage: str) -> None:
    script = runpy.run_path(str(root / "stages" / f"{stage}.py"))
    with contextlib.chdir(folder):
        script[stage].__wrapped__(load_params("params.yaml").for_person("alice"))


def test_figures_are_finite_and_in_range(project: Path) -> None:
    metrics = project / "metrics" / "alice"
    found = json.loads((metrics / "evaluation" / "details.json").read_text())
    few = json.loads((metrics / "evaluation.json").read_text())
    assert few["mouth"]["correlation"] == found["mouth"]["correlation"]
    assert few["face"]["psnr_region"] == found["face"]["psnr_region"]
    assert sum(len(group) for group in few.values()) == len(HEADLINE)
    flat = {f"{group}.{key}": value for group in found for key, value in found[group].items()}
    edges = {key: flat.pop(key) for key in list(flat) if key.endswith(INTERVAL)}
    # No base was adapted, and the held-out part is too short for the base's judgement.
    unknown = ("voices.agreement", "sync.base_score", "sync.base_offset")
    unknown += ("sync.base_real_score", "sync.base_real_offset")
    assert all(flat.pop(key) is None for key in unknown)
    assert all(value is not None and math.isfinite(value) for value in flat.values()), flat
    # Answers of SyncNet need longer blocks than two seconds hold four of.
    assert edges.pop("sync.top1_interval") is None
    assert edges.pop("sync.base_score_interval") is None
    assert edges.pop("sync.base_real_score_interval") is None
    assert edges.pop("sync.real_top1_interval") is None
    assert edges.pop("mouth.silence_digital_interval") is None  # nor do so few silent frames
    assert all(edges.values()), edges
    for key, edge in edges.items():
        assert edge[0] <= edge[1]
        assert key.removesuffix(INTERVAL) in flat
    for key in ("mouth.correlation", "mouth.correlation_shifted", "copy.correlation"):
        assert -1 <= flat[key] <= 1
    assert abs(flat["sync.offset"]) <= 15
    for key, value in found["copy"].items():  # which is what this motion network does
        assert (found["mouth"] | found["picture"])[key] == value
    assert found["held_out"]["frames"] == HELD_OUT
    assert found["held_out"]["shifts"] == 3
    assert 0 < found["held_out"]["sync_windows"] <= HELD_OUT - 4
    assert found["held_out"]["silent_frames"] >= 10
    assert flat["margin.psnr_region_over_copy"] == 0
    difference = flat["mouth.correlation"] - flat["ridge.correlation"]
    assert flat["margin.correlation_over_ridge"] == pytest.approx(difference, abs=2e-3)
    assert "official" not in found


def test_the_three_questions_are_apart(project: Path) -> None:
    """The motion network knows nothing, and the face is right all the same."""
    found = json.loads((project / "metrics/alice/evaluation/details.json").read_text())
    assert found["face"]["correlation"] > 0.9
    assert found["face"]["psnr_region"] > 25
    assert 0 < found["face"]["psnr_mask"] <= found["face"]["psnr_region"]
    assert found["expression"]["opening_r"] == found["expression"]["spread"] == 0
    # An untrained refiner changes nothing.
    assert found["retrieval"]["psnr_region"] == pytest.approx(found["face"]["psnr_region"], abs=0.3)
    assert abs(found["margin"]["sharpness_over_retrieval"]) < 0.05


def test_pictures_and_curves_are_written(project: Path) -> None:
    folder = project / "metrics" / "alice" / "evaluation"
    assert sorted(path.name for path in folder.iterdir()) == [
        "comparison.mp4",
        "contact_sheet.png",
        "details.json",
        "mouth_opening.csv",
        "mouth_opening.png",
        "shifted_speech.csv",
        "sync_offsets.csv",
        "sync_offsets.png",
    ]
    video = probe(folder / "comparison.mp4")
    assert (video.width, video.height, video.frames, video.has_sound) == (960, 500, HELD_OUT, True)
    sheet = cv2.imread(str(folder / "contact_sheet.png"))
    assert sheet.shape[:2] == (3 * (SIZE + LABEL), 8 * SIZE)
    with (folder / "mouth_opening.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == HELD_OUT
    assert float(rows[0]["seconds"]) == pytest.approx((FRAMES - HELD_OUT + 0.5) / FPS)
    assert 0 <= float(rows[10]["real"]) < 1
    assert 0 < float(rows[10]["ridge"]) < 0.3
    assert all(0 <= float(row[name]) < 1 for row in rows for name in ("rendered", "filmed"))
    with (folder / "shifted_speech.csv").open() as file:
        assert [abs(float(row["correlation"])) <= 1 for row in csv.DictReader(file)] == [True] * 3


def test_held_out_sound_goes_with_held_out_pictures(project: Path) -> None:
    heard = read_audio(project / "metrics" / "alice" / "evaluation" / "comparison.mp4")
    whole = read_audio(project / "data" / "alice" / "speech.wav")
    part = whole[sample_count(FRAMES - HELD_OUT, FPS, RATE) :]
    assert len(heard) == pytest.approx(len(part), abs=2048)  # AAC writes whole frames
    length = min(len(heard), len(part))
    assert np.corrcoef(heard[:length], part[:length])[0, 1] > 0.95


def test_same_input_same_figures(project: Path, root: Path) -> None:
    folder = project / "metrics" / "alice"
    names = ("evaluation.json", "evaluation/mouth_opening.csv", "evaluation/contact_sheet.png")
    before = [(folder / name).read_bytes() for name in names]
    run(project, root, "evaluate")
    assert [(folder / name).read_bytes() for name in names] == before


def test_the_published_syncnet_is_asked_where_its_weights_are_given(
    project: Path, root: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    shutil.copytree(project, folder)
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["split"]["validation"] = 24 / FRAMES
    params["evaluate"] = {"shifts": 1, "shifted_frames": 10, "official_syncnet": "weights.model"}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(LipsyncError, match=r"evaluate\.official_syncnet: weights\.model: no such"):
        run(folder, root, "evaluate")
    torch.save(published_state(), folder / "weights.model")
    run(folder, root, "evaluate")
    found = json.loads((folder / "metrics/alice/evaluation/details.json").read_text())["official"]
    for prefix in ("", "real_"):
        assert found[f"{prefix}lse_d"] > 0
        assert found[f"{prefix}lse_c"] >= 0
        assert abs(found[f"{prefix}offset"]) <= 15
        assert found[f"{prefix}lse_d{INTERVAL}"] is None  # of a second
    assert found["lse_d"] != found["real_lse_d"]
