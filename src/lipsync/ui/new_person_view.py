"""What the page says of a new person's video and training, as HTML."""

import hashlib
import time
from html import escape
from pathlib import Path
from typing import Any

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path
from lipsync.ui.new_person import NewPerson, Situation, State, has_face, last_picture
from lipsync.ui.pipeline_view import progress
from lipsync.ui.runs import trainings
from lipsync.ui.teleprompter import ADVICE, TEXT
from lipsync.ui.words import bar, duration, error_line, stage_words, warning_lines
from lipsync.ui.workspace import Workspace, url

MEANING = {
    "green": "fit to be trained on",
    "amber": "can be trained on; better is possible",
    "red": "not worth training on as it is",
}
RECORDER_BUTTONS = {  # by what `recorder.js` does
    "open": "Open the camera",
    "record": "Record",
    "close": "Close the camera",
    "stop": "Stop and use it",
    "discard": "Discard",
    "use": "Use the recording",
}
FIGURE = ("name", "label", "value", "unit", "verdict", "advice")  # keys of one in profile.json
WORST_FIRST = ("red", "amber", "green")


def situation_card(now: Situation, new: NewPerson, workspace: Workspace) -> str:
    """All that there is to see, whatever the phase; nothing before there is a video."""
    if now.state is None:
        return ""
    mark = f'<span hidden data-phase="{now.phase}" data-file="{escape(now.state.file)}"></span>'
    return mark + _cards(now, now.state, new, workspace)  # `recorder.js` reads the mark


def _cards(now: Situation, state: State, new: NewPerson, workspace: Workspace) -> str:
    if now.phase == "checking":
        return _headed(state, checking_card(now, new, workspace))
    if now.phase == "refused":
        return _headed(state, error_line(now.why))
    parts = []
    if now.phase != "ready":
        parts.append(training_card(now, new, workspace))
    if now.profile is not None:
        report = report_card(now.profile, new.folder / "profile.png", workspace)
        told = error_line(now.unfit) if now.unfit else ""
        parts.append(_headed(state, told + warning_lines(now.warnings) + report))
    return "".join(parts)


def _headed(state: State, content: str) -> str:
    return (
        f'<section class="ls-card"><h2>Source video <small>{escape(state.file)}</small></h2>'
        f"{content}</section>"
    )


def checking_card(now: Situation, new: NewPerson, workspace: Workspace) -> str:
    """How much was read, the time left, and the first look where there is one."""
    words = "Reading all frames of the video"
    if now.checked:
        spent = time.time() - now.check_began
        left = duration(spent * (1 - now.checked) / now.checked)
        words += f": {now.checked:.0%}, about {left} left"
    card = f"<p>{words}</p>{bar(now.checked, 'Frames read')}"
    if now.first_look is None:
        return card
    first = now.first_look
    verdict, frames = str(first["verdict"]), int(first["picture"]["frames"])
    lead = f"so far {verdict}: {MEANING[verdict]}; seen from {frames} frames"
    if not has_face(first):
        lead = f"so far red: no face in {frames} frames"
    strip = new.folder / "first_look.jpg"
    return card + _lead(verdict, lead) + _strip(strip, workspace) + _lights(first)


def _strip(path: Path, workspace: Workspace) -> str:
    try:
        place = escape(url(workspace.copy(path)))
    except LipsyncError:
        return ""
    return f'<img class="ls-strip" src="{place}" alt="Frames from the beginning to the end">'


def _lead(verdict: str, words: str) -> str:
    return (
        f'<p class="ls-verdict ls-{verdict}" data-say="{escape(words)}">'
        f'<span class="ls-lamp"></span>{words}</p>'
    )


def report_card(profile: dict[str, Any], page: Path, workspace: Workspace) -> str:
    """Traffic lights, worst first, and the shot timeline; ``profile`` is profile.json."""
    verdict = str(profile["verdict"])
    lead = f"{verdict}: {MEANING[verdict]}"
    if not has_face(profile):
        lead = "red: no face was found; nothing can be trained on this video"
    return _lead(verdict, lead) + timeline(profile) + _lights(profile) + _page(page, workspace)


def _lights(profile: dict[str, Any]) -> str:
    """Amber and red figures, the worst first; green ones folded away."""
    figures = profile["figures"]
    wanted = [f for kind in WORST_FIRST[:2] for f in figures if f["verdict"] == kind]
    good = [figure for figure in figures if figure["verdict"] == "green"]
    lights = f'<ul class="ls-lights">{"".join(map(_light, wanted))}</ul>' if wanted else ""
    if good:
        count = "1 figure is" if len(good) == 1 else f"{len(good)} figures are"
        lights += (
            f'<details id="ls-good"><summary>{count} green</summary>'
            f'<ul class="ls-lights">{"".join(map(_light, good))}</ul></details>'
        )
    return lights


def _light(figure: dict[str, Any]) -> str:
    name, verdict = escape(str(figure["label"])), figure["verdict"]
    return (
        f'<li class="ls-{verdict}"><span class="ls-lamp"></span><i>{verdict}</i>'
        f"<b>{name}</b><span>{escape(_value(figure))}</span>"
        f"<span>{escape(str(figure['advice']))}</span></li>"
    )


def _value(figure: dict[str, Any]) -> str:
    """As `lipsync profile` prints it."""
    from lipsync.profiling.rules import Figure

    key, label, value, unit, verdict, advice = (figure[part] for part in FIGURE)
    return Figure(key, label, value, unit, verdict, advice, {}).text()


def timeline(profile: dict[str, Any]) -> str:
    """Shots side by side, with what of them is not used."""
    told, picture = profile["timeline"], profile["picture"]
    frames, fps = int(picture["frames"]), float(picture["fps"])
    unused = told["unused"]
    rects = "".join(
        f'<rect class="ls-{escape(one["reason"].replace(" ", "-"))}" y="4" height="22" '
        f'x="{1000 * one["frames"][0] / frames:.1f}" '
        f'width="{max(1.0, 1000 * (one["frames"][1] - one["frames"][0]) / frames):.1f}">'
        f"<title>{escape(one['reason'])}</title></rect>"
        for one in unused
    )
    lines = "".join(
        f'<line x1="{1000 * cut / frames:.1f}" x2="{1000 * cut / frames:.1f}" y1="0" y2="30"/>'
        for cut in told["cuts"]
    )
    shots = len(told["cuts"]) + 1
    words = f"{shots} shot{'s' if shots > 1 else ''}, {duration(frames / fps)}; "
    words += f"{told['usable']:.0%} of the frames usable"
    keys = "".join(
        f'<span class="ls-{escape(reason.replace(" ", "-"))}"><i></i>'
        f"{escape(reason)} {duration(seconds)}</span>"
        for reason, seconds in told["unused_seconds"].items()
    )
    return (
        f'<figure class="ls-shots"><svg viewBox="0 0 1000 30" preserveAspectRatio="none" '
        f'role="img" aria-label="{escape(words)}">'
        '<rect class="ls-usable" y="4" height="22" width="1000"/>'
        f"{rects}{lines}</svg><figcaption>{escape(words)} {keys}</figcaption></figure>"
    )


def _page(page: Path, workspace: Workspace) -> str:
    try:
        place = escape(url(workspace.copy(page)))
    except LipsyncError:
        return ""
    return (
        f'<details id="ls-curves"><summary>Frames and curves</summary>'
        f'<a href="{place}" target="_blank"><img src="{place}" alt="Faces from the leftmost to the '
        'rightmost, mouth opening, head angles and loudness over time"></a></details>'
    )


def training_card(now: Situation, new: NewPerson, workspace: Workspace) -> str:
    """Progress by stage, time left, and the sample frames of the last epoch."""
    assert now.state is not None
    person = now.state.person
    done = len(now.stages) - len(now.left)
    words = {
        "training": f"{done} of {len(now.stages)} stages done",
        "stopped": now.why,
        "finished": "ready to speak",
    }[now.phase]
    if now.phase == "training" and now.why.startswith("stopping"):
        words = now.why
    left = f", about {duration(now.time_left)} left" if now.time_left else ""
    running, share = _running(now, new.project)
    rows = "".join(_stage(stage.name, now) for stage in now.stages)
    bar_ = (
        bar((done + share) / max(1, len(now.stages)), "All stages")
        if now.phase == "training"
        else ""
    )
    failed = now.phase == "stopped" and now.why.startswith("failed")
    head = (
        error_line(words) if failed else f'<p data-say="{escape(words)}">{escape(words)}{left}</p>'
    )
    return (
        f'<section class="ls-card"><h2>{escape(person)}</h2>{head}{bar_}{running}'
        f'<div class="ls-shown"><ul class="ls-stages">{rows}</ul>'
        f"{_picture(new.project, person, workspace)}</div>{_log(new)}</section>"
    )


def _running(now: Situation, project: Path) -> tuple[str, float]:
    """What the training that runs says of itself, and how far it is, 0..1."""
    assert now.state is not None
    for told in trainings(project, now.state.person):
        if now.phase == "training" and told.stage in now.working and told.epochs:
            part = told.epoch + (told.step / told.steps if told.steps else 0)
            head = f"<h3>{escape(stage_words(told.stage))}</h3>"
            return head + progress(told), min(1.0, part / told.epochs)
    return "", 0.0


def _stage(name: str, now: Situation) -> str:
    if name in now.working:
        kind, word = "running", "running"
    elif name in now.left:
        kind, word = "waiting", "to do"
    else:
        kind, word = "fresh", "done"
    return (
        f'<li class="ls-{kind}"><span class="ls-dot"></span>'
        f"<b>{escape(stage_words(name))}</b><i>{word}</i></li>"
    )


def _picture(project: Path, person: str, workspace: Workspace) -> str:
    """The refiner's newest sample, copied to where browsers may see it."""
    found = last_picture(project, person)
    if found is None:
        return ""
    name, data = found
    target = workspace.pictures / f"{hashlib.sha256(data).hexdigest()[:32]}.jpg"
    if not target.exists():
        with atomic_path(target) as temporary:
            temporary.write_bytes(data)
    epoch = int(name.removeprefix("epoch_").removesuffix(".jpg"))
    words = f"Held-out frames after epoch {epoch}"
    return (
        f'<figure class="ls-picture"><img src="{escape(url(target))}" alt="{words}">'
        f"<figcaption>{words}</figcaption></figure>"
    )


def _log(new: NewPerson) -> str:
    run = new.runs.current
    if run is None:
        return ""
    said = escape(run.tail(25))
    return f'<details id="ls-said"><summary>Log</summary><pre>{said}</pre></details>'


def recorder(max_upload: int) -> str:
    """The camera, with the advice and the text to read; `recorder.js` makes it work."""
    advice = "".join(f"<li>{escape(line)}</li>" for line in ADVICE)
    text = "".join(f"<p>{escape(line)}</p>" for line in TEXT)
    buttons = "".join(
        f'<button type="button" class="ls-do" data-do="{do}"{"" if do == "open" else " hidden"}>'
        f"{words}</button>"
        for do, words in RECORDER_BUTTONS.items()
    )
    return (
        f'<div class="ls-recorder" data-most="{max_upload}">'
        f'<details open id="ls-advice"><summary>How to record</summary><ul>{advice}</ul></details>'
        '<video muted playsinline hidden aria-label="Your camera"></video>'
        f'<div class="ls-prompter" hidden tabindex="0" role="region" aria-label="Text to read">'
        f'{text}</div><p class="ls-note" role="status" aria-live="polite"></p>'
        f'<div class="ls-row">{buttons}<a class="ls-button" data-do="save" '
        'download="recording.webm" hidden>Save the recording</a></div></div>'
    )
