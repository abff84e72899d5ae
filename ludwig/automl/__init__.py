"""From a table and a target to a config and a trained model."""

from ludwig.automl.config import create_auto_config, create_automl_config_for_features, create_features_config
from ludwig.automl.features import ColumnGuess, infer_types
from ludwig.automl.results import AutoTrainResults
from ludwig.automl.train import auto_train, train_with_config
from ludwig.automl.written import init_config

__all__ = [
    "AutoTrainResults",
    "ColumnGuess",
    "auto_train",
    "create_auto_config",
    "create_automl_config_for_features",
    "create_features_config",
    "infer_types",
    "init_config",
    "train_with_config",
]
