"""What the page may name: avatars and people. A name from a browser is looked up, never joined."""

from dataclasses import dataclass
from pathlib import Path

from lipsync.errors import LipsyncError
from lipsync.params import load_params
from lipsync.rendering.avatar import INFO
from lipsync.ui.settings import Settings


@dataclass(frozen=True)
class Library:
    """Looks anew at each question: a training that ends while the page is open adds an avatar."""

    settings: Settings

    def avatars(self) -> dict[str, Path]:
        """Folder of each avatar by the name that the page shows, the project's own first."""
        found: dict[str, Path] = {}
        for info in sorted(self.settings.project.glob(f"models/*/avatar/{INFO}")):
            found[info.parent.parent.name] = info.parent
        for top in self.settings.further:
            inside = [*top.glob(f"*/{INFO}"), *top.glob(f"*/avatar/{INFO}")]
            for info in [top / INFO] if (top / INFO).is_file() else sorted(inside):
                folder = info.parent
                name = folder.parent.name if folder.name == "avatar" else folder.name
                found.setdefault(_unused(name, folder, found), folder)
        return found

    def avatar(self, name: object) -> Path:
        """The folder of the avatar of this name; LipsyncError if there is none."""
        known = self.avatars()
        if not isinstance(name, str) or name not in known:
            listed = ", ".join(known) or "none yet; make one with `dvc repro`"
            raise LipsyncError(f"avatar: choose one of those that there are: {listed}")
        return known[name]

    def people(self) -> list[str]:
        """Names in params.yaml in its order; none where the folder is no project.

        Raises LipsyncError if params.yaml is there and wrong.
        """
        params = self.settings.project / "params.yaml"
        return load_params(params).people if params.is_file() else []

    def person(self, name: object) -> str:
        """The name itself, if it stands in params.yaml; LipsyncError otherwise."""
        known = self.people()
        if not isinstance(name, str) or name not in known:
            raise LipsyncError(f"person: choose one of those in params.yaml: {', '.join(known)}")
        return name


def _unused(name: str, folder: Path, found: dict[str, Path]) -> str:
    """The name, with a number where another folder has it."""
    candidate, number = name, 1
    while found.get(candidate, folder) != folder:
        number += 1
        candidate = f"{name} ({number})"
    return candidate
