"""A finished training's history for people and for DVC.

The history lives in the state and is replayed here in one go, so the files are the same whether the
training ran once or in ten pieces.
"""

import json
from pathlib import Path
from typing import Any

from lipsync.training.state import TrainingState


def write_history(
    folder: Path,
    state: TrainingState,
    about: dict[str, Any],
    figures: dict[str, float] | None = None,
) -> None:
    """Write dvclive's metrics and plots, training_log.json, loss_history.png and sample pictures.

    Args:
        folder: an out of the stage; made if needed
        about: settings worth reading beside the figures, JSON
        figures: of the finished model, beside those of the last epoch
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures = figures or {}
    replay(folder, state.progress.history, figures)
    log = {"about": about | rounded(figures), "best_epoch": state.progress.best_epoch}
    log |= {"history": [rounded(row) for row in state.progress.history]}
    (folder / "training_log.json").write_text(json.dumps(log, indent=1) + "\n")
    plot_losses(folder / "loss_history.png", state.progress.history, state.progress.best_epoch)
    for name, data in state.pictures.items():
        (folder / "samples").mkdir(exist_ok=True)
        (folder / "samples" / name).write_bytes(data)


def replay(folder: Path, history: list[dict[str, float]], figures: dict[str, float]) -> None:
    """dvclive's files for all epochs, with explicit steps."""
    from dvclive import Live

    with Live(str(folder), dvcyaml=None, save_dvc_exp=False, report=None) as live:
        for row in history:
            live.step = int(row["epoch"])
            for key, value in rounded(row).items():
                if key != "epoch":
                    live.log_metric(key, value)
    write_summary(folder / "metrics.json", history[-1], figures)


def write_summary(path: Path, row: dict[str, float], figures: dict[str, float]) -> None:
    """Held-out figures of the last epoch and the model, in place of all that dvclive would list."""
    held_out = {
        key.removeprefix("validation/"): value
        for key, value in rounded(row).items()
        if key.startswith("validation/")
    }
    summary = {"epoch": int(row["epoch"])} | held_out | rounded(figures)
    path.write_text(json.dumps(summary, indent=2) + "\n")


def rounded(row: dict[str, float]) -> dict[str, float]:
    """Five significant digits: enough to compare, short enough to read."""
    return {key: float(f"{value:.5g}") if key != "epoch" else value for key, value in row.items()}


def plot_losses(path: Path, history: list[dict[str, float]], best_epoch: int) -> None:
    """Training and held-out loss over epochs, the held-out minimum marked.

    Each has its own axis: the one is the weighted sum that is minimised, the other a plain
    measure, so their distance means nothing.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.5), layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, part, title in zip(
        panels, ("train", "validation"), ("training", "held out"), strict=True
    ):
        rows = [row for row in history if f"{part}/loss" in row]  # none where nothing was trained
        axes.plot([row["epoch"] for row in rows], [row[f"{part}/loss"] for row in rows])
        axes.set(title=title, xlabel="epoch", ylabel="loss")
        axes.grid(alpha=0.3)
    axes = panels[1]
    best = next(row for row in history if row["epoch"] == best_epoch)["validation/loss"]
    axes.plot([best_epoch], [best], "o", color="C1")
    axes.annotate(
        f"minimum {best:.4g} at epoch {best_epoch}",
        (best_epoch, best),
        xytext=(0, 12),
        textcoords="offset points",
        ha="center",
    )
    figure.savefig(path, dpi=110)
