"""visemes/dvc.yaml tells the truth; tests/test_dependencies.py compares its code."""

import ast
from pathlib import Path

import pytest
import yaml

from lipsync.stage_code import imported_files
from lipsync.visemes.params import VisemeParams

ROOT = Path(__file__).parents[2]
STAGES = {
    name: stage.get("do", stage)
    for file in ("visemes/dvc.yaml", "visemes/librispeech/dvc.yaml")
    for name, stage in yaml.safe_load((ROOT / file).read_text())["stages"].items()
}
UNTRACKED = {"log_level"}  # it changes no result


@pytest.mark.parametrize("name", STAGES)
def test_params_are_what_the_stage_reads(name):
    """``params.<section>`` of a VisemeParams, anywhere in what the stage reaches."""
    script = ROOT / f"visemes/stages/{name}.py"
    read = set()
    for file in [script, *imported_files(ROOT, [script])]:
        for node in ast.walk(ast.parse(file.read_text())):
            owner = ast.unparse(node.value) if isinstance(node, ast.Attribute) else ""
            if owner in ("params", "self.params") and node.attr in VisemeParams.model_fields:
                read.add(node.attr)
    (declared,) = (
        entry["visemes/params.yaml"] for entry in STAGES[name].get("params", [{PARAMS: []}])
    )
    assert read - UNTRACKED == set(declared)


PARAMS = "visemes/params.yaml"


def test_the_corpus_and_the_map_are_deps():
    assert {"${data.root}", "${data.map}"} <= set(STAGES["prepare_visemes"]["deps"])


def test_what_downloads_is_no_part_of_the_default():
    assert "fetch_librispeech" not in (ROOT / "visemes/dvc.yaml").read_text()
    stage = yaml.safe_load((ROOT / "visemes/librispeech/dvc.yaml").read_text())["stages"]
    assert stage["fetch_librispeech"]["foreach"] == "${librispeech.fetch}"
    assert VisemeParams().librispeech.fetch == ()  # so there is no such stage
    assert STAGES["fetch_librispeech"]["outs"] == [
        {"data/visemes/librispeech/${item}": {"persist": True}}
    ]


def test_stages_run_in_the_projects_folder():
    wanted = dict.fromkeys(STAGES, "..") | {"fetch_librispeech": "../.."}
    assert {name: stage["wdir"] for name, stage in STAGES.items()} == wanted
