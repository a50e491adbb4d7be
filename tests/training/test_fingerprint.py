"""What makes two trainings the same one, and what does not: dvc.yaml's stages on made-up data."""

import ast
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from lipsync.params import load_params
from lipsync.training.fingerprint import fingerprint
from tests.project import change_params, must

STAGE = "train_generator"


@pytest.fixture
def identity(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Fingerprints the generator's training in a project whose data are a few bytes each."""
    for name in ("dvc.yaml", "params.yaml", "stages", "src"):
        copy = shutil.copytree if (root / name).is_dir() else shutil.copy
        copy(root / name, tmp_path / name)
    must(tmp_path, "dvc", "init", "--no-scm", "-q")
    for dep in yaml.safe_load((tmp_path / "dvc.yaml").read_text())["stages"][STAGE]["do"]["deps"]:
        path = tmp_path / dep.replace("${key}", "speaker")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dep)
    monkeypatch.chdir(tmp_path)

    def made(**also_read: Path) -> str:
        return fingerprint(STAGE, load_params("params.yaml").for_person("speaker"), also_read)

    return made


def without_docs(tree: ast.Module) -> ast.Module:
    """The same program without any docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node) is not None:
                node.body = node.body[1:]
            node.body = node.body or [ast.Expr(ast.Constant("instead"))]
    return tree


def test_data_and_code_count(identity):
    before = identity()
    assert identity() == before
    Path("data/speaker/speech.npz").write_text("other words")
    heard = identity()
    assert heard != before
    with Path("src/lipsync/generator/losses.py").open("a") as file:
        file.write("ANOTHER = 1\n")
    assert identity() not in {before, heard}


def test_comments_docstrings_and_formatting_of_no_module_count(identity):
    before = identity()
    for file in [*Path("src").rglob("*.py"), *Path("stages").glob("*.py")]:
        tree = ast.parse(file.read_text())
        file.write_text(
            f'"""Said otherwise."""\n# unlike before\n{ast.unparse(without_docs(tree))}\n'
        )
    assert identity() == before


def test_code_that_the_stage_does_not_import_does_not_count(identity):
    """Not even where it lies in a folder that is a dep, nor when a new file joins that folder."""
    before = identity()
    for name in ("faces/tracker.py", "rendering/film.py", "training/onnx.py", "training/new.py"):
        with (Path("src/lipsync") / name).open("a") as file:
            file.write("ANOTHER = 1\n")
    assert identity() == before


def test_code_that_is_imported_inside_a_function_counts(identity):
    """Even where nobody has run `make deps` since."""
    before = identity()
    added = Path("src/lipsync/faces/more.py")
    added.write_text("SIZE = 1\n")
    assert identity() == before
    masks = Path("src/lipsync/faces/masks.py")
    lazy = "def size():\n    from lipsync.faces import more\n    return more.SIZE\n"
    masks.write_text(f"{masks.read_text()}\n{lazy}")
    imported = identity()
    assert imported != before
    added.write_text("SIZE = 2\n")
    assert identity() not in {before, imported}


def test_the_trainings_own_epochs_do_not_count_and_other_params_do(identity, tmp_path):
    before = identity()
    for epochs in (999, 0):
        change_params(tmp_path, lambda values, epochs=epochs: values.update(epochs=epochs))
        assert identity() == before
    change_params(tmp_path, lambda values: values["syncnet"].update(epochs=999))
    change_params(tmp_path, lambda values: values["motion"].update(epochs=999, channels=8))
    assert identity() == before
    change_params(tmp_path, lambda values: values["generator"].update(exemplars=5))
    assert identity() != before


def test_weights_that_nobody_asked_for_do_not_count(identity):
    """They may lie there for another person, or in another colleague's clone."""
    before = identity()
    for use in ("vgg", "speech", "syncnet"):
        folder = Path("models/pretrained") / use
        folder.mkdir(parents=True)
        (folder / "stray.pth").write_bytes(b"weights")
    assert identity() == before


def test_weights_that_are_read_count_wherever_they_lie(identity, tmp_path):
    first, second = tmp_path / "a.pth", tmp_path / "copy" / "b.pth"
    second.parent.mkdir()
    first.write_bytes(b"weights")
    second.write_bytes(b"weights")
    read = identity(vgg19=first)
    assert read != identity()
    assert identity(vgg19=second) == read
    second.write_bytes(b"others!")
    assert identity(vgg19=second) != read
    assert identity(another_use=first) != read
