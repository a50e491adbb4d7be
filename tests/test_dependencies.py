"""dvc.yaml tells the truth: a stage's deps are its script and the packages that it imports."""

import ast
import sys
from pathlib import Path

import pytest
import yaml

# What every stage shares: they find params, files and errors, and decide no result.
SHARED = {
    f"lipsync.{name}"
    for name in ("errors", "files", "orphan", "params", "progress", "stage", "telemetry")
}
STAGES = yaml.safe_load((Path(__file__).parents[1] / "dvc.yaml").read_text())["stages"]


def module_file(root: Path, module: str) -> Path | None:
    path = root / "src" / module.replace(".", "/")
    if path.is_dir():
        return path / "__init__.py"
    return path.with_suffix(".py") if path.with_suffix(".py").exists() else None


def imports(root: Path, file: Path) -> set[str]:
    """Modules of ours that a file imports, anywhere in it, as module names."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.startswith("lipsync.") and module_file(root, name)}


def reached(root: Path, script: Path) -> set[str]:
    """All modules of ours that a script reaches, but the shared ones."""
    seen: set[str] = set()
    ahead = imports(root, script)
    while ahead:
        module = ahead.pop()
        if module in seen or module in SHARED:
            continue
        seen.add(module)
        ahead |= imports(root, module_file(root, module))
    return seen


def entry(name: str) -> dict:
    return STAGES[name].get("do", STAGES[name])


def script(root: Path, name: str) -> Path:
    """What a stage runs; named like it, but where Python has a module of that name."""
    return root / entry(name)["cmd"].split()[1]


def test_no_script_stands_in_for_a_module_of_python(root):
    """A script's folder comes before the standard library: `import cProfile` would take ours."""
    assert not {path.stem for path in (root / "stages").glob("*.py")} & sys.stdlib_module_names


@pytest.mark.parametrize("name", STAGES)
def test_deps_are_what_the_stage_imports(root, name):
    deps = set(entry(name)["deps"])
    assert script(root, name).relative_to(root).as_posix() in deps
    code = {dep for dep in deps if dep.startswith("src/")}
    modules = reached(root, script(root, name))
    files = {module_file(root, module).relative_to(root).as_posix() for module in modules}
    named = {dep for dep in code if any(f == dep or f.startswith(dep + "/") for f in files)}
    uncovered = {f for f in files if not any(f == d or f.startswith(d + "/") for d in code)}
    assert not uncovered, f"{name} imports what dvc.yaml does not name"
    assert named == code, f"dvc.yaml names what {name} does not import"


@pytest.mark.parametrize("name", STAGES)
def test_params_are_what_the_stage_asks_for(root, name):
    import importlib

    source = script(root, name).read_text()
    files = [script(root, name)]
    files += [module_file(root, module) for module in reached(root, files[0])]
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
