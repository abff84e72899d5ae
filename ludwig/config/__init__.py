"""The whole config, assembled from the parts' own."""

from ludwig.config.load import load_config
from ludwig.config.model_config import CONFIGS, ModelConfig, proc_column
from ludwig.config.reading import read_config, read_yaml
from ludwig.config.upgrade import names_as_written

__all__ = ["CONFIGS", "ModelConfig", "load_config", "names_as_written", "proc_column", "read_config", "read_yaml"]
