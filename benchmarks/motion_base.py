"""How well a base of motion predicts the expression of people whom it never saw.

    python benchmarks/motion_base.py WORK --targets outdoor_10s [--groups GROUPS.json]
        [--late LATE.json] [--numbers 2 4 8 | --base FILE]

WORK is a project in which `fit_geometry` and `extract_audio_features` have run for all its people.
For each target a base is trained over all the others, without those of the target's group (several
recordings of one person are one group), and asked about the target's held-out part. Printed is a
Markdown table of Pearson's r of the mouth's opening, with 95 % intervals of a moving-block
bootstrap, and of its spread over the real one:

- own: the network that the target's training part teaches, without a base
- base: the base as it is; of the target it knows mean, amplitude and mean audio feature
- adapted: as stage train_motion adapts it
- matched: spread of the adapted one's openings after they are matched, as the avatar shows them

With --numbers a base is trained over so many of the others, drawn by chance, too. With --base none
is trained: this file's is asked, like models/shared/base/motion.safetensors, whom the targets must
not have taught.
"""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from lipsync.base.motion import Speaker, motion_people
from lipsync.base.session import statistics
from lipsync.evaluation.bootstrap import BLOCK_SECONDS, Blocks, correlations, interval
from lipsync.geometry.storage import read_geometry
from lipsync.motion.adaptation import (
    MotionBase,
    adopt,
    between,
    choose_share,
    load_motion_base,
)
from lipsync.motion.calibration import calibrate
from lipsync.motion.data import MotionData, load_motion_data, matched_prediction, predict
from lipsync.motion.model import MotionNet
from lipsync.motion.params import MotionParams
from lipsync.motion.task import MotionTask
from lipsync.params import load_params
from lipsync.training.loop import Task
from lipsync.training.params import SplitParams
from lipsync.training.split import split_frames
from lipsync.training.state import TrainingState
from lipsync.training.together import Together

SEED = 0


@dataclass(frozen=True)
class Answer:
    """Openings (H,) of the held-out part, what was chosen, and the openings that are shown."""

    opening: np.ndarray
    chosen: str = ""
    matched: np.ndarray | None = None


def load_speaker(work: Path, name: str, split: SplitParams, late: float) -> Speaker:
    """A person of the project ``work``, on the CPU; late: frames by which the audio comes late."""
    folder = work / "data" / name
    data = load_motion_data(folder / "geometry.npz", folder / "speech.npz")
    columns = data.speech.unflatten(1, (data.instants, -1)).flatten(0, 1)  # (rows x I, D / I)
    moved = torch.roll(columns, -round(late * data.instants), 0)
    data = replace(data, speech=moved.unflatten(0, (-1, data.instants)).flatten(1))
    model, track = read_geometry(folder / "geometry.npz")
    return Speaker(name, data, model, track, split_frames(data.valid, data.fps, split))


def train(model: MotionNet, task: Task, params: MotionParams) -> MotionNet:
    """Average of the weights after ``params.epochs``."""
    task.warm_up()
    state = TrainingState(model, params)
    for epoch in range(params.epochs):
        for step in range(task.steps()):
            state.update(task.losses(epoch, step)["loss"])
    assert isinstance(state.ema, MotionNet)
    return state.ema.eval()


def train_base(speakers: list[Speaker], params: MotionParams) -> MotionBase:
    """As stage train_base does it."""
    basis, people = motion_people(speakers)
    first = people[0].data
    torch.manual_seed(SEED)
    model = MotionNet(
        first.speech_dimension, first.instants, len(basis.components), **params.architecture()
    )
    parts = [each.data.rows(each.split.training) for each in people]
    model.standardize.take(*statistics(parts))
    tasks = {
        each.name: MotionTask(model, each.data, each.split, params, SEED, of="base")
        for each in people
    }
    return MotionBase(train(model, Together(tasks, SEED), params), basis)


def held_out(speaker: Speaker) -> np.ndarray:
    """(H,) frames with a face."""
    data = speaker.data
    return np.flatnonzero(data.valid & (np.arange(data.frames) >= speaker.split.validation_start))


def opening(model: MotionNet, speaker: Speaker) -> np.ndarray:
    """(H,) predicted for the held-out part."""
    data = speaker.data
    assert isinstance(data, MotionData)
    return data.shape.opening(predict(model, data, held_out(speaker)))


def ask_own(speaker: Speaker, params: MotionParams) -> Answer:
    """What the target's own training part teaches."""
    data = speaker.data
    assert isinstance(data, MotionData)
    torch.manual_seed(SEED)
    model = MotionNet(
        data.speech_dimension, data.instants, data.shape.n_components, **params.architecture()
    )
    task = MotionTask(model, data, speaker.split, params, SEED)
    model = train(model, task, params)
    found = calibrate(model, data, task.targets, params)
    return Answer(opening(model, speaker), f"ridge {found.share:.1f}, gain {found.gain:.2f}")


def ask_base(speaker: Speaker, base: MotionBase, params: MotionParams) -> tuple[Answer, Answer]:
    """The base as it is, and adapted."""
    data = speaker.data
    assert isinstance(data, MotionData)
    training = np.flatnonzero(data.valid[: speaker.split.training_end])
    torch.manual_seed(SEED)
    adopted = adopt(base, data, training)
    model = adopt(base, data, training)
    task = MotionTask(model, data, speaker.split, params, SEED, of="adapted")
    trained = train(model, task, params)
    alone = between(adopted, trained, 0.0)
    alone.share.fill_(0)
    alone.gain.fill_(1)
    share, adapted = choose_share(adopted, trained, data, task.targets)
    found = calibrate(adapted, data, task.targets, params, trusted=True)
    chosen = f"adaptation {share:.2f}, ridge {found.share:.1f}, gain {found.gain:.2f}"
    everything = np.arange(data.frames)
    shown = matched_prediction(adapted, data, everything)(held_out(speaker))
    matched = data.shape.opening(shown)
    return Answer(opening(alone, speaker)), Answer(opening(adapted, speaker), chosen, matched)


def filmed(speaker: Speaker) -> np.ndarray:
    """(H,) openings of the held-out part."""
    data = speaker.data
    assert isinstance(data, MotionData)
    return data.shape.opening(data.expression.numpy()[held_out(speaker)])


def cell(answer: Answer, speaker: Speaker) -> str:
    """r with its interval, and the spread."""
    data, real = speaker.data, filmed(speaker)
    blocks = Blocks(len(real), BLOCK_SECONDS * data.fps)
    edges = interval(correlations(blocks, answer.opening, real))
    r = np.corrcoef(answer.opening, real)[0, 1]
    within = f" ({edges[0]:.2f} … {edges[1]:.2f})" if edges else ""
    return f"{r:.2f}{within}; {answer.opening.std() / real.std():.2f}"


def row(speaker: Speaker, number: str, base: MotionBase, own: Answer, params: MotionParams) -> str:
    """A line of the table."""
    answers = (own, *ask_base(speaker, base, params))
    cells = [cell(answer, speaker) for answer in answers]
    assert answers[2].matched is not None
    cells.append(f"{answers[2].matched.std() / filmed(speaker).std():.2f}")
    chosen = f"{answers[2].chosen}; own: {own.chosen}"
    return f"| {' | '.join([speaker.name, number, *cells, chosen])} |"


def main() -> None:
    """Print the table, a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--targets", nargs="+", required=True)
    parser.add_argument("--groups", type=Path, help="JSON: recording -> person")
    parser.add_argument("--late", type=Path, help="JSON: recording -> frames of late audio")
    parser.add_argument("--without", nargs="*", default=[], help="recordings to leave out")
    parser.add_argument("--numbers", nargs="*", type=int, default=[], help="of people in a base")
    parser.add_argument("--base", type=Path, help="file of a base of motion that is asked")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    torch.set_num_threads(1)
    everything = load_params(work / "params.yaml")
    params = everything.shared()[MotionParams]
    late = json.loads(arguments.late.read_text()) if arguments.late else {}
    groups = json.loads(arguments.groups.read_text()) if arguments.groups else {}
    known = sorted(path.parent for path in work.glob("data/*/geometry.npz"))
    names = [folder.name for folder in known if (folder / "speech.npz").exists()]
    speakers = {
        name: load_speaker(work, name, everything.for_person(name)[SplitParams], late.get(name, 0))
        for name in names
        if name not in arguments.without
    }
    print("| target | people in the base | own | base | adapted | matched | chosen |")
    print("|---|---|---|---|---|---|---|")
    for target in arguments.targets:
        speaker, group = speakers[target], groups.get(target, target)
        others = [each for name, each in speakers.items() if groups.get(name, name) != group]
        own = ask_own(speaker, params)
        order = np.random.default_rng(SEED).permutation(len(others))

        if arguments.base:
            print(row(speaker, "", load_motion_base(arguments.base), own, params), flush=True)
            continue
        for number in (*(n for n in arguments.numbers if n < len(others)), len(others)):
            base = train_base([others[i] for i in sorted(order[:number])], params)
            print(row(speaker, str(number), base, own, params), flush=True)


if __name__ == "__main__":
    main()
