"""The search algorithms: samplers of Optuna, and the names of other libraries' algorithms that the nearest one runs."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from ludwig.error import MissingExtraError
from ludwig.hyperopt.config.algorithm import (
    ALGORITHMS,
    Concurrent,
    RandomState,
    RandomStateSeed,
    Rewarded,
    SearchAlgorithm,
    Seeded,
)
from ludwig.schema import param

FEWEST_KNOWN = 10  # trials that are drawn at random before a model of them is fitted
GAUSSIAN_PROCESS = "a Gaussian process (gp)"
PARZEN_TREES = "tree-structured Parzen estimators (tpe)"
GENETIC = "the genetic algorithm NSGA-II (nsgaii)"
EVOLUTION = "the evolution strategy CMA-ES (cmaes)"


def _parzen(seed: int, **options: Any) -> Any:
    from optuna.samplers import TPESampler

    return TPESampler(seed=seed, **options)


def _gaussian(seed: int, first: int = FEWEST_KNOWN) -> Any:
    from optuna.samplers import GPSampler

    return GPSampler(seed=seed, n_startup_trials=first, warn_independent_sampling=False)


def _genetic(seed: int, population: int = 50) -> Any:
    from optuna.samplers import NSGAIISampler

    return NSGAIISampler(seed=seed, population_size=population)


def _evolution(seed: int, first: int = 1) -> Any:
    try:
        import cmaes  # noqa: F401
    except ImportError:
        raise MissingExtraError("cmaes", "hyperopt", "The search algorithm cmaes") from None
    from optuna.samplers import CmaEsSampler

    return CmaEsSampler(seed=seed, n_startup_trials=first, warn_independent_sampling=False)


@ALGORITHMS.register("variant_generator", aliases=("random",))
class RandomSearch(SearchAlgorithm):
    """Random search, and with spaces of kind `grid_search` every point of their grid (Bergstra and Bengio 2012).

    Use it as the baseline, for grids, and where all trials run at once.

    ```yaml
    hyperopt:
      search_alg: {type: variant_generator, random_state: 7}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(RandomState, Concurrent, SearchAlgorithm.Config):
        constant_grid_search: bool = param(
            False, help="Whether every point of a grid gets the same draws of the other parameters."
        )

        def repeats(self) -> bool:
            return self.constant_grid_search

    def sampler(self, seed: int) -> Any:
        from optuna.samplers import RandomSampler

        return RandomSampler(seed=seed)


@ALGORITHMS.register("tpe", aliases=("optuna",))
class ParzenSearch(SearchAlgorithm):
    """Tree-structured Parzen estimators (Bergstra et al. 2011): draws where good trials were dense and bad ones rare.

    Use it by default: it takes spaces of all kinds, costs milliseconds a trial and pays from some 20 trials on.

    ```yaml
    hyperopt:
      search_alg: {type: tpe}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Seeded, Rewarded, SearchAlgorithm.Config):
        n_startup_trials: int = param(
            FEWEST_KNOWN, min=0, help="Number of random trials before the first that is modelled."
        )
        multivariate: bool = param(False, help="Whether parameters are modelled together and not one by one.")

    config: Config

    def sampler(self, seed: int) -> Any:
        options: dict[str, Any] = {"multivariate": True} if self.config.multivariate else {}
        return _parzen(seed, n_startup_trials=self.config.n_startup_trials, **options)


@ALGORITHMS.register("gp")
class GaussianSearch(SearchAlgorithm):
    """Bayesian optimization by a Gaussian process with the expected improvement (Jones et al. 1998).

    Use it for few parameters, mostly numbers, and trials that take minutes: it needs the fewest trials and takes a
    tenth of a second for each.

    ```yaml
    hyperopt:
      search_alg: {type: gp}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Seeded, SearchAlgorithm.Config):
        n_startup_trials: int = param(
            FEWEST_KNOWN, min=1, help="Number of random trials before the first that is modelled."
        )

    config: Config

    def sampler(self, seed: int) -> Any:
        return _gaussian(seed, self.config.n_startup_trials)


@ALGORITHMS.register("cmaes")
class EvolutionSearch(SearchAlgorithm):
    """CMA-ES (Hansen and Ostermeier 2001): a population whose covariance adapts; categories are drawn at random.

    Use it for several numbers that depend on each other, and hundreds of trials. Needs the extra `hyperopt`.

    ```yaml
    hyperopt:
      search_alg: {type: cmaes}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Seeded, SearchAlgorithm.Config):
        takes_objectives: ClassVar[bool] = False

        n_startup_trials: int = param(1, min=0, help="Number of random trials before the first population.")

    config: Config

    def sampler(self, seed: int) -> Any:
        return _evolution(seed, self.config.n_startup_trials)


@ALGORITHMS.register("nsgaii")
class GeneticSearch(SearchAlgorithm):
    """NSGA-II (Deb et al. 2002): a population that crosses and mutates, sorted by what no other trial beats.

    Use it for several objectives at once, with hundreds of trials.

    ```yaml
    hyperopt:
      search_alg: {type: nsgaii, population_size: 20}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Seeded, SearchAlgorithm.Config):
        population_size: int = param(50, min=2, help="Number of trials of a generation.")

    config: Config

    def sampler(self, seed: int) -> Any:
        return _genetic(seed, self.config.population_size)


@ALGORITHMS.register("qmc")
class QuasiRandomSearch(SearchAlgorithm):
    """Points of a Sobol sequence, which fill the space more evenly than random ones; categories are drawn at random.

    Use it in place of random search where all parameters are numbers.

    ```yaml
    hyperopt:
      search_alg: {type: qmc}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Seeded, SearchAlgorithm.Config):
        pass

    def sampler(self, seed: int) -> Any:
        from optuna.samplers import QMCSampler

        return QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False, warn_asynchronous_seeding=False)


@ALGORITHMS.register("hyperopt")
class HyperoptSearch(SearchAlgorithm):
    """Tree-structured Parzen estimators with the options of the library hyperopt; Optuna's run.

    ```yaml
    hyperopt:
      search_alg: {type: hyperopt, n_initial_points: 10}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(RandomStateSeed, SearchAlgorithm.Config):
        stands_in: ClassVar[str | None] = PARZEN_TREES

        n_initial_points: int = param(20, min=1, help="Number of random trials before the first that is modelled.")

    config: Config

    def sampler(self, seed: int) -> Any:
        return _parzen(seed, n_startup_trials=self.config.n_initial_points)


@ALGORITHMS.register("bohb")
class BohbSearch(SearchAlgorithm):
    """BOHB's model (Falkner et al. 2018), Parzen estimators over all parameters together; Optuna's run.

    Use it with the scheduler `hb_bohb`.

    ```yaml
    hyperopt:
      search_alg: {type: bohb}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Seeded, Concurrent, SearchAlgorithm.Config):
        stands_in: ClassVar[str | None] = f"multivariate {PARZEN_TREES}"

    def sampler(self, seed: int) -> Any:
        return _parzen(seed, multivariate=True)


@ALGORITHMS.register("bayesopt")
class BayesoptSearch(SearchAlgorithm):
    """Bayesian optimization under the name of the library bayesian-optimization; Optuna's Gaussian process runs.

    ```yaml
    hyperopt:
      search_alg: {type: bayesopt, random_search_steps: 5}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(RandomState, SearchAlgorithm.Config):
        stands_in: ClassVar[str | None] = GAUSSIAN_PROCESS

        random_search_steps: int = param(10, min=1, help="Number of random trials before the first that is modelled.")

    config: Config

    def sampler(self, seed: int) -> Any:
        return _gaussian(seed, self.config.random_search_steps)


@ALGORITHMS.register("ax")
class AxSearch(SearchAlgorithm):
    """Bayesian optimization under the name of the library Ax; Optuna's Gaussian process runs.

    ```yaml
    hyperopt:
      search_alg: {type: ax}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(SearchAlgorithm.Config):
        stands_in: ClassVar[str | None] = GAUSSIAN_PROCESS

    def sampler(self, seed: int) -> Any:
        return _gaussian(seed)


@ALGORITHMS.register("skopt")
class SkoptSearch(SearchAlgorithm):
    """Bayesian optimization under the name of scikit-optimize; Optuna's Gaussian process runs.

    ```yaml
    hyperopt:
      search_alg: {type: skopt}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Rewarded, SearchAlgorithm.Config):
        stands_in: ClassVar[str | None] = GAUSSIAN_PROCESS

    def sampler(self, seed: int) -> Any:
        return _gaussian(seed)


@ALGORITHMS.register("dragonfly")
class DragonflySearch(SearchAlgorithm):
    """Bayesian optimization under the name of the library Dragonfly; Optuna's Gaussian process runs.

    ```yaml
    hyperopt:
      search_alg: {type: dragonfly}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(RandomStateSeed, Rewarded, SearchAlgorithm.Config):
        stands_in: ClassVar[str | None] = GAUSSIAN_PROCESS

    def sampler(self, seed: int) -> Any:
        return _gaussian(seed)


@ALGORITHMS.register("hebo")
class HeboSearch(SearchAlgorithm):
    """Bayesian optimization under the name of the library HEBO; Optuna's Gaussian process runs.

    ```yaml
    hyperopt:
      search_alg: {type: hebo, max_concurrent: 4}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(RandomStateSeed, Rewarded, SearchAlgorithm.Config):
        stands_in: ClassVar[str | None] = GAUSSIAN_PROCESS

        max_concurrent: int = param(8, min=0, help="Maximum number of trials that run at once; 0 for no limit.")

        @property
        def most_concurrent(self) -> int | None:
            return self.max_concurrent or None

    def sampler(self, seed: int) -> Any:
        return _gaussian(seed)


@ALGORITHMS.register("blendsearch")
class BlendSearch(SearchAlgorithm):
    """BlendSearch of the library FLAML, local and global search in turn; Optuna's Gaussian process runs.

    ```yaml
    hyperopt:
      search_alg: {type: blendsearch}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(SearchAlgorithm.Config):
        stands_in: ClassVar[str | None] = GAUSSIAN_PROCESS

    def sampler(self, seed: int) -> Any:
        return _gaussian(seed)


@ALGORITHMS.register("cfo")
class CfoSearch(SearchAlgorithm):
    """Local search under the name of FLAML's CFO; CMA-ES runs, which needs the extra `hyperopt`.

    ```yaml
    hyperopt:
      search_alg: {type: cfo}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(SearchAlgorithm.Config):
        stands_in: ClassVar[str | None] = EVOLUTION
        takes_objectives: ClassVar[bool] = False

    def sampler(self, seed: int) -> Any:
        return _evolution(seed)


@ALGORITHMS.register("nevergrad")
class NevergradSearch(SearchAlgorithm):
    """Evolutionary search under the name of the library Nevergrad; NSGA-II runs.

    ```yaml
    hyperopt:
      search_alg: {type: nevergrad}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(SearchAlgorithm.Config):
        stands_in: ClassVar[str | None] = GENETIC

    def sampler(self, seed: int) -> Any:
        return _genetic(seed)


@ALGORITHMS.register("zoopt")
class ZooptSearch(SearchAlgorithm):
    """Derivative-free search under the name of the library ZOOpt; NSGA-II runs.

    ```yaml
    hyperopt:
      search_alg: {type: zoopt, parallel_num: 2}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(SearchAlgorithm.Config):
        stands_in: ClassVar[str | None] = GENETIC

        parallel_num: int = param(1, min=1, help="Maximum number of trials that run at once.")

        @property
        def most_concurrent(self) -> int | None:
            return self.parallel_num

    def sampler(self, seed: int) -> Any:
        return _genetic(seed)
