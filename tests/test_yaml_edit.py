"""Entries come and go; everything else of the file stays, to the byte."""

import pytest
import yaml

from lipsync.errors import LipsyncError
from lipsync.presets import write_preset
from lipsync.yaml_edit import with_entry, without_entries

TEXT = """\
# Everybody
people:
  # the first
  anna:
    video: a.mp4          # filmed in May
    generator: {epochs: 3}   # flow

  # the second: stays above bert
  bert:
    video: b.mp4

# Of the generator
epochs:   18
frames: {fps: 25}
"""
BERTA = {"video": "data/videos/c.mp4", "speech": {"encoder": "ave"}}
BERTA_LINES = """\
  berta:
    video: data/videos/c.mp4
    speech:
      encoder: ave
"""


def test_an_entry_comes_behind_the_others_and_before_what_follows():
    before, after = TEXT.split("\n# Of the generator")
    assert with_entry(TEXT, "people", "berta", BERTA) == (
        f"{before}{BERTA_LINES}\n# Of the generator{after}"
    )


def test_adding_and_removing_leaves_the_file_as_it_was():
    added = with_entry(TEXT, "people", "berta", BERTA)
    assert without_entries(added, "people", {"berta"}) == TEXT


def test_a_removed_entry_takes_its_own_lines_alone():
    anna = TEXT[TEXT.index("  anna") : TEXT.index("\n  # the second")]
    assert without_entries(TEXT, "people", {"anna"}) == TEXT.replace(anna, "")
    bert = TEXT[TEXT.index("  bert") : TEXT.index("\n# Of the generator")]
    assert without_entries(TEXT, "people", {"bert", "nobody"}) == TEXT.replace(bert, "")


@pytest.mark.parametrize(
    "text",
    [
        "people:\n    anna:\n        video: a.mp4\nepochs: 1\n",  # another indentation
        "epochs: 1\npeople:\n  anna:\n    video: a.mp4",  # the last lines, without an end
        "people: {anna: {video: a.mp4}}\nepochs: 1\n",
        "people:\r\n  anna:\r\n    video: a.mp4\r\nepochs: 1\r\n",
    ],
)
def test_other_layouts(text):
    added = with_entry(text, "people", "berta", BERTA)
    values = yaml.safe_load(text)
    assert yaml.safe_load(added) == values | {"people": values["people"] | {"berta": BERTA}}
    assert added.count("\r") in (0, added.count("\n"))
    assert yaml.safe_load(without_entries(added, "people", {"anna"}))["people"] == {"berta": BERTA}
    assert yaml.safe_load(without_entries(added, "people", {"berta"})) == values


@pytest.mark.parametrize("name", ["no", "on", "007", "1e5", "0x1f", "2026-11-21", "null"])
def test_names_stay_names(name):
    """YAML 1.1 takes them for booleans, numbers, dates."""
    people = yaml.safe_load(with_entry(TEXT, "people", name, BERTA))["people"]
    assert list(people) == ["anna", "bert", name]


def test_what_cannot_be_edited_is_one_line():
    with pytest.raises(LipsyncError, match=r"people\.anna: is there already"):
        with_entry(TEXT, "people", "anna", BERTA)
    with pytest.raises(LipsyncError, match="people: missing"):
        with_entry("epochs: 1\n", "people", "anna", BERTA)
    shared = "people:\n  anna: &a\n    video: a.mp4\n  bert: *a\n"
    with pytest.raises(LipsyncError, match="edit it by hand"):
        without_entries(shared, "people", {"anna"})


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_preset_keeps_the_files_line_ends_and_comments(root, tmp_path, ends):
    path = tmp_path / "params.yaml"
    before = (root / "params.yaml").read_text().replace("\n", ends)
    path.write_bytes(before.encode())
    assert ("epochs", 5, 40) in write_preset("production", path)
    after = path.read_bytes().decode()
    assert after.count("\n") == after.count(ends) == before.count(ends)
    assert after.count("#") == before.count("#")
