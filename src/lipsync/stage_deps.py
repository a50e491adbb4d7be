"""`make deps`: writes into each dvc.yaml which files of ours the stages' scripts import.

Under a stage's ``deps`` data come first, one a line, as people wrote them. The script and what it
imports follow, and these lines are written here: file by file, but a package as its folder where
the script imports most of it. DVC looks at each line for each person, and files alone would make
`dvc status` and `dvc repro` too slow (docs/architecture.md has the figures). So an edit of one of
the few other modules of the folder makes the stage stale for DVC; a training's fingerprint goes by
the imported files alone.
"""

from pathlib import Path
from typing import Any

import yaml

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path
from lipsync.stage import errors_for_people
from lipsync.stage_code import imported_files
from lipsync.yaml_edit import LOADER

PIPELINES = ("dvc.yaml", "visemes/dvc.yaml", "visemes/librispeech/dvc.yaml")
CODE = "src/"
MOST = 0.75  # share of a package's modules from which on its folder stands for them


def with_code(text: str, project: Path) -> str:
    """The text of a dvc.yaml, with the code that each stage runs at the end of its deps.

    A stage's command is a program and its script, whose path is relative to ``project``. Raises
    LipsyncError that names the stage if it has no deps, one a line, or its script is missing.
    """
    lines = text.splitlines(keepends=True)
    # From the end, so that the lines of the stages before keep their numbers.
    for name, stage in reversed(_entries(_entries(yaml.compose(text, LOADER))["stages"]).items()):
        body = _entries(stage)
        body = _entries(body["do"]) if "do" in body else body
        script, deps = Path(body["cmd"].value.split()[1]), body.get("deps")
        if deps is None or deps.flow_style or not (project / script).is_file():
            raise LipsyncError(f"{name}: has no deps, one a line, or no file {script}; mend it")
        imported = by_package(imported_files(project, [project / script]))
        code = [script, *(path.relative_to(project) for path in imported)]
        _replace_code(lines, deps.value, script, [path.as_posix() for path in code])
    return "".join(lines)


def _replace_code(lines: list[str], deps: list[Any], script: Path, code: list[str]) -> None:
    """Put ``code`` in place of a stage's deps on code; comments among its data stay."""
    numbers = [dep.start_mark.line for dep in deps]
    old = {dep.start_mark.line for dep in deps if dep.value.startswith(CODE)}
    old |= {dep.start_mark.line for dep in deps if dep.value == script.as_posix()}
    bullet = lines[numbers[0]][: deps[0].start_mark.column]
    span = slice(numbers[0], numbers[-1] + 1)
    data = [line for number, line in enumerate(lines[span], numbers[0]) if number not in old]
    lines[span] = data + [f"{bullet}{path}\n" for path in code]


def by_package(files: set[Path]) -> list[Path]:
    """The files, but folders in place of those packages of which most modules are among them."""
    packages = {file.parent for file in files}
    chosen = {
        folder
        for folder in packages
        if len(files.intersection(folder.rglob("*.py"))) >= MOST * len([*folder.rglob("*.py")])
    }
    return sorted(chosen | {file for file in files if file.parent not in chosen})


def _entries(mapping: Any) -> dict[str, Any]:
    """Nodes of a YAML mapping, by key."""
    return {key.value: value for key, value in mapping.value}


def main() -> None:
    """Bring all pipelines of the project, the working directory, up to date."""
    with errors_for_people("make deps"):
        for name in PIPELINES:
            path = Path(name)
            old = path.read_text(encoding="utf-8")
            try:
                new = with_code(old, Path())
            except LipsyncError as error:
                raise LipsyncError(f"{name}: {error}") from None
            if new != old:
                with atomic_path(path) as temporary:
                    temporary.write_text(new, encoding="utf-8")
            print(f"{name}: {'written' if new != old else 'up to date'}")


if __name__ == "__main__":
    main()
