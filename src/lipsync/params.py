"""params.yaml as typed, validated sections.

A section is a pydantic model in the ``params.py`` of the package that it steers, marked with its
key: ``class CropParams(Section, key="crop")``. This module finds them all, refuses what nobody
declared, merges a person's overrides, and hands out sections by type::

    params = load_params("params.yaml").for_person("alice")
    size = params[CropParams].size

Numbers written as strings are converted (``dvc exp run -S generator.learning_rate=1e-5`` writes a
YAML that reads back as a string). Every error is one line that names the key and the legal values.
"""

import importlib
import math
import pkgutil
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar, cast

import pydantic
import yaml

import lipsync
from lipsync.errors import LipsyncError
from lipsync.yaml_edit import LOADER

MAX_NAME = 64  # letters of a person's name, which becomes part of the names of temporary files too
PERSON_NAME = re.compile(rf"[a-z0-9][a-z0-9_-]{{0,{MAX_NAME - 1}}}")
NUMBER_OF_YAML_1_2 = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?|0o[0-7]+|0x[0-9a-fA-F]+")
MAX_AUDIO_OFFSET = 1000  # milliseconds, either way
# Folders beside those of people
RESERVED_NAMES = {"base", "face", "pretrained", "shared", "videos", "visemes", "speech"}
# Windows takes these for devices, whatever folder they stand in; such a project could not be cloned
DEVICES = {
    "aux",
    "con",
    "nul",
    "prn",
    *(f"{port}{n}" for port in ("com", "lpt") for n in range(10)),
}
SYNCNET_SUFFIX = ".safetensors"  # how a path of one ends, which tells it from a person's name


class Section(pydantic.BaseModel):
    """A mapping in params.yaml, with the key that its class names."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)
    key: ClassVar[str]
    shared_keys: ClassVar[frozenset[str]] = frozenset()  # that no person may override

    def __init_subclass__(cls, key: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if key:
            cls.key = key
            _SECTIONS[key] = cls


class Scalar(pydantic.RootModel[Any]):
    """A top-level number in params.yaml (``epochs``, ``seed``): ``params[Epochs].root``."""

    model_config = pydantic.ConfigDict(frozen=True)
    key: ClassVar[str]
    shared_keys: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, key: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if key:
            cls.key = key
            _SECTIONS[key] = cls


S = TypeVar("S", bound=Section | Scalar)
M = TypeVar("M", bound=Section)
_SECTIONS: dict[str, type[Section] | type[Scalar]] = {}


def sections() -> dict[str, type[Section] | type[Scalar]]:
    """All declared sections by key; imports ``lipsync.<package>.params`` of every package."""
    for module in pkgutil.iter_modules(lipsync.__path__):
        if module.ispkg and (Path(lipsync.__path__[0]) / module.name / "params.py").is_file():
            importlib.import_module(f"lipsync.{module.name}.params")
    return _SECTIONS


class Sections:
    """All sections. Index with the section's class."""

    def __init__(self, values: dict[str, Any], source: str) -> None:
        self._sections = {
            key: _validate(cls, values, key, source) for key, cls in sections().items()
        }

    def __getitem__(self, section: type[S]) -> S:
        return cast(S, self._sections[section.key])

    def dump(self, key: str) -> Any:
        """The values of a section as JSON knows them, after conversion and overrides."""
        return self._sections[key].model_dump(mode="json")


class PersonParams(Sections):
    """The sections as they hold for one person.

    Attributes:
        audio_offset: milliseconds by which the audio is delayed against the picture, or "auto"
        base: whether the person's networks begin as those of a base, where there is one
        syncnet_of: whose SyncNet is reused: a person's name, the path of a file, or None
    """

    def __init__(
        self,
        person: str,
        video: Path,
        audio_offset: float | Literal["auto"],
        base: bool,
        syncnet_of: str | None,
        values: dict[str, Any],
        source: str,
    ) -> None:
        super().__init__(values, source)
        self.person = person
        self.video = video
        self.audio_offset = audio_offset
        self.base = base
        self.syncnet_of = syncnet_of


class Params:
    """The whole file. ``people`` lists the names in file order."""

    def __init__(self, values: dict[str, Any], source: str) -> None:
        self._values = values
        self._source = source
        people = values.get("people")
        if not isinstance(people, dict) or not people:
            raise LipsyncError(
                f"{source}: people: missing; name at least one person with a video, like "
                "people: {alice: {video: data/videos/alice.mp4}}"
            )
        _refuse_unknown(values, {"people", *sections()}, source, prefix="")
        for name, entry in people.items():
            where = f"people.{name}"
            check_name(name, f"{source}: {where}")
            if not isinstance(entry, dict) or not isinstance(entry.get("video"), str):
                raise LipsyncError(f"{source}: {where}.video: missing; give the path of a video")
            legal = {"video", "audio_offset", *sections()}
            _refuse_unknown(entry, legal, source, prefix=f"{where}.")
        self.people: list[str] = list(people)
        self._check_base()

    def built_on(self, person: str, leaving: Collection[str] = ()) -> list[str]:
        """Keys through which others, but those who are leaving too, are built on a person."""
        found = [
            f"people.{other}.syncnet"
            for other in self.people
            if other not in leaving and self.for_person(other).syncnet_of == person
        ]
        return found + ["base.people"] * (person in self._base_people())

    def _check_base(self) -> None:
        """That the base learns from people who are there, each once."""
        named = self._base_people()
        for number, name in enumerate(named):
            if name not in self.people:
                raise LipsyncError(
                    f"{self._source}: base.people: {name}: no such person; there are: "
                    f"{', '.join(self.people)}"
                )
            if name in named[:number]:
                raise LipsyncError(f"{self._source}: base.people: {name}: is there twice")

    def _base_people(self) -> list[Any]:
        """As the file has them; what is no list is refused where the section is read."""
        section = self._values.get("base")
        named = section.get("people") if isinstance(section, dict) else None
        return named if isinstance(named, list) else []

    def shared(self) -> Sections:
        """The sections without anybody's overrides."""
        return Sections(self._values, self._source)

    def for_person(self, person: str) -> PersonParams:
        """Sections with the overrides under ``people.<person>`` merged in, key by key."""
        if person not in self.people:
            raise LipsyncError(
                f"{self._source}: people.{person}: no such person; there are: "
                f"{', '.join(self.people)}"
            )
        entry = dict(self._values["people"][person])
        video = Path(entry.pop("video"))
        offset = _audio_offset(entry.pop("audio_offset", "auto"), person, self._source)
        base = self._uses_base(entry.pop("base", True), person)
        reused = None
        if isinstance(entry.get("syncnet"), str):
            reused = self._syncnet_of(entry.pop("syncnet"), person)
        values = {**self._values}
        for key, override in entry.items():
            shared = sections()[key].shared_keys & override.keys() if _is_map(override) else ()
            for name in shared:
                raise LipsyncError(
                    f"{self._source}: people.{person}.{key}.{name}: is the same for everybody; "
                    f"set {key}.{name}"
                )
            values[key] = _merge(values.get(key), override)
        return PersonParams(person, video, offset, base, reused, values, self._source)

    def _uses_base(self, value: Any, person: str) -> bool:
        where = f"{self._source}: people.{person}.base"
        if not isinstance(value, bool):
            raise LipsyncError(f"{where}: should be true or false (found {value!r})")
        return value

    def _syncnet_of(self, value: str, person: str) -> str:
        if value.endswith(SYNCNET_SUFFIX) or (value in self.people and value != person):
            return value
        others = [name for name in self.people if name != person]
        raise LipsyncError(
            f"{self._source}: people.{person}.syncnet: {value}: should be another person"
            f"{' (' + ', '.join(others) + ')' if others else ''}, the path of a {SYNCNET_SUFFIX} "
            "file, or a mapping of overrides"
        )

    def for_video(self, video: Path) -> PersonParams:
        """Sections as they hold for whoever has this video; of nobody, or several, the shared ones.

        Paths are relative to the working directory, as those of stages.
        """
        entries = self._values["people"].items()
        own = [name for name, entry in entries if Path(entry["video"]).resolve() == video.resolve()]
        if len(own) == 1:
            return self.for_person(own[0])
        return PersonParams(video.stem, video, 0, False, None, self._values, self._source)


def check_name(name: Any, where: str) -> str:
    """The name of a person, if it is legal; else LipsyncError that begins with ``where``."""
    if not isinstance(name, str) or not PERSON_NAME.fullmatch(name):
        raise LipsyncError(
            f"{where}: not a usable name; use up to {MAX_NAME} lower-case letters, digits, - and "
            "_, and begin with a letter or digit"
        )
    if name in DEVICES:
        raise LipsyncError(f"{where}: is the name of a device on Windows; give another")
    if name in RESERVED_NAMES:
        raise LipsyncError(
            f"{where}: is reserved, as are {', '.join(sorted(RESERVED_NAMES - {name}))}; give "
            "another"
        )
    return name


def load_params(path: str | Path) -> Params:
    """Read and check params.yaml; every person's overrides are checked too.

    Raises LipsyncError with one line on the first thing that is wrong.
    """
    values = _read_mapping(path)
    params = Params(values, str(path))
    for person in params.people:
        params.for_person(person)
    return params


def load_sections(path: str | Path, whole: type[M]) -> M:
    """Read and check another file of params, that of a pipeline which knows no people.

    whole: has a field for each section of the file. Raises LipsyncError as `load_params` does.
    """
    values = _read_mapping(path)
    _refuse_unknown(values, set(whole.model_fields), str(path), prefix="")
    try:
        return whole.model_validate(values)
    except pydantic.ValidationError as error:
        raise LipsyncError(f"{path}: {_explain(error, whole, '')}") from None


def _read_mapping(path: str | Path) -> dict[str, Any]:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        values = yaml.safe_load(text)
        _check_keys(yaml.compose(text, LOADER), str(path))
    except FileNotFoundError:
        raise LipsyncError(f"{path}: no such file; run from the project's folder") from None
    except OSError as error:
        raise LipsyncError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise LipsyncError(
            f"{path}: is not UTF-8; save it as UTF-8 (Windows' PowerShell writes UTF-16 with >)"
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "unreadable"
        raise LipsyncError(f"{path}: not valid YAML{line}: {problem}") from None
    if values is None:
        raise LipsyncError(f"{path}: is empty; `git checkout {path}` brings it back")
    if not isinstance(values, dict):
        raise LipsyncError(f"{path}: expected a mapping of sections, found {type(values).__name__}")
    return values


def _check_keys(
    node: yaml.Node | None, source: str, prefix: str = "", above: tuple[yaml.Node, ...] = ()
) -> None:
    """Refuse keys that YAML's readers understand differently: DVC's (YAML 1.2) is not ours (1.1).

    Of a key that is there twice the last would win here, and DVC reads nothing at all; 1e3 without
    quotes is a word here, and a number there.
    """
    known: set[str] = set()
    if not isinstance(node, yaml.MappingNode) or node in above:  # in itself, by an alias
        return
    for key, value in node.value:
        where = f"{source}: {prefix}{key.value}"
        if key.value in known:
            raise LipsyncError(f"{where}: is there twice, in line {key.start_mark.line + 1} again")
        if not key.style and NUMBER_OF_YAML_1_2.fullmatch(str(key.value)):
            raise LipsyncError(f"{where}: DVC reads it as a number; put it in quotes")
        known.add(key.value)
        _check_keys(value, source, f"{prefix}{key.value}.", (*above, node))


def _audio_offset(value: Any, person: str, source: str) -> float | Literal["auto"]:
    if value == "auto":
        return "auto"
    try:
        offset = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        offset = math.nan
    if not abs(offset) <= MAX_AUDIO_OFFSET:
        raise LipsyncError(
            f"{source}: people.{person}.audio_offset: should be auto, or milliseconds from "
            f"-{MAX_AUDIO_OFFSET} to {MAX_AUDIO_OFFSET} by which the audio is delayed "
            f"(found {value!r})"
        )
    return offset


def _is_map(value: Any) -> bool:
    return isinstance(value, dict)


def _merge(base: Any, override: Any) -> Any:
    """``override`` over ``base``, key by key at every depth."""
    if not (_is_map(base) and _is_map(override)):
        return override
    return {**base, **{key: _merge(base.get(key), value) for key, value in override.items()}}


def _refuse_unknown(values: dict, legal: set[str], source: str, prefix: str) -> None:
    for key in values:
        if key not in legal:
            raise LipsyncError(
                f"{source}: {prefix}{key}: unknown key; legal keys: {', '.join(sorted(legal))}"
            )


def _validate(
    cls: type[pydantic.BaseModel], values: dict[str, Any], key: str, source: str
) -> pydantic.BaseModel:
    if issubclass(cls, Scalar) and key not in values:
        raise LipsyncError(f"{source}: {key}: missing")
    try:
        return cls.model_validate(values.get(key, {}))
    except pydantic.ValidationError as error:
        raise LipsyncError(f"{source}: {_explain(error, cls, key)}") from None


def _explain(error: pydantic.ValidationError, cls: type[pydantic.BaseModel], key: str) -> str:
    """The first problem of a validation error in the words of params.yaml."""
    problem = error.errors()[0]
    where = ".".join(filter(None, [key, *(str(part) for part in problem["loc"])]))
    if problem["type"] == "extra_forbidden":
        owner: Any = cls
        for part in problem["loc"][:-1]:
            owner = owner.model_fields[str(part)].annotation
        legal = ", ".join(owner.model_fields)
        return f"{where}: unknown key; legal keys: {legal}"
    if problem["type"] == "missing":
        return f"{where}: missing"
    return f"{where}: {problem['msg'][0].lower()}{problem['msg'][1:]} (found {problem['input']!r})"
