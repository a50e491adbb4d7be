"""Names from a browser are looked up in what there is; no path is made of them."""

import shutil

import pytest

from lipsync.errors import LipsyncError
from lipsync.ui.library import Library
from lipsync.ui.settings import Settings

NASTY = ["../tiny", "/etc", "models/alice/avatar", "", ".", "alice/../alice", None, ["alice"], 3]


@pytest.fixture
def library(tmp_path, tiny_folder):
    for name in ("bob", "alice"):
        shutil.copytree(tiny_folder, tmp_path / f"models/{name}/avatar")
    (tmp_path / "models/carol/avatar").mkdir(parents=True)  # not exported yet
    shutil.copytree(tiny_folder, tmp_path / "more/zoe")
    shutil.copytree(tiny_folder, tmp_path / "more/alice/avatar")
    shutil.copytree(tiny_folder, tmp_path / "one")
    (tmp_path / "params.yaml").write_text(
        "epochs: 1\nseed: 1\npeople: {bob: {video: b.mp4}, alice: {video: data/videos/alice.mp4}}\n"
    )
    return Library(Settings(tmp_path, (tmp_path / "more", tmp_path / "one")))


def test_avatars_of_the_project_and_of_further_folders(library, tmp_path):
    found = library.avatars()
    assert {name: folder.relative_to(tmp_path).as_posix() for name, folder in found.items()} == {
        "alice": "models/alice/avatar",
        "bob": "models/bob/avatar",
        "zoe": "more/zoe",
        "alice (2)": "more/alice/avatar",
        "one": "one",
    }
    assert library.avatar("alice (2)") == tmp_path / "more/alice/avatar"
    shutil.copytree(tmp_path / "one", tmp_path / "models/carol/avatar", dirs_exist_ok=True)
    assert "carol" in library.avatars()


@pytest.mark.parametrize("name", NASTY)
def test_a_name_that_is_none_is_refused(library, name):
    with pytest.raises(LipsyncError, match=r"avatar: choose one of .*alice, bob"):
        library.avatar(name)
    with pytest.raises(LipsyncError, match=r"person: choose one of .*bob, alice"):
        library.person(name)


def test_people_stand_in_params_yaml(library, tmp_path):
    assert library.people() == ["bob", "alice"]
    assert library.person("alice") == "alice"
    (tmp_path / "params.yaml").write_text("people: []\n")
    with pytest.raises(LipsyncError, match="name at least one person"):
        library.people()
    (tmp_path / "params.yaml").unlink()
    assert library.people() == []
