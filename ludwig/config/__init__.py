"""The whole config, assembled from the parts' own."""

from ludwig.config.load import load_config, read_config, read_yaml
from ludwig.config.model_config import CONFIGS, ModelConfig, proc_column

__all__ = ["CONFIGS", "ModelConfig", "load_config", "proc_column", "read_config", "read_yaml"]
