"""What a training tells beside dvclive's curves: histograms of weights, TensorBoard's events."""

import shutil
from pathlib import Path

import numpy as np
from torch import nn

from lipsync.errors import LipsyncError
from lipsync.files import atomic_path
from lipsync.training.state import TrainingState

BINS = 60
DPI = 100


def weights_by_layer(model: nn.Module) -> dict[str, np.ndarray]:
    """Every parameter's values, flat, by its name."""
    return {
        name: parameter.detach().cpu().float().numpy().ravel()
        for name, parameter in model.named_parameters()
    }


def plot_weights(path: Path, model: nn.Module) -> None:
    """One histogram for each parameter, as PNG."""
    from matplotlib.figure import Figure

    weights = weights_by_layer(model)
    rows = -(-len(weights) // 4)
    figure = Figure(figsize=(12, 1.8 * rows), layout="constrained")
    panels = np.atleast_1d(figure.subplots(rows, 4)).ravel()
    for axes, (name, values) in zip(panels, weights.items(), strict=False):
        axes.hist(values, BINS)
        axes.set_title(name, fontsize=7)
        axes.tick_params(labelsize=6)
    for axes in panels[len(weights) :]:
        axes.set_axis_off()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=DPI)


def write_events(folder: Path, state: TrainingState, histograms: bool) -> None:
    """TensorBoard's event file of the whole history; an earlier one is replaced.

    Event files hold times and the machine's name, so they are no outs of a stage. Raises
    LipsyncError where TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise LipsyncError(
            "visemes/params.yaml: report.tensorboard: needs tensorboard, which is not installed; "
            'run `uv pip install -e ".[tensorboard]"`, or set it to false'
        ) from None
    shutil.rmtree(folder, ignore_errors=True)
    with SummaryWriter(str(folder)) as writer:
        for row in state.progress.history:
            for key, value in row.items():
                if key != "epoch":
                    writer.add_scalar(key, value, int(row["epoch"]))
        if histograms:
            for name, values in weights_by_layer(state.ema).items():
                writer.add_histogram(name, values, state.progress.epoch)
