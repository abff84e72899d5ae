"""Maps from logits to logits that mend probabilities which are too sure or not sure enough.

Sources: Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv:1706.04599, section 4; Platt 1999,
"Probabilistic Outputs for Support Vector Machines"; Kull et al. 2019, "Beyond temperature scaling", arXiv:1910.12656.

C = classes, or labels that are each true or not; logits are [..., C], or [...] where yes or no is all there is
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor

PlattMethod = Literal["temperature", "vector"]
Method = Literal["temperature", "vector", "matrix"]

PULL = 1e-6  # towards leaving logits as they are, so that classes which are separated without error end somewhere


class Scaling(ABC):
    """A map with few numbers.

    Its `state` is what a model keeps. What is trained are the `free` numbers, which may have any value; where all of
    them are zero, logits stay as they are.
    """

    method: ClassVar[Method]
    names: ClassVar[tuple[str, ...]]  # of the state
    strengths: ClassVar[tuple[float, ...]] = (0.0,)  # of the penalty, from strong to weak

    def __init__(self, shape: tuple[int, ...]) -> None:
        """`shape` is (C,), or () where yes or no is all there is."""
        self.shape = shape

    @abstractmethod
    def start(self, temperature: float) -> dict[str, Tensor]:
        """The free numbers that divide logits by the temperature."""

    @abstractmethod
    def state(self, free: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What a model keeps of the free numbers."""

    @abstractmethod
    def __call__(self, logits: Tensor, state: Mapping[str, Tensor]) -> Tensor:
        """The logits as probabilities are read from them: like `logits`."""

    def identity(self) -> dict[str, Tensor]:
        """The state that leaves logits as they are."""
        return self.state(self.start(1.0))

    def penalty(self, free: Mapping[str, Tensor], strength: float) -> Tensor:
        """What it costs to be far from leaving logits as they are: []."""
        return PULL * torch.stack([values.square().sum() for values in free.values()]).sum()


class TemperatureScaling(Scaling):
    """Logits are divided by one number above zero, which leaves their order as it is (Guo et al., section 4.2)."""

    method = "temperature"
    names = ("temperature",)

    def start(self, temperature: float) -> dict[str, Tensor]:
        return {"log_temperature": torch.tensor(math.log(temperature))}

    def state(self, free: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"temperature": free["log_temperature"].exp()}

    def __call__(self, logits: Tensor, state: Mapping[str, Tensor]) -> Tensor:
        return logits / state["temperature"]


class VectorScaling(Scaling):
    """Each class has a factor and a bias (Guo et al., section 4.2); of yes or no this is Platt scaling."""

    method = "vector"
    names = ("calibration_factor", "calibration_bias")

    def start(self, temperature: float) -> dict[str, Tensor]:
        return {"factor": torch.full(self.shape, 1 / temperature - 1), "bias": torch.zeros(self.shape)}  # [C], [C]

    def state(self, free: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"calibration_factor": 1 + free["factor"], "calibration_bias": free["bias"]}

    def __call__(self, logits: Tensor, state: Mapping[str, Tensor]) -> Tensor:
        return logits * state["calibration_factor"] + state["calibration_bias"]


class MatrixScaling(Scaling):
    """All classes mix: a matrix and a bias. Entries off the diagonal and biases cost (ODIR, Kull et al., section 3).

    strength * (mean of the squares off the diagonal + mean of the squares of the bias)
    """

    method = "matrix"
    names = ("calibration_matrix", "calibration_bias")
    strengths = (1e5, 1e4, 1e3, 1e2, 1e1, 1.0, 0.1)

    def start(self, temperature: float) -> dict[str, Tensor]:
        (classes,) = self.shape
        return {"matrix": torch.eye(classes) * (1 / temperature - 1), "bias": torch.zeros(classes)}  # [C, C], [C]

    def state(self, free: Mapping[str, Tensor]) -> dict[str, Tensor]:
        matrix = free["matrix"]
        return {"calibration_matrix": torch.eye(len(matrix)).to(matrix) + matrix, "calibration_bias": free["bias"]}

    def __call__(self, logits: Tensor, state: Mapping[str, Tensor]) -> Tensor:
        matrix, bias = state["calibration_matrix"], state["calibration_bias"]
        dtype = torch.promote_types(logits.dtype, matrix.dtype)
        return logits.to(dtype) @ matrix.T.to(dtype) + bias

    def penalty(self, free: Mapping[str, Tensor], strength: float) -> Tensor:
        matrix, bias = free["matrix"], free["bias"]
        off_diagonal = matrix - matrix.diagonal().diag()  # [C, C]
        pairs = max(len(matrix) * (len(matrix) - 1), 1)
        odir = off_diagonal.square().sum() / pairs + bias.square().mean()
        return super().penalty(free, strength) + strength * odir


SCALINGS: dict[Method, type[Scaling]] = {
    scaling.method: scaling for scaling in (TemperatureScaling, VectorScaling, MatrixScaling)
}


def scaling_of(option: bool | Method, shape: tuple[int, ...]) -> Scaling | None:
    """The map of the option `calibration`, true being short for a temperature; None for none."""
    if isinstance(option, bool):
        return TemperatureScaling(shape) if option else None
    return SCALINGS[option](shape)
