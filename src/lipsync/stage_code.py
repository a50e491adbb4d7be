"""What code a stage runs: the files that its script imports, and a hash of them.

`make deps` writes these files into dvc.yaml (`lipsync.stage_deps`), and the hash is part of a
training's fingerprint (`lipsync.training.fingerprint`). Files are read, never imported, so this
needs none of the packages that they use.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

PACKAGE = "lipsync"
# What every stage shares. They hand over values, which DVC tracks as params, find files and print
# errors, but decide no result: a new kind of error must not retrain fifty people.
SHARED = frozenset(
    f"{PACKAGE}.{name}"
    for name in ("errors", "files", "parent_watchdog", "params", "progress", "stage", "telemetry",
                 "visemes.params", "visemes.stage")
)  # fmt: skip

TYPE_CHECKING = ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def imported_files(project: Path, scripts: Iterable[Path]) -> set[Path]:
    """Files of our package, below ``project``, that scripts import, directly or through others.

    Imports inside functions count, and so does the ``__init__.py`` of each package on the way;
    those below ``if TYPE_CHECKING`` do not, nor do the modules in ``SHARED`` and what only they
    import.
    """
    source = project / "src"
    found: set[Path] = set()
    ahead = list(scripts)
    while ahead:
        new = set(_imports(ahead.pop(), source)) - found
        found |= new
        ahead += new
    return found


def hash_code(project: Path, scripts: Iterable[Path]) -> str:
    """SHA-256 (hex) over the code of scripts and of all that they import of our package.

    It is the hash of their syntax trees, less docstrings, by the files' places in ``project``: no
    comment and no formatting changes it.
    """
    digest = hashlib.sha256()
    chosen = set(scripts)
    for file in sorted(chosen | imported_files(project, chosen)):
        digest.update(file.relative_to(project).as_posix().encode())
        digest.update(repr(_syntax(ast.parse(file.read_bytes()))).encode())
    return digest.hexdigest()


def _imports(file: Path, source: Path) -> Iterator[Path]:
    """Files of our package, in the folder ``source``, that a file names in import statements."""
    inside = file.is_relative_to(source)
    package = ".".join(file.relative_to(source).parent.parts) if inside else ""
    for name in _imported_names(ast.parse(file.read_bytes()), package):
        parts = name.split(".")
        modules = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
        if modules[0] != PACKAGE or SHARED.intersection(modules):
            continue
        for module in modules:
            path = source.joinpath(*module.split("."))
            yield from filter(Path.is_file, (path / "__init__.py", path.with_suffix(".py")))


def _imported_names(node: ast.AST, package: str) -> Iterator[str]:
    """Full names of what is imported below a node; of ``from a import b`` both a and a.b."""
    if isinstance(node, ast.If) and ast.unparse(node.test) in TYPE_CHECKING:
        children: Iterable[ast.AST] = node.orelse
    else:
        children = ast.iter_child_nodes(node)
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        module = resolve_name("." * node.level + (node.module or ""), package)
        yield from (f"{module}.{alias.name}" for alias in node.names)
        yield module
    for child in children:
        yield from _imported_names(child, package)


def _syntax(node: Any) -> Any:
    """A node as nested tuples, without strings that stand alone, as docstrings do.

    Empty fields are left out: newer versions of Python know more of them.
    """
    if isinstance(node, ast.AST):
        fields = ((name, _syntax(value)) for name, value in ast.iter_fields(node))
        return (type(node).__name__, *(field for field in fields if field[1] not in (None, ())))
    if isinstance(node, list):
        return tuple(_syntax(item) for item in node if not _stands_alone(item))
    return node


def _stands_alone(node: Any) -> bool:
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
        return False
    return isinstance(node.value.value, str)
