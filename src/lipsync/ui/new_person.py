"""From a video to an avatar: what the tab *New person* does, without Gradio.

There is one new person at a time in a project, whichever browser looks. All that is known of them
lies in `.scratch/page/new_person/`, so that closing the browser or the page loses nothing:

    state.json       the file's name, and the person's once training was asked for
    video.mp4        the upload, until it is in data/videos/
    first_look.json, first_look.jpg, check.json    what is known before all of it was read
    findings.json                                  warnings, and why it cannot be added
    profile.json, profile.png                      what `lipsync profile` says of it
"""

import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from lipsync.dvc_lock import read_lock
from lipsync.errors import LipsyncError
from lipsync.files import atomic_path
from lipsync.params import check_name, load_params
from lipsync.people.adding import add_people
from lipsync.people.naming import name_from
from lipsync.people.roster import stages_left
from lipsync.people.sources import Source
from lipsync.pipeline import Stage, read_stages, stages_at_work, writers
from lipsync.presets import PRESETS
from lipsync.rendering.sound import VIDEOS
from lipsync.running.time_left import read_time_left
from lipsync.telemetry import scratch_root, training_process
from lipsync.ui.runs import Runs, trainings
from lipsync.ui.uploads import named, shown_name
from lipsync.ui.video_check import VideoCheck

AS_PROJECT = "project"  # in place of a preset: params.yaml as it is
NO_PIPELINE = (
    "no pipeline in this folder; start the page in a folder with dvc.yaml and params.yaml to add "
    "a person"
)

Phase = Literal[
    "none",  # no video yet
    "checking",  # its profile is being made
    "refused",  # it has none, and cannot be trained on
    "ready",  # to be trained
    "training",
    "stopped",  # by somebody, or by an error, or because the computer went down
    "finished",
]


@dataclass(frozen=True)
class State:
    """state.json.

    Attributes:
        file: what its owner calls the video
        video: its name in the folder
        taken: unix seconds
        person: "" before training was asked for
        error: one line on why there is no profile
    """

    file: str
    video: str
    taken: float
    person: str = ""
    error: str = ""


@dataclass(frozen=True)
class Situation:
    """What the tab shows.

    Attributes:
        profile: profile.json; None where there is none
        first_look: first_look.json, while the video is being checked
        checked: share of the frames that were read, 0..1
        check_began: unix seconds
        warnings: a line for each thing that is wrong with the video
        unfit: why it cannot be added, in one line, whatever the profile says; "" if it can
        stages: of the person, in their order; left, working: names of those that are not done, and
            of those that run
        why: one line on what became of a training that has ended
        time_left: about so many seconds of a training; None where nobody knows
    """

    phase: Phase
    state: State | None = None
    profile: dict[str, Any] | None = None
    first_look: dict[str, Any] | None = None
    checked: float = 0.0
    check_began: float = 0.0
    warnings: tuple[str, ...] = ()
    unfit: str = ""
    stages: list[Stage] = field(default_factory=list)
    left: tuple[str, ...] = ()
    working: frozenset[str] = frozenset()
    why: str = ""
    time_left: float | None = None


class NewPerson:
    """Safe to be asked by many browsers at once.

    Args:
        uploads: nothing outside of it is taken
        max_upload: bytes
    """

    def __init__(self, project: Path, runs: Runs, uploads: Path, max_upload: int) -> None:
        self.project, self.runs = project, runs
        self.folder = scratch_root(project) / "page" / "new_person"
        self._uploads, self._max = uploads, max_upload
        self._check = VideoCheck(self.folder, project)
        self._lock = threading.RLock()

    @property
    def quiet(self) -> Callable[[], AbstractContextManager[None]]:
        """Inside, no `dvc status` of the page holds DVC's lock."""
        return self.runs.quiet

    def take(self, file: object) -> None:
        """Keep an uploaded video, and begin to judge it.

        Raises LipsyncError if there is no pipeline here, another video is there already, or the
        file is gone, too large, or no video by its name; or the disk is full.
        """
        path = Path(str(file)).resolve()
        name = shown_name(path)
        with self._lock:
            if not read_stages(self.project):
                raise LipsyncError(NO_PIPELINE)
            state = self._read()
            if state is not None:
                raise LipsyncError(
                    f"{state.file} is here already, perhaps from another tab; train on it, or "
                    f'press "Use another video" and give {name} again'
                )
            if not path.is_relative_to(self._uploads.resolve()) or not path.is_file():
                raise LipsyncError("the video is not there any more; upload or record it again")
            if path.suffix.lower() not in VIDEOS:
                raise LipsyncError(f"{name}: not a video; known are {', '.join(sorted(VIDEOS))}")
            size = path.stat().st_size
            if size > self._max:
                raise LipsyncError(
                    f"{name}: {size / 1e6:.0f} MB; at most {self._max / 1e6:g} MB can be uploaded "
                    "here; make it smaller, or start the page with a larger --max-upload-mb"
                )
            video = f"video{path.suffix.lower()}"
            try:
                with atomic_path(self.folder / video) as temporary:
                    shutil.copyfile(path, temporary)
                state = State(name, video, time.time())
                self._write(state)
            except LipsyncError as error:
                (self.folder / video).unlink(missing_ok=True)
                raise LipsyncError(named(str(error), self.folder / video, name)) from None
            path.unlink(missing_ok=True)
            self._begin_check(state)

    def look(self) -> Situation:
        """How things are now. A check that a page before this one began is begun again.

        Raises LipsyncError if a file of the project cannot be read.
        """
        with self._lock:
            state = self._read()
            if state is None:
                return Situation("none")
            profile = self._check.profile()
            warnings, unfit = self._check.findings(self.folder / state.video, state.file)
            if state.person and state.person in self._people():
                return replace(self._training(state, profile), warnings=warnings)
            if state.error:
                return Situation("refused", state, why=state.error)
            if profile is not None:
                return Situation("ready", state, profile, warnings=warnings, unfit=unfit)
            if not self._check.running:
                self._begin_check(state)
            return Situation(
                "checking",
                state,
                first_look=self._check.first_look(),
                checked=self._check.share(),
                check_began=self._check.began,
            )

    def suggested_name(self) -> str:
        """From the file's name; "" where that makes none."""
        state = self._read()
        try:
            return name_from(Path(state.file)) if state else ""
        except LipsyncError:
            return ""

    def train(self, name: str, base: bool, preset: str) -> None:
        """Make a person of the video and start `lipsync run`.

        Args:
            base: begin as the base; else from nothing
            preset: one of ``PRESETS``, as the person's own params; or AS_PROJECT

        Raises LipsyncError if it cannot be; the video stays, and nothing is half done.
        """
        with self._lock:
            now = self.look()
            if now.phase == "training" and now.state:
                raise LipsyncError(f"{now.state.person} is being trained already, by another tab")
            if now.phase != "ready" or now.state is None:
                raise LipsyncError("no video that could be trained on; upload or record one")
            if why := obstacle(now):
                raise LipsyncError(why)
            person = check_name(name.strip(), f"name {name.strip()}")
            if person in self._people():
                raise LipsyncError(f"name {person}: is taken; give another")
            if preset not in (*PRESETS, AS_PROJECT):
                raise LipsyncError(f"preset {preset}: there are: {', '.join(PRESETS)}")
            self.runs.refuse_if_busy()
            self._write(replace(now.state, person=person))
            self._add(now.state, person, chosen(base, preset))
            self.runs.start(person, "person")

    def resume(self) -> None:
        """`lipsync run` again, which goes on from checkpoints; LipsyncError if it cannot be."""
        with self._lock:
            now = self.look()
            if now.phase != "stopped" or now.state is None:
                raise LipsyncError("nothing that could go on")
            self.runs.start(now.state.person, "person")

    def cancel(self) -> str:
        """Stop the training after its batch; one line. LipsyncError if none runs."""
        with self._lock:
            state = self._read()
            if state is None or not state.person:
                raise LipsyncError("no training runs that could be stopped")
            return self.runs.stop(state.person)

    def clear(self) -> None:
        """Make room for another video. A person that was added stays in the project.

        Raises LipsyncError while a training runs.
        """
        with self._lock:
            now = self.look()
            if now.phase == "training" and now.state:
                raise LipsyncError(
                    f"{now.state.person} is being trained; stop that, or wait for it"
                )
            self.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """End the check that runs; the next page begins it again."""
        with self._lock:
            self._check.close()

    def _add(self, state: State, person: str, options: dict[str, Any]) -> None:
        """Nothing of the video is decoded here: `ui.suitability` has checked it."""
        video = self.folder / state.video
        source = Source(video, person, **options)
        try:
            with self.quiet():
                (outcome,) = add_people([source], self.project, again=True, checked=True)
            if outcome.problem:
                raise LipsyncError(outcome.problem)
        except LipsyncError as error:
            self._write(state)
            raise LipsyncError(named(str(error), video, state.file)) from None
        video.unlink(missing_ok=True)

    def _training(self, state: State, profile: dict[str, Any] | None) -> Situation:
        """Of a person who is in params.yaml."""
        person, run = state.person, self.runs.current
        stages = [stage for stage in read_stages(self.project) if stage.each]
        left = tuple(stages_left(self.project, stages, read_lock(self.project), person))
        working = frozenset(stages_at_work(self.project, stages, person, writers(self.project)))
        own = run if run is not None and run.person == person else None
        trained = any(training_process(told) for told in trainings(self.project, person))
        if (own is not None and own.alive) or working or trained:
            phase: Phase = "training"
        else:
            phase = "stopped" if left else "finished"
        why = own.outcome() if own is not None else "interrupted; what was trained is kept"
        return Situation(
            phase,
            state,
            profile,
            stages=stages,
            left=left,
            working=working,
            why=why,
            time_left=read_time_left(self.project, person) if phase == "training" else None,
        )

    def _people(self) -> list[str]:
        params = self.project / "params.yaml"
        return load_params(params).people if params.is_file() else []

    def _begin_check(self, state: State) -> None:
        def ended(error: str) -> None:
            with self._lock:
                if error and self._read() == state:
                    self._write(replace(state, error=error))

        self._check.begin(self.folder / state.video, state.file, ended)

    def _read(self) -> State | None:
        try:
            return State(**json.loads((self.folder / "state.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _write(self, state: State) -> None:
        with atomic_path(self.folder / "state.json") as temporary:
            temporary.write_text(json.dumps(asdict(state)), encoding="utf-8")


def obstacle(now: Situation) -> str:
    """Why nothing can be trained on a video that was judged, in one line; "" if it can."""
    if now.phase != "ready" or now.state is None:
        return ""
    if not has_face(now.profile):
        return (
            f"{now.state.file}: no face was found in it, so there is nothing to train on; "
            "record one face, from the front, in good light"
        )
    return now.unfit


def has_face(profile: dict[str, Any] | None) -> bool:
    """Whether a face was found in any frame."""
    values = (profile or {}).get("values", {})
    return bool(values.get("coverage", 0))


def chosen(base: bool, preset: str) -> dict[str, Any]:
    """What the form asks for, as fields of ``Source``."""
    return {
        "base": None if base else False,
        "preset": preset if preset in PRESETS else None,
    }


def last_picture(project: Path, person: str) -> tuple[str, bytes] | None:
    """(epoch_00003.jpg, its bytes): the newest sample picture in the refiner's newest checkpoint.

    None before the first epoch.
    """
    from safetensors import SafetensorError, safe_open

    found = (scratch_root(project) / "train_generator" / person).glob("*/epoch_*.safetensors")
    prefix = "picture."
    for path in sorted(found, key=_changed, reverse=True):
        try:
            with safe_open(str(path), "np") as file:
                names = sorted(name for name in file.keys() if name.startswith(prefix))  # noqa: SIM118
                if names:
                    return names[-1].removeprefix(prefix), file.get_tensor(names[-1]).tobytes()
        except (OSError, SafetensorError):
            continue  # an older one has taken its place meanwhile
    return None


def _changed(path: Path) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0
