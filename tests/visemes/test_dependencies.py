"""visemes/dvc.yaml tells the truth, as tests/test_dependencies.py holds it for the main one."""

import ast
from pathlib import Path

import pytest
import yaml

from lipsync.visemes.params import VisemeParams
from tests.test_dependencies import SHARED, module_file, reached

ROOT = Path(__file__).parents[2]
STAGES = {
    name: stage.get("do", stage)
    for file in ("visemes/dvc.yaml", "visemes/librispeech/dvc.yaml")
    for name, stage in yaml.safe_load((ROOT / file).read_text())["stages"].items()
}
# They hand over values that DVC tracks as params, and name files.
HANDS_OVER = {"lipsync.visemes.params", "lipsync.visemes.stage"}
UNTRACKED = {"log_level"}  # it changes no result


@pytest.fixture(autouse=True)
def without_what_hands_over(monkeypatch):
    monkeypatch.setattr("tests.test_dependencies.SHARED", SHARED | HANDS_OVER)


def modules(name: str) -> set[str]:
    return reached(ROOT, ROOT / f"visemes/stages/{name}.py")


@pytest.mark.parametrize("name", STAGES)
def test_deps_are_what_the_stage_imports(name):
    deps = set(STAGES[name]["deps"])
    assert f"visemes/stages/{name}.py" in deps
    code = {dep for dep in deps if dep.startswith("src/")}
    files = {module_file(ROOT, module).relative_to(ROOT).as_posix() for module in modules(name)}
    files = {file for file in files if not file.endswith("__init__.py")}
    named = {dep for dep in code if any(f == dep or f.startswith(dep + "/") for f in files)}
    uncovered = {f for f in files if not any(f == d or f.startswith(d + "/") for d in code)}
    assert not uncovered, f"{name} imports what visemes/dvc.yaml does not name"
    assert named == code, f"visemes/dvc.yaml names what {name} does not import"


@pytest.mark.parametrize("name", STAGES)
def test_params_are_what_the_stage_reads(name):
    """``params.<section>`` of a VisemeParams, anywhere in what the stage reaches."""
    files = [module_file(ROOT, module) for module in modules(name)]
    read = set()
    for file in [ROOT / f"visemes/stages/{name}.py", *files]:
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
