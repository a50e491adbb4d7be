"""The command line answers quickly and in people's words."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from lipsync.faces.params import CropParams
from lipsync.generator.params import GeneratorParams, LossWeights
from lipsync.params import load_params
from lipsync.presets import PRESETS


def python(code: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, **options)


def lipsync(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return python(f"from lipsync.cli import app; app({list(arguments)!r})", cwd=cwd)


def test_help_loads_nothing_heavy():
    heavy = "{'torch', 'librosa', 'matplotlib', 'dvc', 'onnxruntime', 'cv2', 'av', 'numpy'}"
    result = python(f"import sys, lipsync.cli; print(sorted({heavy} & set(sys.modules)))")
    assert result.stdout.strip() == "[]", result.stderr


def test_help_lists_the_commands():
    result = python("from lipsync.cli import app; app(['--help'])")
    assert "summary" in result.stdout
    assert result.returncode == 0


def test_a_missing_params_file_is_one_line(tmp_path):
    result = python("from lipsync.cli import app; app(['summary'])", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "params.yaml: no such file" in result.stderr


def test_a_person_not_yet_evaluated_is_told_what_to_run(tmp_path, root):
    (tmp_path / "params.yaml").write_text((root / "params.yaml").read_text())
    result = python("from lipsync.cli import app; app(['summary'])", cwd=tmp_path)
    assert result.returncode == 1
    assert "run `dvc repro`" in result.stderr


@pytest.fixture
def params(tmp_path, root) -> Path:
    """A copy of params.yaml."""
    return Path(shutil.copy(root / "params.yaml", tmp_path))


def test_quick_is_what_the_project_ships(params):
    before = params.read_bytes()
    result = lipsync("preset", "quick", cwd=params.parent)
    assert result.returncode == 0, result.stderr
    assert "is quick already" in result.stdout
    assert params.read_bytes() == before


def test_presets_follow_each_other_and_keep_every_comment(params):
    before = params.read_text()
    result = lipsync("preset", "production", cwd=params.parent)
    assert "crop.size: 160 -> 224" in result.stdout
    assert load_params(params).for_person("speaker")[CropParams].size == 224
    comments = [line.partition("#")[2] for line in before.splitlines()]
    assert [line.partition("#")[2] for line in params.read_text().splitlines()] == comments
    assert lipsync("preset", "max", cwd=params.parent).returncode == 0
    assert load_params(params).for_person("speaker")[CropParams].size == 256
    assert lipsync("preset", "quick", cwd=params.parent).returncode == 0
    assert YAML().load(params.read_text()) == YAML().load(before)


def test_a_preset_weighs_all_losses_as_the_defaults_do(params):
    text = params.read_text()
    params.write_text(
        text.replace("temporal: 0.5", "temporal: 0").replace("mouth: 1.0", "mouth: 0")
    )
    assert params.read_text() != text
    lipsync("preset", "production", cwd=params.parent)
    losses = load_params(params).for_person("speaker")[GeneratorParams].losses
    assert losses == LossWeights()
    assert losses.mouth > 0


def test_presets_name_the_same_keys():
    def keys(values: dict) -> set:
        return {
            (key, *below)
            for key, value in values.items()
            for below in (keys(value) if isinstance(value, dict) else {()})
        }

    first, *others = (keys(preset.values) for preset in PRESETS.values())
    assert all(other == first for other in others)


def test_an_unknown_preset_is_one_line(params):
    before = params.read_bytes()
    result = lipsync("preset", "huge", cwd=params.parent)
    assert result.returncode == 1
    assert result.stderr == (
        "lipsync preset: preset huge: there is none; there are: quick, production, max\n"
    )
    assert params.read_bytes() == before
