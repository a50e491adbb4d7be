"""What may be given to `lipsync add`, and which names become of it."""

import json
from pathlib import Path

import pytest

from lipsync.errors import LipsyncError
from lipsync.params import check_name
from lipsync.people.naming import name_from, numbered
from lipsync.people.sources import Source, read_sources


def test_a_folder_gives_its_videos_in_order(tmp_path):
    for name in ("b.mov", "a.MP4", "speech.wav", "notes.md"):
        (tmp_path / name).touch()
    (tmp_path / "below.mp4").mkdir()
    assert read_sources([tmp_path]) == [Source(tmp_path / "a.MP4"), Source(tmp_path / "b.mov")]


def test_no_camcorders_file_is_lost_from_a_folder(tmp_path, capsys):
    taken = ["a.mts", "b.M2TS", "c.flv", "d.ogv", "e.mxf", "f.vob", "g.asf"]
    left = ["h.rmvb", "i.mp4 (1)", "j.mov.crdownload"]
    others = ["a.mts.dvc", "notes.txt", "picture.jpg", "speech.wav", "._k.rmvb", "a.mts.xml"]
    for name in (*taken, *left, *others):
        (tmp_path / name).touch()
    assert [source.path.name for source in read_sources([tmp_path])] == taken
    assert capsys.readouterr().err == (
        f"warning: {tmp_path}: not taken for videos by their names, and left out: "
        f"{', '.join(left)}; rename or convert them, or give them one by one\n"
    )


def test_a_line_that_is_a_file_is_no_name(tmp_path):
    (tmp_path / "my clip.rmvb").touch()
    (tmp_path / "people.txt").write_text("my clip.rmvb\nmy clip.mts\nmy.rmvb clip\n")
    found = [(one.path.name, one.name) for one in read_sources([tmp_path / "people.txt"])]
    assert found == [("my clip.rmvb", None), ("my clip.mts", None), ("my.rmvb", "clip")]


def test_a_list_gives_paths_and_names(tmp_path):
    lines = tmp_path / "people.txt"
    lines.write_text(
        "# everybody\n\nraw/take 1.mp4 anna  # twice\nraw/take 2.mov\n/else/take#3.mp4\tbert\n"
    )
    assert read_sources([lines], encoder="ave") == [
        Source(tmp_path / "raw/take 1.mp4", "anna", "ave", f"{lines} line 3"),
        Source(tmp_path / "raw/take 2.mov", None, "ave", f"{lines} line 4"),
        Source(Path("/else/take#3.mp4"), "bert", "ave", f"{lines} line 5"),
    ]


def test_json_gives_encoders_too(tmp_path):
    manifest = tmp_path / "people.json"
    videos = [{"path": "a.mp4", "name": "anna", "encoder": "hubert"}, {"path": "b.mp4"}]
    manifest.write_text(json.dumps({"videos": videos}))
    assert read_sources([manifest, Path("c.mp4")], encoder="mel") == [
        Source(tmp_path / "a.mp4", "anna", "hubert", f"{manifest} videos[0]"),
        Source(tmp_path / "b.mp4", None, "mel", f"{manifest} videos[1]"),
        Source(Path("c.mp4"), None, "mel"),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"videos": [{"path": "a.mp4", "nam": "a"}]}',
         "videos[0].nam: unknown key; it should be "),
        ('{"video": []}', "videos: field required"),
        ('{"videos": [], "people": []}', "people: unknown key; it should be "),
        ('{"videos": [{"name": "a"}]}', "videos[0].path: field required"),
        ('["a.mp4"]', "content: "),
        ('{"videos": [', "not valid JSON: "),
        ('{"videos": []}', "no video in there"),
    ],
)  # fmt: skip
def test_a_wrong_json_is_one_line_that_says_what_is_legal(tmp_path, content, said):
    manifest = tmp_path / "people.json"
    manifest.write_text(content)
    with pytest.raises(LipsyncError) as caught:
        read_sources([manifest])
    assert str(caught.value).startswith(f"{manifest}: {said}")
    assert "\n" not in str(caught.value)


def test_one_name_is_for_one_video(tmp_path):
    assert read_sources([Path("a.mp4")], name="anna") == [Source(Path("a.mp4"), "anna")]
    with pytest.raises(LipsyncError, match=r"--name anna: is for one video, here are 2"):
        read_sources([Path("a.mp4"), Path("b.mp4")], name="anna")
    with pytest.raises(LipsyncError, match=r"list\.txt: cannot be read: No such file"):
        read_sources([tmp_path / "list.txt"])


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("anna.mp4", "anna"),
        ("Zoë Müller-2.final.MOV", "zoe_muller-2_final"),
        ("__x__.mp4", "x"),
        ("3D.mp4", "3d"),
    ],
)
def test_a_file_names_its_person(file, name):
    assert name_from(Path("somewhere") / file) == name


@pytest.mark.parametrize("file", ["写真.mp4", "---.mp4", "Videos.mp4"])
def test_a_file_that_names_nobody_is_refused(file):
    with pytest.raises(LipsyncError, match="give"):
        name_from(Path(file))


@pytest.mark.parametrize("name", ["Anna", "a b", "", "-a", "ä", "a.b", "a/b", "face"])
def test_a_given_name_is_taken_as_it_is_or_refused(name):
    with pytest.raises(LipsyncError, match=f"^name {name}: "):
        check_name(name, f"name {name}")
    assert check_name("a-1_b", "") == "a-1_b"


def test_long_names_are_cut_and_numbers_fit_in():
    name = name_from(Path("l" * 240 + ".mp4"))
    assert name == "l" * 64
    assert check_name(name, "") == name
    assert numbered(name, {name}) == "l" * 62 + "_2"
    assert numbered("a", {"b"}) == "a"
    assert numbered("a", {"a", "a_2"}) == "a_3"
    with pytest.raises(LipsyncError, match="up to 64 lower-case letters"):
        check_name("l" * 65, "name")


@pytest.mark.parametrize("file", ["CON.mp4", "aux.mov", "com1.mp4", "base.mp4"])
def test_names_of_devices_and_folders_are_refused(file):
    with pytest.raises(LipsyncError, match="give another"):
        name_from(Path(file))
