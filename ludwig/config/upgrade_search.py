"""Older words in the section `hyperopt`, and options of libraries that do not run here, before the schema looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ludwig.hyperopt.config import ALGORITHMS
from ludwig.runtime.console import warn

Raw = dict[str, Any]

OLDER_EXECUTORS = ("serial", "parallel", "fiber", "ray")
OLDER_SAMPLERS = ("grid", "random", "ray", "pysot")
OF_OTHER_LIBRARIES: Mapping[str, tuple[str, ...]] = {  # by search algorithm: options that steer a library itself
    "ax": ("space", "parameter_constraints", "outcome_constraints"),
    "bayesopt": ("space", "utility_kwargs", "verbose", "patience", "skip_duplicate"),
    "bohb": ("space", "bohb_config"),
    "dragonfly": ("optimizer", "domain", "space"),
    "hebo": ("space",),
    "hyperopt": ("space", "gamma"),
    "nevergrad": ("optimizer_kwargs", "space"),
    "optuna": ("space",),
    "skopt": ("optimizer", "space", "convert_to_python"),
    "zoopt": ("algo", "budget", "dim_dict"),
}
WHY_NOT = "it steers the library itself, in whose place Optuna runs"
OF_SCHEDULERS: Mapping[str, tuple[Any, ...]] = {  # the values at which they ask for what happens
    "metric": (None, "_metric"),
    "mode": (None,),
    "hard_stop": (True,),
}
OF_RAY = ("trial_driver_resources", "kubernetes_namespace")
STOPPING: tuple[str, ...] = (
    "async_hyperband",
    "asynchyperband",
    "asha",
    "hyperband",
    "hb_bohb",
    "median_stopping_rule",
)
STOPPING += ("medianstoppingrule",)


def upgrade_search(config: Raw) -> None:
    """The section in today's words; one that is empty goes."""
    section = config.get("hyperopt")
    if section == {}:
        del config["hyperopt"]
    if not isinstance(section, dict) or not section:
        return
    _split_sampler(section)
    _rename_parameters(section)
    executor, algorithm = section.get("executor"), section.get("search_alg")
    if isinstance(executor, dict):
        _upgrade_executor(executor)
    if isinstance(algorithm, dict):
        _drop(algorithm, OF_OTHER_LIBRARIES.get(str(algorithm.get("type")), ()), _is_empty, "search_alg", WHY_NOT)


def _split_sampler(section: Raw) -> None:
    """`sampler` was the search algorithm, the number of samples and the scheduler in one."""
    sampler = section.pop("sampler", None)
    if not isinstance(sampler, dict):
        return
    executor = section.setdefault("executor", {})
    if isinstance(executor, dict):
        executor |= {key: sampler[key] for key in ("num_samples", "scheduler") if key in sampler}
    algorithm = sampler.get("search_alg")
    if algorithm is None and sampler.get("type") in ALGORITHMS.words():
        algorithm = {"type": sampler["type"]}
    if algorithm is not None:
        section.setdefault("search_alg", algorithm)
    elif sampler.get("type") not in (None, *OLDER_SAMPLERS):
        section["search_alg"] = {"type": sampler["type"]}  # which the schema then reports


def _rename_parameters(section: Raw) -> None:
    parameters = section.get("parameters")
    if not isinstance(parameters, dict):
        return
    section["parameters"] = {
        f"trainer.{name.removeprefix('training.')}" if str(name).startswith("training.") else name: space
        for name, space in parameters.items()
    }
    for space in section["parameters"].values():
        if isinstance(space, dict) and "log" in str(space.get("space")):
            space.pop("base", None)  # a logarithm is as uniform to every base


def _upgrade_executor(executor: Raw) -> None:
    if executor.get("type") == "ray":
        warn("hyperopt.executor: trials run on this machine, by the executor optuna; ray is not available.")
    if executor.get("type") in OLDER_EXECUTORS:
        executor["type"] = "optuna"
    _drop(executor, OF_RAY, _is_empty, "executor", "it is for Ray, and trials run on this machine")
    scheduler = executor.get("scheduler")
    if isinstance(scheduler, dict):
        stops = scheduler.get("type") in STOPPING
        options = [*OF_SCHEDULERS, *([] if stops else ["time_attr"])]
        why = "the metric of the search decides, and a stopped trial does not go on"
        _drop(scheduler, options, lambda option, value: value in OF_SCHEDULERS.get(option, (value,)), "scheduler", why)


def _is_empty(_: str, value: Any) -> bool:
    return value is None


def _drop(section: Raw, options: Any, asks_for_nothing: Any, where: str, why: str) -> None:
    """Removes the options, with a warning where one asks for something."""
    dropped = {option: section.pop(option) for option in options if option in section}
    meant = [option for option, value in dropped.items() if not asks_for_nothing(option, value)]
    if meant:
        warn(f"hyperopt: {', '.join(meant)} of the {where} has no effect and is left out: {why}.")
