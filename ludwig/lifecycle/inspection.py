"""What is inside of a model: its weights, and the activations of its layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor

from ludwig.callbacks import CallbackList
from ludwig.error import ArgumentError, nearest
from ludwig.inference import activations
from ludwig.lifecycle.data import rows_of
from ludwig.lifecycle.held import Given, Held, refuse_odd_split, trained, within_call
from ludwig.runtime.arguments import whole_number

Named = list[tuple[str, Tensor]]


def collect_weights(held: Held, names: Iterable[str] | None) -> Named:
    """The parameters by the names that users see: all, or those that are named, in their order.

    Raises:
        ArgumentError: A name is not known.
    """
    weights = trained(held, "collect_weights").parameters_by_name()
    if isinstance(names, str) or not isinstance(names, Iterable | None):
        raise ArgumentError(f"tensor_names must be a list of names. Received: {names!r:.100}.")
    chosen = [*weights] if names is None else [*names]
    for name in chosen:
        if not isinstance(name, str) or name not in weights:
            raise ArgumentError(f"There is no tensor '{name!s:.100}'.{nearest(name, weights)}")
    return [(name, weights[name]) for name in chosen]


def collect_activations(held: Held, names: Sequence[str], given: Given, split: str, batch_size: int) -> Named:
    """The activations of the named layers over all rows.

    Raises:
        ArgumentError: A name is not known, or its layer has no activations of rows.
    """
    model = trained(held, "collect_activations")
    points = activations.points_of(model, names)
    refuse_odd_split(split)
    batch_size = whole_number("batch_size", batch_size, 1)
    with within_call(held):
        rows = rows_of(held, given, split, CallbackList(held.callbacks), with_targets=False)
        return activations.collect(model, rows.frame, rows.kept, points, batch_size, held.device)
