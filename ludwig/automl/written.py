"""A config as YAML with the reasons beside the features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ludwig.automl.config import IMBALANCE, auto_config, limit_of
from ludwig.automl.features import ColumnGuess, Targets, targets_of
from ludwig.config.search import FEATURES
from ludwig.data.sources import Source, read_table
from ludwig.runtime.arguments import path_of, seed_of
from ludwig.runtime.atomic import storing, write_text

WIDTH = 10_000  # characters of a line, so that a feature stands on one
MOST_ALIGNED = 60  # characters of a feature, up to which the comments stand below each other
TWO_HOURS = 7200.0


def init_config(
    dataset: Source,
    target: Targets,
    time_limit_s: float = TWO_HOURS,
    suggested: bool = False,
    hyperopt: bool = False,
    random_seed: int = 42,
    use_reference_config: bool = False,
    output: str | Path | None = None,
) -> str:
    """A config for a table as YAML, with the reason for each type as a comment: to read, to change and to train with.

    Args:
        dataset: A path, a DataFrame, a dict of columns or a list of records.
        target: The column to predict, or several.
        time_limit_s: Seconds of training, where the config is more than its features.
        suggested: Whether the config has the split and the time limit, besides the features.
        hyperopt: Whether it has a search, as `auto_train` would run it.
        random_seed: Of the search, and of the rows that are looked at in a large table.
        use_reference_config: Whether that search tries the preset `best_quality` right after the defaults.
        output: A file to write to; None for none.

    Returns:
        The YAML.

    Raises:
        ArgumentError: A value of an argument is wrong.
        InputDataError: The table cannot be used.
        StorageError: The file cannot be written.
    """
    limit, targets = limit_of(time_limit_s), targets_of(target)
    place = None if output is None else path_of("output", output)
    config, guesses = auto_config(
        read_table(dataset), targets, limit, False, None, seed_of(random_seed), use_reference_config, IMBALANCE
    )
    search = config.pop("hyperopt")
    kept = dict(config) if suggested or hyperopt else {key: config[key] for key in FEATURES}
    if hyperopt:
        kept["hyperopt"] = search
    elif suggested:
        kept["trainer"] = {"time_limit_s": limit}
    text = as_yaml(kept, guesses)
    if place is not None:
        with storing(place):
            write_text(place, text)
    return text


def as_yaml(config: Mapping[str, Any], guesses: Sequence[ColumnGuess]) -> str:
    """The config as YAML, a feature on a line with its reason, and the columns that are left out."""
    reasons = {guess.name: f"{guess.reason} ({guess.seen})" for guess in guesses}
    lines: list[str] = []
    for key in FEATURES:
        flows = {feature["name"]: _flow(feature) for feature in config[key]}
        width = max((len(flow) for flow in flows.values() if len(flow) <= MOST_ALIGNED), default=0)
        lines += [f"{key}:", *(f"  - {flow:{width}}  # {_one_line(reasons[name])}" for name, flow in flows.items()), ""]
    left = [guess for guess in guesses if guess.type is None]
    if left:
        lines += ["# Left out:", *(f"#   {_flow(guess.name)}: {_one_line(reasons[guess.name])}" for guess in left), ""]
    rest = {key: section for key, section in config.items() if key not in FEATURES}
    text = yaml.safe_dump(rest, sort_keys=False, allow_unicode=True) if rest else ""
    return "\n".join(lines) + text


def _flow(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=WIDTH)
    return text.removesuffix("...\n").strip()


def _one_line(text: str) -> str:
    """Without what ends a line, which would end the comment."""
    return " ".join(text.split())
