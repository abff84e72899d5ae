"""The loss of rows whose prediction is that of several members; metrics read it from `nn` too."""

from ludwig.nn.members import rows_of

__all__ = ["rows_of"]
