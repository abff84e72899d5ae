"""Train on the penguins, print how well the model does on rows it has not seen, and draw it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from tabulate import tabulate

from ludwig.api import LudwigModel, TrainingStats

HERE = Path(__file__).parent


def main() -> None:
    mpl.use("Agg")  # draws into files, needs no screen
    model = LudwigModel(str(HERE / "config.yaml"))
    scores, history, data, folder = model.experiment(
        dataset=str(HERE / "penguins.csv"), experiment_name="penguins", skip_save_processed_input=True
    )
    assert scores is not None, "the config leaves no rows for the test split"

    print(f"Trained on {len(data.training_set)} penguins; scores on {len(data.test_set)} others:\n")
    print(tabulate(_rows(scores), headers=["output", "metric", "value"], floatfmt=".4g"))
    print(f"\nModel and statistics: {folder}")
    print(f"Picture: {_draw(scores, history, Path(folder) / 'penguins.png')}")


def _rows(scores: dict[str, Any]) -> Iterator[tuple[str, str, float]]:
    """Every statistic that is a single number."""
    for output, statistics in scores.items():
        for metric, value in statistics.items():
            if isinstance(value, float):
                yield output, metric, value


def _draw(scores: dict[str, Any], history: TrainingStats, path: Path) -> Path:
    figure, axes = plt.subplots(1, 3, figsize=(15, 4.5), layout="constrained")
    for ax, output in zip(axes, ["species", "body_mass_g"], strict=False):
        _draw_curves(ax, output, history)
    _draw_confusion(axes[2], scores["species"])
    figure.savefig(path, dpi=120)
    plt.close(figure)
    return path


def _draw_curves(ax: Axes, output: str, history: TrainingStats) -> None:
    interval = history.evaluation_frequency
    for split in ("training", "validation"):
        losses = history[split][output]["loss"]
        ax.plot([place * interval.frequency for place in range(1, len(losses) + 1)], losses, label=split)
    ax.set(title=f"Loss of {output}", xlabel=interval.period, ylabel="loss", yscale="log")
    ax.legend()


def _draw_confusion(ax: Axes, statistics: dict[str, Any]) -> None:
    counts, labels = statistics["confusion_matrix"], list(statistics["per_class_stats"])
    ax.imshow(counts, cmap="Blues")
    ax.set(title="Species of the test penguins", xlabel="predicted", ylabel="true")
    ax.set_xticks(range(len(labels)), labels)
    ax.set_yticks(range(len(labels)), labels)
    darkest = max(max(row) for row in counts)
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            ax.text(j, i, f"{count:.0f}", ha="center", va="center", color="white" if count > darkest / 2 else "black")


if __name__ == "__main__":
    main()
