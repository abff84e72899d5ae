"""Draws docs/images/schedules.png from the schedules themselves: `python docs/plots.py`."""

from __future__ import annotations

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ludwig.training.optim.plateau import plateaus
from ludwig.training.optim.schedules import LearningRateScheduler, Span

STEPS, INTERVAL = 1000, 100
INK, LINE = "#3d4249", "#1f6fb2"
LOSSES = [0.9, 0.6, 0.5, 0.5, 0.5, 0.4, 0.4, 0.4, 0.3, 0.3]  # of ten evaluations, with two plateaus
PANELS = {
    "null, reduce_on_plateau 2, patience 2, rate 0.3": {
        "reduce_on_plateau": 2,
        "reduce_on_plateau_patience": 2,
        "reduce_on_plateau_rate": 0.3,
    },
    "null, warmup_fraction 0.2": {"warmup_fraction": 0.2},
    "linear, warmup_evaluations 1": {"decay": "linear", "warmup_evaluations": 1},
    "exponential, decay_rate 0.5, decay_steps 200": {"decay": "exponential", "decay_rate": 0.5, "decay_steps": 200},
    "exponential, the same with staircase": {
        "decay": "exponential",
        "decay_rate": 0.5,
        "decay_steps": 200,
        "staircase": True,
    },
    "cosine, t_0 200": {"decay": "cosine", "t_0": 200},
    "cosine, t_0 150, t_mult 2, eta_min 0.1": {"decay": "cosine", "t_0": 150, "t_mult": 2, "eta_min": 0.1},
    "one_cycle": {"decay": "one_cycle"},
    "inverse_sqrt, inverse_sqrt_warmup_steps 100": {"decay": "inverse_sqrt", "inverse_sqrt_warmup_steps": 100},
    "polynomial, polynomial_power 2": {"decay": "polynomial", "polynomial_power": 2.0},
    "wsd": {"decay": "wsd"},
    "wsd, fractions 0.05, 0.55, 0.4": {
        "decay": "wsd",
        "wsd_warmup_fraction": 0.05,
        "wsd_stable_fraction": 0.55,
        "wsd_decay_fraction": 0.4,
    },
}


def main() -> None:
    figure = Figure(figsize=(12, 7.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3, 4, sharex=True).flatten()
    span = Span(total_steps=STEPS, steps_per_round=INTERVAL)
    for axis, (title, options) in zip(axes, PANELS.items(), strict=True):
        schedule = LearningRateScheduler(**options)
        rates = [plateau_factor(schedule, step) * schedule.rate(1.0, step, span) for step in range(STEPS)]
        axis.plot(rates, color=LINE, linewidth=1.6)
        axis.set_title(title.replace(", ", "\n", 1), fontsize="small", loc="left", color=INK)
        axis.set_ylim(0, max(rates) * 1.08)
        axis.grid(axis="y", color="#e6e8eb", linewidth=0.8)
        axis.tick_params(colors=INK, labelsize="x-small", length=0)
        for side, spine in axis.spines.items():
            spine.set_visible(side == "bottom")
            spine.set_color("#c4c8ce")
    figure.suptitle(
        f"The learning rate over {STEPS} steps, evaluated every {INTERVAL} steps, with learning_rate 1",
        x=0.01,
        ha="left",
        color=INK,
    )
    figure.savefig(Path(__file__).parent / "images" / "schedules.png", dpi=90)


def plateau_factor(schedule: LearningRateScheduler, step: int) -> float:
    """The factor of the rate at a step, after the plateaus of the evaluations before it."""
    found = plateaus(
        LOSSES[: step // INTERVAL], schedule.reduce_on_plateau_patience, schedule.reduce_on_plateau, "minimize"
    )
    return schedule.reduce_on_plateau_rate**found


if __name__ == "__main__":
    main()
