"""geometry.npz comes back as it was written, or says in one line what is wrong."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.geometry.fit import fit_shape_model, fit_track
from lipsync.geometry.model import ShapeModel, Track
from lipsync.geometry.storage import read_geometry, write_geometry
from tests.geometry import head


@pytest.fixture(scope="module")
def geometry() -> tuple[ShapeModel, Track]:
    points, _ = head.recording(100, degrees=10)
    points[7] = np.nan
    valid = np.arange(100) != 7
    model = fit_shape_model(points, np.flatnonzero(valid), n_components=6)
    return model, fit_track(points, valid, model, fps=25, smoothing=0.16)


def test_everything_comes_back(geometry: tuple[ShapeModel, Track], tmp_path: Path) -> None:
    write_geometry(tmp_path / "geometry.npz", *geometry)
    for written, read in zip(geometry, read_geometry(tmp_path / "geometry.npz"), strict=True):
        for field in fields(written):
            there, back = getattr(written, field.name), getattr(read, field.name)
            np.testing.assert_array_equal(back, there)
            assert back.dtype == there.dtype
    model, track = read_geometry(tmp_path / "geometry.npz")
    assert model.n_components == 6
    assert len(track) == 100
    assert model.triangles.dtype == np.int32
    write_geometry(tmp_path / "again.npz", model, track)
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "geometry.npz").read_bytes()


def refusal(path: Path) -> str:
    with pytest.raises(LipsyncError) as error:
        read_geometry(path)
    line = str(error.value)
    assert line.startswith(f"{path}: ")
    assert line.endswith("run `dvc repro`")
    assert "\n" not in line
    return line


def test_missing_damaged_and_ill_fitting_files_are_named(
    geometry: tuple[ShapeModel, Track], tmp_path: Path
) -> None:
    path = tmp_path / "geometry.npz"
    assert "no such file" in refusal(path)
    path.write_bytes(b"PK nonsense")
    assert "damaged" in refusal(path)
    model, track = geometry
    write_geometry(path, model, track)
    path.write_bytes(path.read_bytes()[:-500])
    assert "damaged" in refusal(path)
    np.savez(path, mean=model.mean)
    assert "damaged" in refusal(path)
    write_geometry(path, model, replace(track, expression=track.expression[:, :5]))
    assert "damaged: expression has shape (100, 5), not (100, 6)" in refusal(path)
