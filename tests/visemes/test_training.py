"""Batches, augmentation, schedules; a training that learns, and one that is interrupted."""

import numpy as np
import pytest
import torch

from lipsync.training.checkpoints import Checkpoints
from lipsync.training.device import Compute, step_generator
from lipsync.training.loop import fit
from lipsync.visemes import augment as change
from lipsync.visemes.batches import Batches, collate
from lipsync.visemes.corpus import Utterance
from lipsync.visemes.labels import IGNORED, SILENCE
from lipsync.visemes.losses import viseme_loss
from lipsync.visemes.params import AugmentParams, VisemeParams
from lipsync.visemes.schedule import ScheduledState, rate_share
from lipsync.visemes.session import prepare_model
from lipsync.visemes.statistics import QUIET
from lipsync.visemes.task import VisemeTask, in_batches
from lipsync.visemes.telemetry import write_events

CPU = Compute(torch.device("cpu"), torch.float32)
SMALL = {
    "model": {"layers": 3, "channels": 16, "lookahead": 3, "dropout": 0.1},
    "train": {"batch_seconds": 6.0, "learning_rate": 1e-2, "ema_decay": 0.9},
}


def small(**more) -> VisemeParams:
    values = {key: SMALL.get(key, {}) | more.pop(key, {}) for key in SMALL}
    return VisemeParams.model_validate(values | more)


def started(corpus, params: VisemeParams) -> tuple[VisemeTask, ScheduledState]:
    model = prepare_model(corpus, params, CPU)
    task = VisemeTask(model, corpus, params, CPU)
    return task, ScheduledState(model, params.train, params.epochs * task.steps())


def test_batches_hold_every_utterance_once_an_epoch_and_little_padding():
    draw = np.random.default_rng(0)
    utterances = [
        Utterance(str(i), "a", 0, int(length), False)
        for i, length in enumerate(draw.integers(50, 1500, 300))
    ]
    batches = Batches(utterances, 6000, seed=1)
    orders = []
    for epoch in range(2):
        epoch_batches = [batches.batch(epoch, step) for step in range(len(batches))]
        names = [u.name for batch in epoch_batches for u in batch]
        assert sorted(names) == sorted(u.name for u in utterances)
        orders.append(names)
        padded = sum(len(b) * max(u.frames for u in b) for b in epoch_batches)
        assert padded < 1.15 * sum(u.frames for u in utterances)  # unsorted it is 1.7
        assert max(len(b) * max(u.frames for u in b) for b in epoch_batches) < 1.3 * 6000
    assert orders[0] != orders[1]
    assert [u.name for u in batches.batch(0, 3)] == [u.name for u in batches.batch(0, 3)]


def test_labels_come_a_lookahead_after_their_columns(corpus):
    first, second = corpus.utterances[0], min(corpus.utterances, key=lambda u: u.frames)
    columns, labels = collate(corpus, [first, second], lookahead=4)
    assert columns.shape[1] == labels.shape[1] == max(first.frames, second.frames) + 4
    row = labels[0].numpy()
    assert (row[:4] == IGNORED).all()
    assert np.array_equal(row[4 : 4 + first.frames], corpus.labels[first.part])
    assert np.array_equal(columns[0, : first.frames].numpy(), corpus.features[first.part])
    assert (columns[1, second.frames :] == QUIET).all()
    assert (labels[1, 4 + second.frames :] == IGNORED).all()


def test_one_cycle_rises_and_ends_near_nothing():
    rates = [rate_share("one_cycle", step, 100, 50) for step in range(100)]
    assert rates[0] == pytest.approx(0.04)
    assert rates[30] == 1
    assert rates[-1] == pytest.approx(1e-3)
    assert (np.diff(rates[:31]) > 0).all()
    assert (np.diff(rates[30:]) < 0).all()


def test_cosine_and_constant_warm_up():
    cosine = [rate_share("cosine", step, 100, 10) for step in range(100)]
    assert cosine[0] == pytest.approx(0.1)
    assert cosine[50] == pytest.approx(0.5, abs=0.02)
    assert cosine[-1] == pytest.approx(1e-3)
    constant = [rate_share("constant", step, total, 10) for step in (0, 9, 99) for total in (9, 99)]
    assert constant == pytest.approx([0.1, 0.1, 1, 1, 1, 1])


AHEAD = 7  # lookahead, frames


def augmented(columns, labels, **on):
    """With only these parts of the augmentation on."""
    nothing = dict.fromkeys(("gain", "noise", "warp", "tilt", "silence", "time_masks",
                             "frequency_masks"), 0)  # fmt: skip
    params = AugmentParams(**nothing | on)
    return change.augment(columns, labels, params, AHEAD, step_generator(5))


@pytest.fixture(scope="module")
def batch(corpus):
    return collate(corpus, corpus.utterances[:6], AHEAD)


def test_no_augmentation_is_the_identity(batch):
    columns, labels = augmented(*batch)
    assert torch.equal(columns, batch[0].clamp_min(QUIET))
    assert torch.equal(labels, batch[1])


def test_gain_is_the_same_number_of_decibels_everywhere(batch):
    columns, _ = augmented(*batch, gain=10)
    loud = (batch[0] > QUIET + 3) & (columns > QUIET)
    for row in range(len(columns)):
        added = (columns - batch[0])[row][loud[row]]
        assert added.std() < 1e-4
        assert 0.01 < abs(float(added.mean())) < 2.4  # 10 dB are 2.3 nepers


def test_noise_raises_quiet_frames_and_leaves_loud_ones(batch):
    columns, _ = augmented(*batch, noise=1.0, snr=(20.0, 20.0))
    added = columns - batch[0]
    assert added.min() >= 0
    mean = batch[0].mean(2)
    quiet = batch[1] == SILENCE
    assert added.mean(2)[quiet & (mean < 4)].mean() > 2
    loudest = batch[0].amax((1, 2), keepdim=True)
    assert added[batch[0] > loudest - 2].max() < 0.3


def test_a_longer_vocal_tract_moves_a_peak(batch):
    peak = torch.zeros(64, 5, 80)
    peak[:, :, 40] = 10
    moved = change.warp(peak, 0.1, step_generator(1)).argmax(2)[:, 0]
    assert {36, 37, 38, 42, 43, 44} & set(moved.tolist())
    assert 35 <= moved.min() < 40 < moved.max() <= 45


def test_what_falls_silent_is_silence_to_say(batch):
    """Silent columns c are silent labels c + AHEAD, as label t is of the frame AHEAD before."""
    columns, labels = augmented(*batch, silence=1.0, breath=0)
    silent = (columns != batch[0]).any(2)
    of_label = torch.zeros_like(silent)  # is the column of label t's frame silent?
    of_label[:, AHEAD:] = silent[:, :-AHEAD]
    known = batch[1] != IGNORED
    assert (of_label & known).any(1).sum() >= 4  # others fell into the padding
    assert (labels[of_label & known] == SILENCE).all()
    assert torch.equal(labels[~of_label], batch[1][~of_label])
    assert (labels != batch[1]).any()
    assert torch.equal(labels == IGNORED, batch[1] == IGNORED)
    assert columns[silent].max() <= QUIET + 3


def test_a_breath_is_noise_far_below_the_speech_and_silence_to_say(batch):
    quiet, labels = augmented(*batch, silence=1.0, breath=0)
    columns, breathed = augmented(*batch, silence=1.0, breath=1.0)
    assert torch.equal(labels, breathed)
    silent = (columns != batch[0]).any(2)
    assert torch.equal(silent, (quiet != batch[0]).any(2))  # nothing else is changed
    loudest = change.loudness(batch[0])
    for row in range(len(columns)):
        inside = columns[row][silent[row]]  # (frames, 80)
        if len(inside) < change.STRETCH[0]:
            continue
        over = inside.mean(1)
        middle = slice(len(over) // 3, -(len(over) // 3))
        assert over[middle].mean() > over[[0, 1, -2, -1]].mean()  # it swells and fades
        assert inside.max() < loudest[row] - 5 * change.NEPER


def test_the_validation_loss_is_the_mean_over_classes_as_they_are_weighed(corpus):
    """In batches of any size: the loss of all held-out frames at once."""
    weighed = {"loss": {"class_weights": "inverse", "label_smoothing": 0.0}}
    task, _ = started(corpus, small(epochs=1, **weighed))
    task.model.eval()
    torch.nn.init.normal_(task.model.head.weight)
    with torch.no_grad():
        found = task.validate(task.model)["loss"]
        columns, labels = collate(corpus, task.held_out, task.model.lookahead)
        wanted = viseme_loss(task.model(columns), labels, task.weights, task.params.loss)
    assert len(in_batches(task.held_out, task.params.train.batch_seconds)) > 1
    assert found == pytest.approx(float(wanted), rel=1e-4)


def test_events_for_tensorboard_hold_every_epoch(corpus, tmp_path):
    pytest.importorskip("tensorboard", reason="needs the extra `tensorboard`")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    _, state = started(corpus, small(epochs=2))
    state.progress.history = [{"epoch": 1, "train/loss": 2.5}, {"epoch": 2, "train/loss": 1.5}]
    (tmp_path / "events").mkdir()
    (tmp_path / "events/of_an_earlier_training").touch()
    write_events(tmp_path / "events", state, histograms=True)
    events = EventAccumulator(str(tmp_path / "events"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("train/loss")] == [(1, 2.5), (2, 1.5)]
    assert "head.weight" in events.Tags()["histograms"]
    assert not (tmp_path / "events/of_an_earlier_training").exists()


def test_masks_hide_features_and_leave_labels(batch):
    columns, labels = augmented(*batch, time_masks=1, time_mask=8)
    assert torch.equal(labels, batch[1])
    for before, after in zip(batch[0], columns, strict=True):
        rows = np.flatnonzero((before != after).any(1).numpy())
        assert len(rows) <= 8
        assert len(rows) == 0 or rows[-1] - rows[0] < 8
    bands, _ = augmented(*batch, frequency_masks=2, frequency_mask=12)
    hidden = (bands != batch[0]).any(1).sum(1)
    assert 0 < hidden.max() <= 24


def test_it_learns_and_a_held_out_speaker_gains(corpus, tmp_path):
    params = small(epochs=12)
    task, state = started(corpus, params)
    with Checkpoints(tmp_path, "x") as checkpoints:
        fit(task, state, params.epochs, checkpoints, "test")
    first, last = state.progress.history[0], state.progress.history[-1]
    assert last["train/loss"] < first["train/loss"] - 0.5
    assert last["validation/accuracy"] > 0.8
    assert last["validation/macro_f1"] > 0.75


def test_a_training_that_stops_anywhere_ends_with_the_same_weights(corpus, tmp_path):
    params = small(epochs=3)

    def run(folder, stop_after: int | None):
        task, state = started(corpus, params)
        if stop_after is not None:
            whole = task.losses

            def interrupted(epoch, step):
                if epoch * task.steps() + step == stop_after:
                    raise KeyboardInterrupt
                return whole(epoch, step)

            task.losses = interrupted
        with Checkpoints(folder, "x") as checkpoints:
            try:
                fit(task, state, params.epochs, checkpoints, "test")
            except KeyboardInterrupt:
                return None
        return state

    at_once = run(tmp_path / "once", None)
    assert run(tmp_path / "twice", started(corpus, params)[0].steps() + 1) is None
    resumed = run(tmp_path / "twice", None)
    assert resumed.progress.total_steps == at_once.progress.total_steps
    for name, weights in at_once.ema.state_dict().items():
        assert torch.equal(weights, resumed.ema.state_dict()[name]), name
    rows = (at_once.progress.history, resumed.progress.history)
    assert rows[0] == rows[1]
