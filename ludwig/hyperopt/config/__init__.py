"""What the section `hyperopt` of a config may declare."""

from ludwig.hyperopt.config import algorithms, spaces_float, spaces_integer, spaces_listed
from ludwig.hyperopt.config.algorithm import ALGORITHMS, SearchAlgorithm
from ludwig.hyperopt.config.executors import EXECUTORS, Executor
from ludwig.hyperopt.config.schedulers import SCHEDULERS, Scheduler
from ludwig.hyperopt.config.section import Objective, SearchConfig
from ludwig.hyperopt.config.space import SPACES, Space

__all__ = [
    "ALGORITHMS",
    "EXECUTORS",
    "SCHEDULERS",
    "SPACES",
    "Executor",
    "Objective",
    "Scheduler",
    "SearchAlgorithm",
    "SearchConfig",
    "Space",
    "algorithms",
    "spaces_float",
    "spaces_integer",
    "spaces_listed",
]
