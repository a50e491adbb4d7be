"""The state of the pipeline, as HTML."""

import time
from html import escape
from pathlib import Path

import psutil

from lipsync.dvc_lock import read_lock
from lipsync.pipeline import Stage, StageState, stage_states, stages_at_work, writers
from lipsync.telemetry import Telemetry, training_process
from lipsync.ui.charts import curve
from lipsync.ui.history import finished_losses
from lipsync.ui.runs import TRAININGS, Run, Runs, trainings
from lipsync.ui.status import Status
from lipsync.ui.words import ago, bar, duration, error_line, note_line, stage_words

SHOWN_REASONS = 4
WORDS = {
    "fresh": "up to date",
    "stale": "out of date",
    "never": "not run yet",
    "follows": "follows",
    "unknown": "unknown",
}


def pipeline(
    project: Path, people: list[str], stages: list[Stage], status: Status, runs: Runs
) -> str:
    """What is at work, and a card of stages and curves for each person."""
    writing = writers(project)
    parts = [_about_status(status, bool(writing))]
    if runs.current is not None:
        parts.append(_run(runs.current))
    own = runs.current.process.pid if runs.current and runs.current.alive else None
    others = {pid: command for pid, command in writing.values() if not _within(pid, own)}
    for pid, command in others.items():
        parts.append(note_line(f"DVC is at work, not started here: process {pid}, {command}"))
    recorded = set(read_lock(project))
    for person in people:
        working = stages_at_work(project, stages, person, writing)
        if status.stages is None:
            states = [StageState(stage, "unknown") for stage in stages]
        else:
            states = stage_states(stages, status.stages, person, recorded)
        rows = "".join(_stage(state, state.stage.name in working) for state in states)
        stale = sum(state.state not in ("fresh", "unknown") for state in states)
        summary = {0: "up to date"}.get(stale, f"{stale} of {len(states)} stages to run")
        if status.stages is None:
            summary = ""
        parts.append(
            f'<section class="ls-card"><h2>{escape(person)} <small>{summary}</small></h2>'
            f'<ul class="ls-stages">{rows}</ul>{_trainings(project, person)}</section>'
        )
    return "".join(parts)


def _within(pid: int, ancestor: int | None) -> bool:
    """Whether a process is ``ancestor`` or came from it."""
    if ancestor is None:
        return False
    try:
        process = psutil.Process(pid)
        return ancestor in (process.pid, *(parent.pid for parent in process.parents()))
    except psutil.Error:
        return False


def _about_status(status: Status, working: bool) -> str:
    if status.checking:
        return note_line("Asking `dvc status` …")
    if working:
        known = f" What is shown is from {_when(status)}." if status.stages is not None else ""
        return note_line(f"A stage is running; `dvc status` is asked when it is done.{known}")
    if status.error:
        return error_line(f"dvc status: {status.error}")
    return note_line(f"Checked {_when(status)}.") if status.stages is not None else ""


def _when(status: Status) -> str:
    return time.strftime("%H:%M", time.localtime(status.checked))


def _run(run: Run) -> str:
    what = "training" if run.what == "generator" else "all stages"
    line = f"{run.person}, {what}: {run.outcome()}"
    failed = not run.alive and run.process.returncode != 0 and not run.stopped
    said = escape(run.tail(25))
    log = f'<details id="ls-log"><summary>Log</summary><pre>{said}</pre></details>'
    return (error_line(line) if failed else note_line(line)) + log


def _stage(state: StageState, working: bool) -> str:
    kind, word = ("running", "running") if working else (state.state, WORDS[state.state])
    reasons = list(state.reasons[:SHOWN_REASONS])
    if len(state.reasons) > SHOWN_REASONS:
        reasons.append(f"and {len(state.reasons) - SHOWN_REASONS} more")
    why = "; ".join(reasons)
    if state.state == "follows":
        why = f"after {', '.join(map(stage_words, state.reasons))}"
    return (
        f'<li class="ls-{kind}"><span class="ls-dot"></span>'
        f'<b title="{escape(state.stage.name)}">{escape(stage_words(state.stage.name))}</b>'
        f"<i>{word}</i><span>{escape(why)}</span></li>"
    )


def _trainings(project: Path, person: str) -> str:
    told = {telemetry.stage: telemetry for telemetry in trainings(project, person)}
    parts = []
    for stage in TRAININGS:
        telemetry = told.get(stage)
        rows = telemetry.losses if telemetry else finished_losses(project, person, stage)
        if not rows and telemetry is None:
            continue
        curves = curve("training loss", [(epoch, loss) for epoch, loss, _ in rows])
        curves += curve("held-out loss", [(epoch, loss) for epoch, _, loss in rows])
        told_of = progress(telemetry) if telemetry else ""
        parts.append(
            f'<div class="ls-training"><h3 title="{stage}">{stage_words(stage)}</h3>{told_of}'
            f'<div class="ls-curves">{curves}</div></div>'
        )
    return "".join(parts)


def progress(telemetry: Telemetry) -> str:
    """Epoch, rate and time left of a training; a bar while it runs."""
    running = training_process(telemetry) is not None
    done = telemetry.epoch + (telemetry.step / telemetry.steps if telemetry.steps else 0)
    words = [f"epoch {telemetry.epoch} of {telemetry.epochs}"]
    if running:
        words.append(f"{telemetry.rate:.3g} samples per second")
        words += [f"{duration(telemetry.left)} left"] if telemetry.left else []
    else:
        ended = "interrupted" if telemetry.state == "running" else telemetry.state
        words += [ended, ago(time.time() - telemetry.updated)]
    spans = "".join(f"<span>{escape(word)}</span>" for word in words)
    share = bar(done / telemetry.epochs, telemetry.stage) if running and telemetry.epochs else ""
    return f'<div class="ls-progress">{spans}</div>{share}'
