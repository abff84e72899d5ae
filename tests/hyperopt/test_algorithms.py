"""Every search algorithm and scheduler that a config can name gives Optuna what it needs."""

from __future__ import annotations

import warnings

import optuna
import pytest

from ludwig.hyperopt.config import ALGORITHMS, SCHEDULERS
from ludwig.schema import load

WORDS = [name for _, name, _ in ALGORITHMS]


@pytest.mark.parametrize("name", WORDS)
def test_an_algorithm_draws_the_same_for_the_same_seed(name):
    def first(seed: int) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = ALGORITHMS.get(name).Config().build().sampler(seed)
        study = optuna.create_study(sampler=sampler)
        return study.ask({"x": optuna.distributions.FloatDistribution(0, 1)}).params["x"]

    assert first(1) == first(1)
    assert first(1) != first(2)


@pytest.mark.parametrize("name", [name for name in WORDS if name not in ("variant_generator", "qmc", "cfo", "cmaes")])
def test_an_algorithm_that_models_finds_a_minimum_sooner_than_chance(name):
    """A parabola: 40 random draws are 0.02 away from its minimum on average, 1 / (n + 1)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = ALGORITHMS.get(name).Config().build().sampler(0)
    if "GP" in type(sampler).__name__ and name != "gp":
        pytest.skip("the same sampler as that of gp")
    study = optuna.create_study(sampler=sampler)
    for _ in range(40):
        trial = study.ask({"x": optuna.distributions.FloatDistribution(-1, 1)})
        study.tell(trial, (trial.params["x"] - 0.3) ** 2)
    assert abs(study.best_params["x"] - 0.3) < 0.1


@pytest.mark.parametrize("name", SCHEDULERS.words())
def test_a_scheduler_stops_a_bad_trial_and_no_good_one(name):
    options = {"time_attr": "training_iteration", "grace_period": 1} if "median" in name else {}
    config = load(SCHEDULERS.get(name).Config, options)
    study = optuna.create_study(
        pruner=config.build().pruner(), sampler=optuna.samplers.RandomSampler(seed=0), study_name=name
    )
    stopped = {}
    for number in range(20):
        trial = study.ask()
        loss = 10.0 if number >= 14 else 1.0 - 0.01 * number  # each good one is the best so far
        for step in range(1, 10):
            trial.report(loss, step)
            stopped[number] = bool(trial.should_prune())
            if stopped[number]:
                break
        study.tell(trial, **({"state": optuna.trial.TrialState.PRUNED} if stopped[number] else {"values": loss}))
    assert any(stopped[number] for number in range(14, 20)) == config.stops
    assert not any(stopped[number] for number in range(14))


def test_schedulers_that_change_running_trials_are_refused_with_those_that_there_are():
    with pytest.raises(LookupError, match="only Ray Tune .* Choose one of: fifo, async_hyperband"):
        SCHEDULERS.get("pbt")
