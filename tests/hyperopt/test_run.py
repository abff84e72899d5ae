"""Searches on a small table: what trials train with, what comes back, and what lies on the disk."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.callbacks import Callback
from ludwig.error import ArgumentError, InputDataError, LudwigError, LudwigWarning, TrainingError
from ludwig.hyperopt.lock import locked
from ludwig.hyperopt.run import hyperopt


def table(rows: int = 120) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(rows, 2)), columns=["a", "b"])
    return frame.assign(y=np.where(frame.a + frame.b > 0, "yes", "no"))


DATA = table()
RATE = {"space": "choice", "categories": [0.0001, 0.05]}
FAST = {"num_samples": 4}


def config(parameters=None, *, trainer=None, **search):
    return {
        "input_features": [{"name": "a", "type": "number"}, {"name": "b", "type": "number"}],
        "output_features": [{"name": "y", "type": "category"}],
        "combiner": {"type": "concat", "num_fc_layers": 1, "output_size": 8},
        "trainer": {"epochs": 2, "batch_size": 32, **(trainer or {})},
        "hyperopt": {"executor": FAST, "parameters": parameters or {"trainer.learning_rate": RATE}, **search},
    }


def searched(given, data=DATA, **options):
    return hyperopt(given, data, **{"output_directory": None, "hyperopt_log_verbosity": 0, **options})


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> tuple:
    folder = tmp_path_factory.mktemp("search")
    parameters = {"trainer.learning_rate": RATE, "combiner.output_size": {"space": "randint", "lower": 4, "upper": 9}}
    given = config(parameters, metric="accuracy")
    return searched(given, output_directory=str(folder)), folder, given


def test_sampled_values_are_in_the_config_of_the_trained_model(saved):
    results, _, _ = saved
    sizes = set()
    for trial in results.ordered_trials:
        model = LudwigModel.load(trial.model_path)
        assert model.config["trainer"]["learning_rate"] == trial.parameters["trainer.learning_rate"]
        size = trial.parameters["combiner.output_size"]
        assert model.config["combiner"]["output_size"] == size
        assert {tuple(w.shape) for name, w in model.collect_weights() if name.startswith("combiner.")} >= {(size,)}
        described = json.loads((Path(trial.model_path).parent / "description.json").read_text())
        assert described["config"]["trainer"]["learning_rate"] == trial.parameters["trainer.learning_rate"]
        sizes.add(size)
    assert len(sizes) > 1


def test_trials_come_best_first_and_their_scores_are_those_of_their_models(saved):
    results, _, _ = saved
    scores = [trial.metric_score for trial in results.ordered_trials]
    assert scores == sorted(scores, reverse=True)
    best = results.best_model()
    assert best.config["trainer"]["learning_rate"] == results.best_trial.parameters["trainer.learning_rate"]
    rows = best.preprocess(DATA).validation_set
    assert best.evaluate(rows)[0]["y"]["accuracy"] == pytest.approx(scores[0])


def test_the_files_of_a_search(saved):
    results, folder, _ = saved
    statistics = json.loads((folder / "hyperopt" / "hyperopt_statistics.json").read_text())
    assert statistics["hyperopt_config"]["metric"] == "accuracy"
    keys = {"parameters", "metric_score", "training_stats", "eval_stats", "model_path", "error"}
    assert all(keys <= trial.keys() for trial in statistics["hyperopt_results"])
    assert [t["metric_score"] for t in statistics["hyperopt_results"]] == [
        t.metric_score for t in results.ordered_trials
    ]
    assert {path.name for path in (folder / "hyperopt").iterdir()} == {
        *("hyperopt_statistics.json", "study.journal", "study.lock"),
        *(f"trial_{number}" for number in range(4)),
    }
    assert isinstance(results.experiment_analysis, optuna.Study)
    assert results.experiment_analysis.best_value == results.best_trial.metric_score
    assert {Path(path).name for path in results.save_plots()} >= {"hyperopt_history.png"}


def test_the_same_search_goes_on_and_another_one_gets_a_folder_of_its_own(saved):
    results, folder, given = saved
    longer = {**given, "hyperopt": {**given["hyperopt"], "executor": {"num_samples": 5}}}
    again = searched(longer, output_directory=str(folder))
    assert len(again.ordered_trials) == 5
    before = {trial.number: trial for trial in results.ordered_trials}
    assert all(trial == before[trial.number] for trial in again.ordered_trials if trial.number in before)
    grid = {"trainer.epochs": {"space": "grid_search", "values": [1]}}
    other = searched(config(grid, executor={}), output_directory=str(folder))
    assert Path(other.output_directory).name == "hyperopt_0"
    with pytest.raises(ArgumentError, match="one over another config"):
        searched(config(), output_directory=str(folder), resume=True)
    with pytest.raises(ArgumentError, match="or other data"):
        searched(given, DATA.assign(a=DATA.a + 0.01), output_directory=str(folder), resume=True)
    with pytest.raises(ArgumentError, match="no search to resume"):
        searched(config(), output_directory=str(folder / "new"), resume=True)


def test_a_search_is_run_by_one_process_at_a_time(saved):
    _, folder, given = saved
    with locked(folder / "hyperopt"), pytest.raises(ArgumentError, match="being run by another process"):
        searched(given, output_directory=str(folder))


def test_trials_equal_plain_trainings_with_their_seeds():
    results = searched(config(metric="accuracy"), random_seed=7)
    plain = config()
    del plain["hyperopt"]
    for trial in results.ordered_trials:
        plain["trainer"]["learning_rate"] = trial.parameters["trainer.learning_rate"]
        plain["trainer"]["validation_metric"] = "accuracy"
        model = LudwigModel(plain)
        data = model.preprocess(DATA, random_seed=7)
        stats = model.train(data, random_seed=7 + trial.number, output_directory=None).train_stats
        assert trial.training_stats["validation"] == stats.validation


def test_every_point_of_a_grid_is_tried_in_every_sample():
    grid = {
        "trainer.learning_rate": {"space": "grid_search", "values": [0.01, 0.1]},
        "combiner.output_size": {"space": "grid_search", "values": [2, 3]},
        "combiner.dropout": {"space": "uniform", "lower": 0, "upper": 0.5},
    }
    algorithm = {"type": "variant_generator", "constant_grid_search": True}
    results = searched(config(grid, trainer={"epochs": 1}, executor={"num_samples": 2}, search_alg=algorithm))
    found = sorted(results.ordered_trials, key=lambda trial: trial.number)
    points = [(t.parameters["trainer.learning_rate"], t.parameters["combiner.output_size"]) for t in found]
    assert points[:4] == points[4:]
    assert set(points) == {(rate, size) for rate in (0.01, 0.1) for size in (2, 3)}
    dropouts = [trial.parameters["combiner.dropout"] for trial in found]
    assert len(set(dropouts[:4])) == len(set(dropouts[4:])) == 1
    assert dropouts[0] != dropouts[4]


def test_wanted_points_come_first_and_those_with_rewards_are_not_run():
    points = [{"trainer.learning_rate": 0.05}, {"trainer.learning_rate": 0.0001}]
    algorithm = {"type": "tpe", "points_to_evaluate": points, "evaluated_rewards": [0.5]}
    results = searched(config(search_alg=algorithm, executor={"num_samples": 1}))
    assert [trial.parameters for trial in results.ordered_trials] == points[1:]
    assert results.experiment_analysis.trials[0].value == 0.5


def test_several_objectives_give_a_pareto_front():
    objectives = [{"metric": "accuracy"}, {"metric": "loss"}]
    results = searched(config(objectives=objectives, search_alg={"type": "nsgaii", "population_size": 2}))
    assert results.directions == ["maximize", "minimize"]
    scores = [trial.scores for trial in results.ordered_trials]
    front = [trial.scores for trial in results.pareto_front()]
    beaten = [one for one in scores if any(two[0] >= one[0] and two[1] <= one[1] and two != one for two in scores)]
    assert sorted(front) == sorted(one for one in scores if one not in beaten)
    assert scores[: len(front)] == [one for one in scores if one in front]
    assert sorted(front) == sorted(list(trial.values) for trial in results.experiment_analysis.best_trials)


class Failing(Callback):
    def __init__(self, number: int | None = None) -> None:
        self.number, self.count, self.seen = number, 0, []

    def on_train_start(self, model, config, config_fp, **kwargs):
        self.count += 1
        if self.number is None or self.count == self.number:
            raise ValueError("broken on purpose")

    def on_hyperopt_trial_end(self, parameters, **kwargs):
        self.seen.append(parameters)


def test_a_trial_that_fails_is_recorded_and_the_search_goes_on(tmp_path):
    failing = Failing(2)
    results = searched(config(), callbacks=[failing], output_directory=str(tmp_path))
    assert [trial.state for trial in results.ordered_trials] == ["complete"] * 3 + ["failed"]
    last = results.ordered_trials[-1]
    assert (last.error, last.metric_score, last.model_path) == ("ValueError: broken on purpose", None, None)
    assert len(failing.seen) == 4
    statistics = json.loads((tmp_path / "hyperopt" / "hyperopt_statistics.json").read_text())
    assert statistics["hyperopt_results"][-1]["error"] == last.error


def test_a_search_of_which_all_trials_fail_is_an_error():
    with pytest.raises(TrainingError, match=r"All 4 trials .* broken on purpose"):
        searched(config(), callbacks=[Failing()])


def test_hooks_are_called_in_their_order():
    class Hooks(Callback):
        def __init__(self) -> None:
            self.called = []

        def __getattribute__(self, name):
            if name.startswith("on_hyperopt"):
                return lambda *args, **kwargs: object.__getattribute__(self, "called").append(name[12:])
            return object.__getattribute__(self, name)

        def should_stop_hyperopt(self, **kwargs):
            return self.called.count("trial_end") == 2

    hooks = Hooks()
    results = searched(config(), callbacks=[hooks])
    assert hooks.called == [
        *("init", "preprocessing_start", "preprocessing_end", "start"),
        *("trial_start", "trial_end") * 2,
        *("end", "finish"),
    ]
    assert len(results.ordered_trials) == 2


def test_data_is_read_once_unless_its_reading_is_searched():
    class Reads(Callback):
        count = 0

        def on_preprocess_end(self, *args, **kwargs):
            self.count += 1

    reads = Reads()
    searched(config(), callbacks=[reads])
    assert reads.count == 1
    scales = {"a.preprocessing.normalization": {"space": "grid_search", "values": ["zscore", "minmax", None]}}
    reads = Reads()
    results = searched(config(scales, executor={}, trainer={"epochs": 1}), callbacks=[reads])
    assert len(results.ordered_trials) == 3
    assert reads.count == 3 + 1  # before the search, which reads robustly, to check the data


def test_bad_trials_are_stopped_early():
    scheduler = {"type": "asha", "reduction_factor": 2, "max_t": 6}
    given = config(
        {"trainer.learning_rate": {"space": "grid_search", "values": [0.1, 0.05, 1e-6, 1e-7]}},
        trainer={"epochs": 30},
        executor={"scheduler": scheduler},
    )
    results = searched(given)
    lengths = {
        trial.parameters["trainer.learning_rate"]: len(trial.training_stats["validation"]["y"]["loss"])
        for trial in results.ordered_trials
    }
    assert lengths[0.1] == 6  # max_t
    assert lengths[1e-6] < 6
    assert [trial.state for trial in results.ordered_trials].count("stopped") >= 1
    assert results.best_trial.parameters["trainer.learning_rate"] in (0.1, 0.05)


def test_the_time_budget_ends_a_trial_that_runs_and_begins_no_other():
    given = config(trainer={"epochs": 100_000, "early_stop": -1}, executor={"num_samples": 50, "time_budget_s": 2})
    results = searched(given)
    assert len(results.ordered_trials) == 1
    assert results.best_trial.training_stats["stop_reason"] == "time"


def test_the_budget_of_a_search_is_no_limit_of_its_models(saved):
    assert saved[0].best_model().config["trainer"]["time_limit_s"] is None


def test_nothing_of_the_process_is_left_changed():
    before = (torch.initial_seed(), torch.get_num_threads(), logging.getLogger("optuna").level)
    state = np.random.get_state()[1].copy()
    searched(config(executor={"num_samples": 1}))
    assert (torch.initial_seed(), torch.get_num_threads(), logging.getLogger("optuna").level) == before
    assert (np.random.get_state()[1] == state).all()


def test_what_is_not_as_it_may_seem_is_reported():
    with pytest.warns(LudwigWarning, match="'ax' is run as a Gaussian process"):
        searched(config(search_alg={"type": "ax"}, executor={"num_samples": 1}))
    with pytest.warns(LudwigWarning, match="better to maximize accuracy"):
        searched(config(metric="accuracy", goal="minimize", executor={"num_samples": 1}))


def test_bad_calls_are_refused_before_anything_is_written(tmp_path):
    plain = config()
    del plain["hyperopt"]
    with pytest.raises(ArgumentError, match="no section `hyperopt`"):
        searched(plain, output_directory=str(tmp_path))
    with pytest.raises(ArgumentError, match="'experiment_nam'"):
        searched(config(), experiment_nam="x", output_directory=str(tmp_path))
    with pytest.raises(ArgumentError, match="There is no data"):
        searched(config(), data=None, output_directory=str(tmp_path))
    with pytest.raises(InputDataError, match="'b'"):
        searched(config(), data=DATA.drop(columns="b"), output_directory=str(tmp_path))
    without = {**config(), "preprocessing": {"split": {"type": "random", "probabilities": [1, 0, 0]}}}
    with pytest.raises(InputDataError, match="validation split has no rows"):
        searched(without, output_directory=str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_without_saved_models_the_best_model_cannot_be_loaded(tmp_path):
    results = searched(config(executor={"num_samples": 1}), skip_save_model=True, output_directory=str(tmp_path))
    with pytest.raises(LudwigError, match="skip_save_model"):
        results.best_model()


@pytest.mark.slow
def test_a_database_keeps_the_study(tmp_path):
    executor = {"num_samples": 1, "storage": f"sqlite:///{tmp_path}/study.db", "study_name": "mine"}
    searched(config(executor=executor), output_directory=str(tmp_path / "runs"))
    again = searched(config(executor={**executor, "num_samples": 2}), output_directory=str(tmp_path / "runs"))
    assert len(again.ordered_trials) == 2
    with pytest.raises(ArgumentError, match="study_name"):
        searched(config(executor=executor), output_directory=str(tmp_path / "runs"), resume=False)
