"""The avatar folder appears whole, or not at all."""

from dataclasses import replace
from pathlib import Path

import pytest

from lipsync.errors import LipsyncError
from lipsync.export.avatar import Parts, atomic_folder, write_avatar
from lipsync.rendering.avatar import FILES, load_avatar
from tests.tiny_avatar import write_tiny_avatar


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_all_files_and_the_same_bytes_again(tmp_path: Path):
    folder = write_tiny_avatar(tmp_path / "avatar")
    first = contents(folder)
    assert sorted(first) == sorted(["avatar.json", *FILES])
    assert contents(write_tiny_avatar(tmp_path / "avatar")) == first
    assert str(tmp_path).encode() not in b"".join(first.values())


def test_an_old_avatar_is_replaced_whole_and_kept_on_an_error(tmp_path: Path):
    folder = write_tiny_avatar(tmp_path / "avatar")
    (folder / "left over").touch()
    avatar = load_avatar(folder)
    lost = replace(avatar.film, path=tmp_path / "gone.mp4")
    parts = Parts(b"", b"", folder / "exemplars.npz", tmp_path / "models")
    with pytest.raises(LipsyncError, match=r"gone\.mp4"):
        write_avatar(folder, avatar.info, parts, avatar.shape, lost, avatar.voice)
    assert (folder / "left over").exists()
    load_avatar(folder)
    write_tiny_avatar(folder)
    assert not (folder / "left over").exists()
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["avatar", "avatar.mp4", "avatar.npz", "models"]


def test_any_error_within_leaves_nothing(tmp_path: Path):
    def fail(folder: Path) -> None:
        with atomic_folder(folder) as temporary:
            (temporary / "file").touch()
            raise KeyError

    with pytest.raises(KeyError):
        fail(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(LipsyncError, match="cannot write"),
        atomic_folder(tmp_path / "file" / "avatar"),
    ):
        pass
