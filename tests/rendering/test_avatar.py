"""Loading an avatar folder, and what is said of one that is damaged."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.media.audio import write_wav
from lipsync.rendering.avatar import FILES, Avatar, load_avatar, sha256
from tests.tiny_avatar import (
    DIMENSION,
    FRAMES,
    FUTURE,
    GREYS,
    LOUD,
    PAST,
    SIZE,
    WIDEST,
    write_tiny_avatar,
)


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(folder, tmp_path / "copy")


def refusal(folder: Path) -> str:
    with pytest.raises(LipsyncError) as caught:
        load_avatar(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    return message


def change_info(folder: Path, **values: object) -> None:
    path = folder / "avatar.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_what_was_written_is_loaded(avatar: Avatar):
    assert (avatar.info.person, avatar.info.frames, avatar.info.crop_size) == ("tiny", FRAMES, SIZE)
    assert avatar.film.boxes.shape == (FRAMES, 4)
    assert avatar.film.valid.sum() == FRAMES - 1
    assert len(avatar.film.track) == len(avatar.film.light) == len(avatar.voice) == FRAMES
    greys = [round(float(picture.mean())) for picture in avatar.exemplars.pictures]
    assert greys == list(GREYS)
    assert avatar.shape.n_components == avatar.exemplars.expression.shape[1] == 2


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_it_predicts_expressions_of_any_number_of_windows(avatar: Avatar, batch: int):
    speech = np.zeros((batch, PAST + 1 + FUTURE, DIMENSION), np.float32)
    speech[:, PAST] = np.linspace(0, LOUD, batch)[:, None]
    found = avatar.express(speech)
    wanted = np.stack([np.linspace(0, WIDEST, batch), np.zeros(batch)], axis=1)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_folder_that_is_missing_or_no_avatar(tmp_path: Path):
    assert "no avatar there" in refusal(tmp_path / "nobody")
    assert "no avatar there" in refusal(tmp_path)


def test_info_that_is_no_json_or_of_another_version(copy: Path):
    change_info(copy, format="lipsync-avatar-9")
    assert "not an avatar of this version (format" in refusal(copy)
    change_info(copy, format="lipsync-avatar-4", past=-1)
    assert "(past: " in refusal(copy)
    (copy / "avatar.json").write_text("{")
    assert "not an avatar of this version" in refusal(copy)


def test_an_avatar_of_format_2_has_to_be_exported_again(copy: Path):
    change_info(copy, format="lipsync-avatar-2", person="alice")
    message = refusal(copy)
    assert "of format 2" in message
    assert "`dvc repro export@alice`" in message


def test_two_avatars_mixed(copy: Path, tmp_path: Path):
    other = write_tiny_avatar(tmp_path / "other", drift=3)
    for name in ("geometry.npz", "avatar.json"):
        kept = (copy / name).read_bytes()
        shutil.copy(other / name, copy)
        assert "geometry.npz: damaged, or of another avatar" in refusal(copy)
        (copy / name).write_bytes(kept)
    load_avatar(copy)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_missing_or_flipped(copy: Path, name: str):
    path = copy / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert f"{name}: damaged" in refusal(copy)
    path.unlink()
    assert f"{name}: No such file" in refusal(copy)


def test_files_that_do_not_fit_the_info(copy: Path):
    for values in (
        {"past": 5},
        {"crop_size": 96},
        {"frames": FRAMES + 1},
        {"n_components": 3},
        {"exemplars": 5},
    ):
        kept = (copy / "avatar.json").read_text()
        change_info(copy, **values)
        assert "does not fit" in refusal(copy)
        (copy / "avatar.json").write_text(kept)


def test_geometry_that_numpy_cannot_read(copy: Path):
    (copy / "geometry.npz").write_bytes(b"PK nonsense")
    info = json.loads((copy / "avatar.json").read_text())
    sums = {**info["sha256"], "geometry.npz": sha256(copy / "geometry.npz")}
    change_info(copy, sha256=sums)
    assert "geometry.npz: damaged" in refusal(copy)


def test_rendering_needs_none_of_the_training_environment(folder: Path, tmp_path: Path):
    write_wav(tmp_path / "speech.wav", np.zeros(1600, np.float32))
    script = f"""
import sys
from lipsync.rendering.avatar import load_avatar
from lipsync.rendering.render import render
render(load_avatar({str(folder)!r}), {str(tmp_path / "speech.wav")!r}, "out.mp4")
heavy = {{"torch", "torchvision", "dvc", "dvclive", "ai_edge_litert", "onnx", "matplotlib"}}
print(sorted(heavy & set(sys.modules)))
"""
    command = (sys.executable, "-c", script)
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    assert (tmp_path / "out.mp4").stat().st_size > 1000
