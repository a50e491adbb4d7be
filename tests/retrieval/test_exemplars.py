"""Exemplars: what is chosen, and their file."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from lipsync.errors import LipsyncError
from lipsync.retrieval.exemplars import (
    Exemplars,
    choose_exemplars,
    pack_pictures,
    read_exemplars,
    write_exemplars,
)
from tests.retrieval.person import exemplars, material, pattern


def test_those_that_are_chosen_cover_all():
    draw = np.random.default_rng(0)
    crowd, outliers = draw.normal(0, 0.1, (200, 3)), np.eye(3) * 10
    keys = np.concatenate([crowd, outliers])
    chosen = choose_exemplars(keys, 8)
    assert len(set(chosen.tolist())) == 8
    assert (np.diff(chosen) > 0).all()
    assert {200, 201, 202} <= set(chosen.tolist())
    some = draw.choice(len(keys), 8, replace=False)

    def reach(numbers: np.ndarray) -> float:
        return float(np.linalg.norm(keys[:, None] - keys[numbers], axis=2).min(1).max())

    assert reach(chosen) < 0.5 < reach(some)
    np.testing.assert_array_equal(choose_exemplars(keys, 500), np.arange(203))


@pytest.fixture
def known() -> Exemplars:
    return exemplars(material(np.array([[0.0, 0], [1, 0.5], [2, -1]])))


def test_what_was_written_is_read(known: Exemplars, tmp_path: Path):
    path = tmp_path / "exemplars.npz"
    write_exemplars(path, known)
    first = path.read_bytes()
    found = read_exemplars(path)
    assert len(found) == 3
    for field in fields(Exemplars):
        if field.name != "pictures":
            wanted = getattr(known, field.name)
            np.testing.assert_array_equal(getattr(found, field.name), wanted)
    for mine, theirs in zip(found.pictures, known.pictures, strict=True):
        assert mine.shape == theirs.shape
        assert np.abs(mine.astype(int) - theirs).mean() < 2  # JPEG
    write_exemplars(path, known)
    assert path.read_bytes() == first


def test_pictures_are_compressed_as_far_as_they_have_to_be():
    pictures = [pattern()] * 4
    best = sum(map(len, pack_pictures(pictures, 10_000_000)))
    less = sum(map(len, pack_pictures(pictures, best * 2 // 3)))
    assert less <= best * 2 // 3
    assert less > best / 4  # and no further
    with pytest.raises(LipsyncError, match=r"generator\.exemplars: 4 pictures .* smaller number"):
        pack_pictures(pictures, best // 100)


def test_a_file_that_is_missing_damaged_or_of_another_version(known: Exemplars, tmp_path: Path):
    path = tmp_path / "exemplars.npz"
    with pytest.raises(LipsyncError, match=r"exemplars\.npz: no such file"):
        read_exemplars(path)
    write_exemplars(path, known)
    with np.load(path) as archive:
        arrays = dict(archive)
    for change, problem in (
        ({"format": 9}, "of another version"),
        ({"jpeg": np.zeros_like(arrays["jpeg"])}, "damaged"),
        ({"lengths": arrays["lengths"][:0]}, "damaged"),
    ):
        np.savez(path, **arrays | change)
        with pytest.raises(LipsyncError, match=problem) as caught:
            read_exemplars(path)
        assert "\n" not in str(caught.value)
    path.write_bytes(b"PK nonsense")
    with pytest.raises(LipsyncError, match="damaged"):
        read_exemplars(path)
