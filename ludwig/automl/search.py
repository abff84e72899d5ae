"""What an automatic search tries: few parameters, the first trials being the measured defaults and presets.

What the defaults and presets reach is in docs/quality.md; the search begins with them, and then looks beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ludwig.config import ModelConfig

Section = dict[str, Any]

DEFAULT, HIGH, BEST = "medium_quality", "high_quality", "best_quality"  # presets
TRIALS = 20  # at most: the more there are, the more the best score is chance
VALUES: dict[str, tuple[Any, ...]] = {  # of each parameter, besides that of the config
    "preset": (HIGH,),
    "trainer.learning_rate": (0.0005, 0.001, 0.002, 0.004),
    "combiner.output_size": (128, 512),
    "combiner.num_fc_layers": (1, 3),
    "combiner.dropout": (0.1, 0.25),
}
SET_BY_PRESETS = ("ensemble_size", "trainer.refit")
ABSENT = object()


def search_of(
    config: ModelConfig, given: Mapping[str, Any], time_limit_s: float, seed: int, use_reference_config: bool
) -> Section:
    """The section `hyperopt` over the parameters that the config has and that the user has not set.

    Args:
        config: The config without its search.
        given: What the user set.
        use_reference_config: Whether `best_quality` is tried right after the defaults.
    """
    rendered = config.to_dict()
    presets = (BEST, *VALUES["preset"]) if use_reference_config else VALUES["preset"]
    spaces: Section = {}
    for name, others in {**VALUES, "preset": presets}.items():
        own = at(rendered, name)
        if own is not ABSENT and not _is_given(name, given):
            own = DEFAULT if own is None else own
            spaces[name] = {"space": "choice", "categories": [own, *(other for other in others if other != own)]}
    start = {name: space["categories"][0] for name, space in spaces.items()}
    first = [start, *({**start, "preset": preset} for preset in presets if "preset" in spaces)]
    outputs = [feature.name for feature in config.output_features]
    return {
        "output_feature": outputs[0] if len(outputs) == 1 else "combined",
        "metric": "loss",
        "search_alg": {"type": "tpe", "seed": seed, "points_to_evaluate": first},
        "executor": {"num_samples": TRIALS, "time_budget_s": max(int(time_limit_s), 1)},
        "parameters": spaces,
    }


def _is_given(name: str, given: Mapping[str, Any]) -> bool:
    """Whether the user set the parameter, or one that it sets."""
    names = (name, *SET_BY_PRESETS) if name == "preset" else (name,)
    return any(at(given, each) is not ABSENT for each in names)


def at(section: Any, path: str) -> Any:
    """What stands at a path of a config, ABSENT where there is nothing."""
    for key in path.split("."):
        if not isinstance(section, Mapping) or key not in section:
            return ABSENT
        section = section[key]
    return section
