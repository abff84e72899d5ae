"""The model types."""

from ludwig.models.base import MODELS, Model, Step
from ludwig.models.ecd import input_types  # noqa: F401  (importing registers)
from ludwig.models.ecd import model as ecd_model  # noqa: F401  (importing registers)
from ludwig.models.llm import model as llm_model  # noqa: F401  (importing registers)

__all__ = ["MODELS", "Model", "Step"]
