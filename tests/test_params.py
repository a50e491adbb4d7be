"""params.yaml: what is refused, and in which words."""

import pytest
import yaml

from lipsync.errors import LipsyncError
from lipsync.faces.params import CropParams
from lipsync.generator.params import GeneratorParams
from lipsync.params import Section, load_params, sections
from lipsync.syncnet.params import SyncNetParams
from lipsync.training.params import Epochs


@pytest.fixture
def write(root, tmp_path):
    """Write the project's params.yaml with changes; returns its path."""

    def changed(**changes):
        values = yaml.safe_load((root / "params.yaml").read_text())
        for key, value in changes.items():
            *parents, last = key.split("__")
            section = values
            for parent in parents:
                section = section.setdefault(parent, {})
            section[last] = value
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(values))
        return path

    return changed


def refused(path) -> str:
    with pytest.raises(LipsyncError) as error:
        load_params(path)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message


def test_the_projects_own_file_is_whole(root):
    """Every default of a section is written out in params.yaml, so that people can see it."""
    values = yaml.safe_load((root / "params.yaml").read_text())
    params = load_params(root / "params.yaml").for_person("speaker")
    for key, written in values.items():
        if key != "people":
            assert params.dump(key) == written, key


def test_an_unknown_key_lists_the_legal_ones(write):
    message = refused(write(crop__sise=160))
    assert "crop.sise: unknown key; legal keys: size, smoothing" in message


def test_an_unknown_nested_key_lists_the_legal_ones(write):
    message = refused(write(generator__losses__l2=1.0))
    assert "generator.losses.l2: unknown key; legal keys: l1, mouth" in message


def test_an_unknown_section_lists_the_legal_ones(write):
    message = refused(write(epocs=3))
    assert "epocs: unknown key" in message
    assert "epochs" in message


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("epochs", -1, "epochs: input should be greater than or equal to 0"),
        ("epochs", "many", "epochs: input should be a valid integer"),
        ("crop__size", 150, "crop.size"),
        ("split__validation", 1.5, "split.validation: input should be less than 0.9"),
        (
            "compute__device",
            "tpu",
            "compute.device: input should be 'auto', 'cpu', 'cuda' or 'mps'",
        ),
        ("generator__losses__l1", -1, "generator.losses.l1: input should be greater than or equal"),
    ],
)
def test_an_ill_typed_value_is_explained(write, key, value, words):
    message = refused(write(**{key: value}))
    assert words in message
    assert repr(value) in message


def test_numbers_that_yaml_reads_as_text_are_numbers(write):
    """`dvc exp run -S generator.learning_rate=1e-5` writes 1e-05, text to a YAML 1.1 reader."""
    path = write(generator__learning_rate="1e-05", epochs="200")
    params = load_params(path).for_person("speaker")
    assert params[GeneratorParams].learning_rate == 1e-5
    assert params[Epochs].root == 200


def test_a_persons_overrides_win_and_touch_nobody_else(write):
    path = write(
        people={
            "alice": {"video": "a.mp4", "crop": {"smoothing": 2.0}, "epochs": 7},
            "bob": {"video": "b.mp4"},
        }
    )
    params = load_params(path)
    alice, bob = params.for_person("alice"), params.for_person("bob")
    assert (alice[CropParams].smoothing, alice[Epochs].root) == (2.0, 7)
    assert alice[CropParams].size == bob[CropParams].size
    assert bob[CropParams].smoothing == 0.5
    assert alice[SyncNetParams] == bob[SyncNetParams]


def test_a_wrong_override_is_found_at_once(write):
    path = write(people={"alice": {"video": "a.mp4", "crop": {"sizes": 320}}})
    assert "crop.sizes: unknown key" in refused(path)


@pytest.mark.parametrize(
    ("people", "words"),
    [
        ({}, "people: missing"),
        ({"alice": {}}, "people.alice.video: missing"),
        ({"Al ice": {"video": "a.mp4"}}, "not a usable name"),
        ({"alice": {"video": "a.mp4", "vide": 1}}, "people.alice.vide: unknown key"),
    ],
)
def test_people_are_checked(write, people, words):
    assert words in refused(write(people=people))


def test_a_person_that_is_not_there_is_named_with_those_that_are(root):
    with pytest.raises(LipsyncError, match=r"people\.bob: no such person; there are: speaker"):
        load_params(root / "params.yaml").for_person("bob")


def test_broken_yaml_names_the_line(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("people:\n  a: {video: [}\n")
    assert "not valid YAML in line 2" in refused(path)


ENTRY = "people: {alice: {video: a.mp4}}\nepochs: 1\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty; `git checkout "),
        (b"# nobody\n", "is empty"),
        (ENTRY.encode("utf-16"), "is not UTF-8"),
        ("people: {alice: {video: zo\xeb.mp4}}\n".encode("latin-1"), "is not UTF-8"),
        (ENTRY.encode() + b"epochs: 2\n", "epochs: is there twice, in line 3 again"),
        (b"people:\n  alice: {video: a}\n  alice: {video: b}\n", "people.alice: is there twice"),
        (b"people:\n  1e3: {video: a.mp4}\n", "people.1e3: DVC reads it as a number"),
        (b"<<<<<<< HEAD\n" + ENTRY.encode(), "not valid YAML in line 2"),
        (b"people:\n\talice: {video: a.mp4}\n", "not valid YAML in line 2"),
        (b"people: &p {alice: *p}\n", "people.alice.video: missing"),
    ],
)
def test_a_file_that_readers_of_yaml_understand_differently_is_refused(tmp_path, content, words):
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    assert words in refused(path)


def test_a_folder_in_its_place_is_one_line(tmp_path):
    (tmp_path / "params.yaml").mkdir()
    assert "cannot be read: Is a directory" in refused(tmp_path / "params.yaml")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_marks_and_line_ends_of_other_systems_change_nothing(root, tmp_path, encoding, newline):
    text = (root / "params.yaml").read_text()
    path = tmp_path / "params.yaml"
    path.write_bytes(text.replace("\n", newline).encode(encoding))
    params, original = load_params(path), load_params(root / "params.yaml")
    assert params.people == original.people
    for key in sections():
        assert params.shared().dump(key) == original.shared().dump(key)


def test_a_deleted_key_changes_nothing(root):
    """The defaults in the code are those of params.yaml."""
    values = yaml.safe_load((root / "params.yaml").read_text())
    for key, section in sections().items():
        if issubclass(section, Section):
            assert section().model_dump(mode="json") == values[key], key


def test_overrides_reach_any_depth(write):
    path = write(
        generator__losses__l1=3.0,
        people={"alice": {"video": "a.mp4", "generator": {"losses": {"sync": 0.5}}}},
    )
    losses = load_params(path).for_person("alice")[GeneratorParams].losses
    assert (losses.l1, losses.sync) == (3.0, 0.5)


@pytest.mark.parametrize(("section", "key"), [("render", "speech"), ("crop", "size")])
def test_what_is_shared_cannot_be_overridden(write, section, key):
    path = write(people={"alice": {"video": "a.mp4", section: {key: 1}}})
    assert f"people.alice.{section}.{key}: is the same for everybody" in refused(path)


@pytest.mark.parametrize("name", ["base", "face", "pretrained", "shared", "speech", "videos"])
def test_folders_that_are_taken_are_no_names(write, name):
    assert f"people.{name}: is reserved" in refused(write(people={name: {"video": "a"}}))


@pytest.mark.parametrize(
    ("written", "offset"),
    [(None, "auto"), (0, 0), (-120, -120), ("80", 80), ("8e1", 80), ("auto", "auto")],
)
def test_an_audio_offset_is_milliseconds_or_auto(write, written, offset):
    entry = {"video": "a.mp4"} | ({} if written is None else {"audio_offset": written})
    alice = load_params(write(people={"alice": entry})).for_person("alice")
    assert alice.audio_offset == offset


@pytest.mark.parametrize("written", ["late", 1001, -1000.5, True, None, [1], ".nan"])
def test_another_audio_offset_is_refused(write, written):
    message = refused(write(people={"alice": {"video": "a.mp4", "audio_offset": written}}))
    assert (
        "people.alice.audio_offset: should be auto, or milliseconds from -1000 to 1000" in message
    )
    assert repr(written) in message


PAIR = {"alice": {"video": "a.mp4"}, "bob": {"video": "b.mp4"}}


def with_bob(**entries) -> dict:
    return PAIR | {"bob": {"video": "b.mp4"} | entries}


def test_a_syncnet_is_overridden_or_somebody_elses(write):
    def bob(syncnet):
        return load_params(write(people=with_bob(syncnet=syncnet))).for_person("bob")

    assert bob({"epochs": 3}).syncnet_of is None
    assert bob({"epochs": 3})[SyncNetParams].epochs == 3
    assert bob("alice").syncnet_of == "alice"
    assert bob("my/expert.safetensors").syncnet_of == "my/expert.safetensors"
    assert bob("alice")[SyncNetParams] == SyncNetParams()


@pytest.mark.parametrize("named", ["bob", "carol", "my/expert.pth"])
def test_a_syncnet_of_nobody_else_is_refused(write, named):
    message = refused(write(people=with_bob(syncnet=named)))
    assert f"people.bob.syncnet: {named}: should be another person (alice), the path" in message


def test_a_base_is_used_by_all_but_who_says_no(write):
    params = load_params(write(people=with_bob(base=False)))
    assert params.for_person("alice").base
    assert not params.for_person("bob").base


@pytest.mark.parametrize(
    ("entries", "teachers", "words"),
    [
        ({"base": "yes"}, ["alice"], "people.bob.base: should be true or false (found 'yes')"),
        ({"base": {"epochs": 3}}, ["alice"], "people.bob.base: should be true or false"),
        ({}, ["carol"], "base.people: carol: no such person; there are: alice, bob"),
        ({}, ["alice", "alice"], "base.people: alice: is there twice"),
        ({}, "alice", "base.people: input should be a valid tuple"),
    ],
)
def test_a_base_of_nobody_is_refused(write, entries, teachers, words):
    assert words in refused(write(people=with_bob(**entries), base__people=teachers))
