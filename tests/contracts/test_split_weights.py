"""Encoders that take columns in groups: each column has the weights, by name, that an encoder of its own would have.

B = rows of the batch, C = columns of a group
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, get_args

import pandas as pd
import pytest
import torch
from torch import Tensor

from ludwig.columns.frame import Frame
from ludwig.encoders import ENCODERS
from ludwig.models.ecd.input_base import INPUTS
from ludwig.models.ecd.inputs import Inputs
from ludwig.nn.norm import NormName
from ludwig.nn.signal import Signal
from tests.contracts.samples import column_of, feature_of, fitted, named, series_of, variants

SMALL = {"num_bins": 4, "num_frequencies": 3, "num_layers": 2}
NAMES = ("a", "b", "c")


def tried(kind: str, name: str) -> list[dict[str, Any]]:
    """Options to try: each switch turned, and each normalisation.

    Columns with embeddings of one size form a group, so the size is set to what all of them reach.
    """
    config = ENCODERS.get(name, kind).Config
    sizes = {"embedding_size": 2} if "embedding_size" in config.__dataclass_fields__ else {}
    found = [{**sizes, **options} for options in variants(config, **SMALL)]
    has_norm = "norm" in config.__dataclass_fields__
    return [*found, *({**found[-1], "norm": norm} for norm in get_args(NormName) if has_norm)]


EVERY = [
    pytest.param(kind, name, options, id=f"{kind}-{name}-{named(options)}")
    for kind, name, cls in sorted(ENCODERS, key=lambda entry: entry[:2])
    if cls.Config.grouped
    for options in tried(kind, name)
]
every = pytest.mark.parametrize(("kind", "name", "options"), EVERY)


def columns_of(kind: str) -> dict[str, pd.Series]:
    """A column for each name, which teach different things."""
    cells = [*column_of(kind)]
    return {
        name: series_of([*cells[:count], *cells[:count], *cells[:count]][: len(cells)]).infer_objects()
        for name, count in zip(NAMES, (len(cells), 2, 3), strict=True)
    }


def built(kind: str, name: str, options: dict[str, Any], order: Sequence[str], seed: int) -> Inputs:
    torch.manual_seed(seed)
    section, columns = INPUTS.get(kind).Config, columns_of(kind)
    features = [section(name=column, encoder=ENCODERS.get(name, kind).Config(**options)) for column in order]
    return Inputs(features, {column: fitted(feature_of(kind, name=column), columns[column]) for column in order})


def batch_of(kind: str) -> Frame:
    columns, encoded = columns_of(kind), {}
    for name, column in columns.items():
        feature = feature_of(kind, name=name)
        encoded[name] = feature.encode(feature.parse(column), fitted(feature, column)).column
    return Frame.of(encoded)


def signal_of(inputs: Inputs, kind: str) -> Signal:
    (signal,) = inputs(batch_of(kind))
    return signal


def weights_of(inputs: Inputs) -> dict[str, Tensor]:
    return {name: weight.values for name, weight in inputs.weights()}


def with_weights_of(inputs: Inputs, other: Inputs) -> Inputs:
    """The inputs with the weights of the others of the same names, which must fit."""
    given = weights_of(other)
    with torch.no_grad():
        for name, weight in weights_of(inputs).items():
            assert weight.shape == given[name].shape, name
            weight.copy_(given[name])
    return inputs


@every
@pytest.mark.parametrize("training", [False, True], ids=["prediction", "training"])
def test_a_column_of_a_group_is_what_it_is_alone(kind, name, options, training):
    group = built(kind, name, options, NAMES, seed=0).train(training)
    expected = signal_of(group, kind).values  # [B, C, H]
    names = {column: [] for column in NAMES}
    for weight in weights_of(group):
        names[weight.partition(".")[0]].append(weight)
    for place, column in enumerate(NAMES):
        alone = with_weights_of(built(kind, name, options, [column], seed=1), group).train(training)
        assert [*weights_of(alone)] == names[column]
        (signal,) = alone(batch_of(kind))
        torch.testing.assert_close(signal.values[:, 0], expected[:, place], rtol=1e-4, atol=1e-6)


@every
def test_columns_in_another_order_take_their_weights_by_name(kind, name, options):
    group = built(kind, name, options, NAMES, seed=0).eval()
    expected = signal_of(group, kind).values  # [B, C, H]
    for order in itertools.permutations(range(len(NAMES))):
        names = [NAMES[place] for place in order]
        other = with_weights_of(built(kind, name, options, names, seed=1), group).eval()
        torch.testing.assert_close(signal_of(other, kind).values, expected[:, list(order)], rtol=1e-4, atol=1e-6)
        assert all(torch.equal(weight, weights_of(group)[key]) for key, weight in weights_of(other).items())


@every
def test_the_weights_of_columns_are_all_weights_and_each_but_once(kind, name, options):
    group = built(kind, name, options, NAMES, seed=0)
    with torch.no_grad():
        for weight in weights_of(group).values():
            weight.fill_(0)
        for weight in weights_of(group).values():
            weight.add_(1)
    assert all((tensor == 1).all() for tensor in group.state_dict().values() if tensor.dim())
