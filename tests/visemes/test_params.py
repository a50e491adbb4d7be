"""visemes/params.yaml: what is refused, and in which words."""

from pathlib import Path

import pytest
import yaml

from lipsync.errors import LipsyncError
from lipsync.params import sections
from lipsync.visemes.params import PARAMS_FILE, VisemeParams, load_viseme_params


@pytest.fixture
def values(root) -> dict:
    return yaml.safe_load((root / PARAMS_FILE).read_text())


def refused(tmp_path: Path, values: dict) -> str:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(LipsyncError) as error:
        load_viseme_params(path)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(str(path))
    return str(error.value)


def test_the_defaults_are_those_of_the_file_and_all_are_written_out(values):
    assert VisemeParams().model_dump(mode="json") == values


def test_they_are_no_sections_of_the_projects_own_params():
    assert not {"augment", "model", "train", "data"} & sections().keys()


@pytest.mark.parametrize(
    ("section", "key", "words"),
    [
        (None, "modle", "modle: unknown key; legal keys: augment, compute, data"),
        ("model", "lookahed", "model.lookahed: unknown key; legal keys: layers, channels"),
        ("train", "batch_size", "train.batch_size: unknown key; legal keys: learning_rate"),
    ],
)
def test_a_typo_names_the_legal_keys(tmp_path, values, section, key, words):
    (values[section] if section else values)[key] = 5
    assert words in refused(tmp_path, values)


@pytest.mark.parametrize(
    ("section", "key", "value", "words"),
    [
        ("model", "kernel", 1, "model.kernel: input should be greater than or equal to 2"),
        ("train", "schedule", "step", "train.schedule: input should be 'one_cycle', 'cosine' or"),
        ("augment", "snr", [30, 5], "augment: value error, snr should be [lowest, highest] in dB"),
        ("librispeech", "fetch", ["dev"], "librispeech.fetch.0: input should be 'dev-clean'"),
        ("loss", "kind", None, "loss.kind"),
    ],
)
def test_a_wrong_value_is_explained(tmp_path, values, section, key, value, words):
    values[section][key] = value
    assert words in refused(tmp_path, values)


def test_numbers_that_yaml_reads_as_text_are_numbers(tmp_path, values):
    values["train"]["learning_rate"] = "1e-05"
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(values))
    assert load_viseme_params(path).train.optimizer().learning_rate == 1e-5


def test_no_file_is_one_line(tmp_path):
    with pytest.raises(LipsyncError, match="no such file; run from the project's folder"):
        load_viseme_params(tmp_path / "none.yaml")
