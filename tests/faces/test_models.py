"""The models are taken out of the wheel only when they are what they should be."""

import zipfile
from pathlib import Path

import pytest

from lipsync.errors import LipsyncError
from lipsync.faces import models


def wheel_of(path: Path, contents: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def true_contents(folder: Path) -> dict[str, bytes]:
    return {path: (folder / name).read_bytes() for name, (path, _) in models.SOURCES.items()}


def test_fetched_models_carry_a_licence_note(face_models: Path, tmp_path: Path) -> None:
    contents = true_contents(face_models)
    models.unpack(wheel_of(tmp_path / "a.whl", contents), tmp_path / "face")
    models.verify(tmp_path / "face")
    assert "Apache" in (tmp_path / "face" / "LICENSE.txt").read_text()


def test_wrong_checksum_writes_nothing(face_models: Path, tmp_path: Path) -> None:
    contents = true_contents(face_models)
    contents[models.SOURCES[models.MESH][0]] += b"!"
    with pytest.raises(LipsyncError, match=r"face_landmark\.tflite has SHA-256 .* expected 1055cb"):
        models.unpack(wheel_of(tmp_path / "a.whl", contents), tmp_path / "face")
    assert not (tmp_path / "face").exists()


def test_wheel_without_the_models_is_named(tmp_path: Path) -> None:
    with pytest.raises(LipsyncError, match=r"later\.whl: no face model"):
        models.unpack(wheel_of(tmp_path / "later.whl", {"x": b""}), tmp_path / "face")


def test_no_index_gives_pips_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(LipsyncError, match=r"mediapipe==.*cannot download.*No matching") as caught:
        models.download_wheel(tmp_path)
    assert "\n" not in str(caught.value)


def test_missing_model_names_the_stage_to_run(tmp_path: Path) -> None:
    with pytest.raises(LipsyncError, match="dvc repro fetch_face_models"):
        models.verify(tmp_path)
