"""How weights start, by the names that configs use."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ludwig.error import ConfigValidationError, nearest

InitializerName = Literal[
    "uniform",
    "normal",
    "constant",
    "ones",
    "zeros",
    "eye",
    "dirac",
    "xavier_uniform",
    "xavier_normal",
    "kaiming_uniform",
    "kaiming_normal",
    "orthogonal",
    "sparse",
    "identity",
]
InitializerSpec = InitializerName | dict[str, Any]  # as a dict: {"type": name, **arguments}


def _constant(tensor: Tensor, val: float = 0.0) -> Tensor:
    return nn.init.constant_(tensor, val)


def _sparse(tensor: Tensor, sparsity: float = 0.1, std: float = 0.01) -> Tensor:
    return nn.init.sparse_(tensor, sparsity, std)


_FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "uniform": nn.init.uniform_,
    "normal": nn.init.normal_,
    "constant": _constant,
    "ones": nn.init.ones_,
    "zeros": nn.init.zeros_,
    "eye": nn.init.eye_,
    "identity": nn.init.eye_,
    "dirac": nn.init.dirac_,
    "xavier_uniform": nn.init.xavier_uniform_,
    "xavier_normal": nn.init.xavier_normal_,
    "kaiming_uniform": nn.init.kaiming_uniform_,
    "kaiming_normal": nn.init.kaiming_normal_,
    "orthogonal": nn.init.orthogonal_,
    "sparse": _sparse,
}
_BY_FAN = frozenset({"xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal"})


def initialize(tensor: Tensor, spec: InitializerSpec) -> None:
    """Fills the tensor in place. A rule by fan takes a vector for the weights of one input.

    Raises:
        ConfigValidationError: The rule is not known, does not take the arguments, or does not fit the shape.
    """
    arguments = {"type": spec} if isinstance(spec, str) else dict(spec)
    name = arguments.pop("type", None)
    function = _function(name, arguments)
    view = tensor.unsqueeze(-1) if tensor.dim() == 1 and name in _BY_FAN else tensor
    try:
        with torch.no_grad():
            function(view, **arguments)
    except (ValueError, TypeError, RuntimeError) as error:
        given = f" with {arguments}" if arguments else ""
        raise ConfigValidationError(
            f"The initializer '{name}'{given} does not fit a weight of shape {tuple(tensor.shape)}: {error}. "
            "Choose another one, such as xavier_uniform."
        ) from None


def _function(name: object, arguments: dict[str, Any]) -> Callable[..., Tensor]:
    """The rule of that name, which takes these arguments."""
    if name not in _FUNCTIONS:
        raise ConfigValidationError(
            f"There is no initializer '{name}'.{nearest(name, _FUNCTIONS)} "
            f"Choose one of: {', '.join(sorted(_FUNCTIONS))}."
        )
    function = _FUNCTIONS[str(name)]
    known = [word for word in inspect.signature(function).parameters if word not in ("tensor", "generator")]
    for alien in sorted(set(arguments) - set(known)):
        raise ConfigValidationError(
            f"The initializer '{name}' has no parameter '{alien}'.{nearest(alien, known)} "
            f"It has: {', '.join(known) or 'none'}."
        )
    return function
