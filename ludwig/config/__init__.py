"""The whole config, assembled from the parts' own."""

from ludwig.config.load import load_config
from ludwig.config.model_config import CONFIGS, ModelConfig, proc_column
from ludwig.config.reading import read_config, read_yaml

__all__ = ["CONFIGS", "ModelConfig", "load_config", "proc_column", "read_config", "read_yaml"]
