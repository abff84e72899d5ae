"""How a model is shown: in one line, and in a notebook."""

from __future__ import annotations

import html

from tabulate import tabulate

from ludwig.lifecycle.held import Held

MOST_NAMES = 5  # of the features that one line lists


def as_line(held: Held) -> str:
    """What it reads and predicts, and whether it is trained."""
    config = held.config_obj
    sides = (_listed([each.name for each in side]) for side in (config.input_features, config.output_features))
    return f"LudwigModel({config.model_class.__name__.upper()}: {' -> '.join(sides)}; {_state(held)})"


def as_html(held: Held) -> str:
    """The same as a table of the features."""
    config = held.config_obj
    sides = (("input", config.input_features), ("output", config.output_features))
    rows = [[each.name, each.type, role] for role, features in sides for each in features]
    table = tabulate(rows, headers=["feature", "type", "role"], tablefmt="html")
    return f"<p>LudwigModel, {html.escape(config.model_class.__name__.upper())}: {_state(held)}</p>\n{table}"


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _state(held: Held) -> str:
    if held.model is None:
        return "not trained"
    weights = sum(weight.numel() for weight in held.model.parameters())
    return f"trained, {weights:,} weights on {held.device}"
