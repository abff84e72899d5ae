"""Pretrained networks of other libraries: their names, and the adapters that fine-tune them."""

from ludwig.pretrained import adapters  # noqa: F401  (importing registers)
from ludwig.pretrained.adapter_base import ADAPTERS, Adapter

__all__ = ["ADAPTERS", "Adapter"]
