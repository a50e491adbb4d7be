"""dvc.yaml tells the truth: a stage's deps are its script and what it imports."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lipsync.stage_code import SHARED, imported_files
from lipsync.stage_deps import PIPELINES, with_code
from tests.project import environment

STAGES = yaml.safe_load((Path(__file__).parents[1] / "dvc.yaml").read_text())["stages"]


def reached(root: Path, script: Path) -> set[str]:
    """Names of all modules of ours that a script reaches, but the shared ones."""
    files = {file.relative_to(root / "src") for file in imported_files(root, [script])}
    modules = {file.with_suffix("").as_posix().replace("/", ".") for file in files}
    return {module.removesuffix(".__init__") for module in modules}


def entry(name: str) -> dict:
    return STAGES[name].get("do", STAGES[name])


def script(root: Path, name: str) -> Path:
    """What a stage runs; named like it, but where Python has a module of that name."""
    return root / entry(name)["cmd"].split()[1]


def test_no_script_stands_in_for_a_module_of_python(root):
    """A script's folder comes before the standard library: `import cProfile` would take ours."""
    assert not {path.stem for path in (root / "stages").glob("*.py")} & sys.stdlib_module_names


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_make_deps_leaves_nothing_to_change(root, pipeline):
    text = (root / pipeline).read_text()
    assert with_code(text, root) == text, "run `make deps`"


@pytest.mark.parametrize("name", STAGES)
def test_deps_are_what_the_stage_imports(root, name):
    """Every file that it imports, and no folder of which it imports less than most."""
    deps = set(entry(name)["deps"])
    assert script(root, name).relative_to(root).as_posix() in deps
    files = imported_files(root, [script(root, name)])
    code = {root / dep for dep in deps if dep.startswith("src/")}
    folders = {path for path in code if path.is_dir()}
    assert code - folders <= files, f"dvc.yaml names what {name} does not import"
    assert not {f for f in files if f not in code and f.parent not in folders}
    for folder in folders:
        modules = set(folder.glob("*.py"))
        assert len(modules & files) >= 0.75 * len(modules), folder


@pytest.mark.parametrize("name", ["crop_faces", "inherit", "fit_geometry"])
def test_python_imports_nothing_else(root, name):
    """What is loaded when the script is, the imports inside functions aside."""
    code = (
        "import runpy, sys; runpy.run_path(sys.argv[1], run_name='loaded'); "
        "print(*(name for name in sys.modules if name.partition('.')[0] == 'lipsync'))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(script(root, name))],
        env=environment(PYTHONPATH=str(root / "src")),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(run.stdout.split()) - SHARED - {"lipsync.yaml_edit"}  # which only params imports
    assert loaded <= reached(root, script(root, name))
    assert "lipsync.files" in run.stdout.split()


def test_a_trainings_code_is_what_it_imports(root):
    """The issue's own example: masks are read, the tracker is not."""
    modules = reached(root, root / "stages/train_generator.py")
    assert "lipsync.faces.masks" in modules
    assert not modules & {"lipsync.faces.tracker", "lipsync.faces.mesh", "lipsync.media.writer"}


@pytest.mark.parametrize("name", STAGES)
def test_params_are_what_the_stage_asks_for(root, name):
    import importlib

    source = script(root, name).read_text()
    files = [script(root, name), *imported_files(root, [script(root, name)])]
    asked = set()
    for file in files:
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            subscript = isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name)
            if subscript and ast.unparse(node.value).endswith("params"):
                asked.add(node.slice.id)
    keys = set()
    for module in ("base", "faces", "geometry", "media", "motion", "speech", "syncnet", "generator",
                   "training", "evaluation", "export", "profiling", "rendering"):  # fmt: skip
        package = importlib.import_module(f"lipsync.{module}.params")
        keys |= {getattr(package, cls).key for cls in asked if hasattr(package, cls)}
    declared = {str(param).split(".")[0] for param in entry(name).get("params", [])} - {"people"}
    assert "params" in source or not declared
    assert keys == declared


def test_every_stage_of_a_person_follows_that_persons_overrides():
    for name, stage in STAGES.items():
        if "do" in stage:
            person = "key" if stage["foreach"] == "${people}" else "item"  # of a list
            assert f"people.${{{person}}}" in stage["do"]["params"], name


@pytest.mark.parametrize("name", STAGES)
def test_weights_that_git_ignores_are_no_deps(name):
    """A clone without them, or with more of them than another, would see everything stale."""
    assert not [dep for dep in entry(name)["deps"] if dep.startswith("models/pretrained")]


def test_stages_that_listen_know_the_encoders_weights_by_their_hash(root):
    """The rows or the avatar say which weights they were made with; others are refused."""
    listening = {
        name for name in STAGES if "lipsync.speech.encoder" in reached(root, script(root, name))
    }
    assert listening == {"evaluate", "extract_audio_features", "export", "render_sample"}
    told = {"data/${key}/speech.npz", "models/${key}/avatar"}
    assert all(told & set(entry(name)["deps"]) for name in listening - {"extract_audio_features"})
    assert "data/${key}/speech.npz" in entry("extract_audio_features")["outs"]


def test_rendering_imports_nothing_that_trains(root):
    reach = reached(root, root / "src/lipsync/rendering/render.py")
    forbidden = ("lipsync.training", "lipsync.generator", "lipsync.syncnet", "lipsync.export")
    assert not [module for module in reach if module.startswith(forbidden)]
