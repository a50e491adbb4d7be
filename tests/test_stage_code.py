"""Which files a script imports, what of them is hashed, and how dvc.yaml is told."""

import textwrap
from pathlib import Path

import pytest

from lipsync.errors import LipsyncError
from lipsync.stage_code import hash_code, imported_files
from lipsync.stage_deps import by_package, with_code

SCRIPT = Path("stages/work.py")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script and a few modules, of which it imports some."""
    files = {
        "stages/work.py": "from lipsync.a import first",
        "src/lipsync/__init__.py": "",
        "src/lipsync/errors.py": "import lipsync.b.only_errors",
        "src/lipsync/a/__init__.py": "import lipsync.b.from_init",
        "src/lipsync/a/first.py": """\
            from typing import TYPE_CHECKING
            from lipsync.errors import LipsyncError
            from .second import work
            if TYPE_CHECKING:
                from lipsync.b.types import T
            else:
                from lipsync.b import otherwise
            """,
        "src/lipsync/a/second.py": """\
            def work():
                import lipsync.b.lazy
                import numpy
            """,
        **{
            f"src/lipsync/b/{name}.py": "X = 1"
            for name in ("__init__", "from_init", "lazy", "only_errors", "otherwise", "types")
        },
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(textwrap.dedent(text))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_imports_are_followed(project):
    found = {file.as_posix() for file in imported_files(Path(), [SCRIPT])}
    assert found == {
        "src/lipsync/__init__.py",
        "src/lipsync/a/__init__.py",
        "src/lipsync/a/first.py",
        "src/lipsync/a/second.py",
        "src/lipsync/b/__init__.py",
        "src/lipsync/b/from_init.py",
        "src/lipsync/b/lazy.py",
        "src/lipsync/b/otherwise.py",
    }


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ('def f(a):\n    "It says."\n    return (a + 1)  # more\n', True),
        ("def f(a): return a + 1\n", True),
        ("def f(a):\n    return a + 1.0\n", False),
        ("def f(a):\n    return a + True\n", False),
        ("def f(b):\n    return b + 1\n", False),
        ("def f(a):\n    return a + None\n", False),
        ('def f(a):\n    return a + "1"\n', False),
        ("def f(*, a):\n    return a + 1\n", False),
    ],
)
def test_only_what_a_program_does_is_hashed(project, text, same):
    module = project / "src/lipsync/b/lazy.py"
    module.write_text("def f(a):\n    return a + 1\n")
    before = hash_code(Path(), [SCRIPT])
    module.write_text(text)
    assert (hash_code(Path(), [SCRIPT]) == before) == same


def test_the_place_of_a_file_counts_and_that_of_the_project_does_not(project, tmp_path):
    before = hash_code(Path(), [SCRIPT])
    assert hash_code(project, [project / SCRIPT]) == before
    SCRIPT.rename("stages/other.py")
    assert hash_code(Path(), [Path("stages/other.py")]) != before


PIPELINE = """\
stages:
  # of everybody
  work:
    foreach: ${people}
    do:
      cmd: '"stages/run" stages/work.py ${key}'
      deps:
        - ${item.video}
        - models/base  # always there
        - stages/work.py
        - src/lipsync/gone.py
      outs:
        - out
  alone:
    cmd: python stages/work.py
    deps:
      - stages/work.py
    outs: [other]
"""


def test_the_code_of_each_stage_is_written_and_all_else_stays(project):
    new = with_code(PIPELINE, Path())
    assert with_code(new, Path()) == new
    assert "src/lipsync/gone.py" not in new
    code = [
        "- stages/work.py",
        "- src/lipsync/__init__.py",
        "- src/lipsync/a",
        "- src/lipsync/b/__init__.py",
        "- src/lipsync/b/from_init.py",
        "- src/lipsync/b/lazy.py",
        "- src/lipsync/b/otherwise.py",
    ]
    lines = new.splitlines()
    start = lines.index("        - models/base  # always there") + 1
    assert [line.strip() for line in lines[start : start + len(code)]] == code
    assert lines[start + len(code)] == "      outs:"
    assert [line.strip() for line in lines[-len(code) - 1 : -1]] == code
    others = [line for line in PIPELINE.splitlines() if line.strip() not in code]
    assert set(others) - {"        - src/lipsync/gone.py"} <= set(lines)


def test_a_new_stages_script_need_not_be_named(project):
    new = with_code(PIPELINE.replace("        - stages/work.py\n", ""), Path())
    assert new == with_code(PIPELINE, Path())


def test_a_package_of_which_most_is_imported_stands_as_its_folder(project):
    files = {file for file in Path("src/lipsync/b").glob("*.py") if file.stem != "types"}
    assert by_package(files) == [Path("src/lipsync/b")]
    files = {file for file in files if file.stem != "lazy"}
    assert by_package(files) == sorted(files)


def test_a_stage_without_its_script_is_one_line(project):
    with pytest.raises(LipsyncError, match=r"alone: .*stages/gone\.py"):
        with_code(PIPELINE.replace("python stages/work.py", "python stages/gone.py"), Path())


def test_deps_in_one_line_are_refused_not_lost(project):
    text = "stages: {a: {cmd: python stages/work.py, deps: [stages/work.py]}}"
    with pytest.raises(LipsyncError, match=r"a: .*one a line"):
        with_code(text, Path())
