"""Frames as values: pickled, copied, augmented, and as trees of tensors."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from torch.utils import _pytree as pytree

from ludwig.columns import Block, Decoder, Dense, Files, Frame, Padded, Ragged
from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Signal


class Twice(Decoder):
    def __call__(self, source: int | None) -> torch.Tensor:
        return torch.tensor([source or 0]) * 2


def frame(rows: int = 3) -> Frame:
    counts = torch.arange(rows + 1)
    return Frame.of(
        {
            "a": Dense(torch.arange(rows).float()),
            "b": Dense(torch.arange(rows).float() * 10),
            "k": Dense(torch.arange(rows)),
            "t": Ragged(torch.arange(2 * rows), counts * 2),
            "p": Padded(torch.ones(rows, 8), torch.ones(rows, 8, dtype=torch.bool)),
        }
    )


def assert_equal(one: Frame, two: Frame) -> None:
    assert (one.names, len(one)) == (two.names, len(two))
    left, right = (pytree.tree_flatten(each) for each in (one, two))
    assert left[1] == right[1]
    assert all(map(torch.equal, left[0], right[0]))
    assert [each.dtype for each in left[0]] == [each.dtype for each in right[0]]


@pytest.mark.parametrize("again", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_frame_survives_pickle_and_deepcopy(again):
    assert_equal(again(frame()), frame())
    assert_equal(again(frame(100).slice(3, 5)), frame(100).rows(torch.tensor([3, 4])))
    files = again(Frame.of({"f": Files(np.array([1, None, 3], dtype=object), Twice())}))
    assert files.load(torch.device("cpu")).column("f").tolist() == [[2], [0], [6]]


def test_a_copy_shares_nothing_with_the_original():
    original = frame()
    copy.deepcopy(original).column("a")[:] = 9
    assert original.column("a").tolist() == [0, 1, 2]


def test_a_slice_pickles_its_own_rows_only():
    big = frame(10_000)
    for part in (big.slice(5, 7), big.rows(torch.tensor([5, 6])), Block(("a",), big.blocks[0].values[:2])):
        assert len(pickle.dumps(part)) < 5_000
    assert len(pickle.dumps(Dense(big.blocks[0].values[:2]))) < 1_000


def noise(values: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return values + torch.rand(values.shape, generator=generator)


def test_augmentation_changes_the_named_column_and_draws_from_its_generator_only():
    batch, state = frame(), torch.get_rng_state()
    changed = batch.augmented({"b": noise}, torch.Generator().manual_seed(1))
    drawn = torch.rand(3, generator=torch.Generator().manual_seed(1))
    assert torch.equal(changed.column("b"), torch.tensor([0.0, 10.0, 20.0]) + drawn)
    assert torch.equal(torch.get_rng_state(), state)
    assert batch.column("b").tolist() == [0, 10, 20]
    assert changed.column("a").tolist() == [0, 1, 2]  # of the same block
    assert changed.columns(("k",)).data_ptr() == batch.columns(("k",)).data_ptr()  # other blocks are shared
    assert changed.others == batch.others


def test_augmentation_keeps_shape_and_dtype_and_takes_dense_columns():
    generator = torch.Generator()
    with pytest.raises(ValueError, match="column 'a' must keep"):
        frame().augmented({"a": lambda values, generator: values.double()}, generator)
    with pytest.raises(LookupError, match="no dense column 't'"):
        frame().augmented({"t": noise}, generator)


def test_tree_map_goes_over_the_tensors_of_a_frame():
    doubled = pytree.tree_map(lambda tensor: tensor * 2, frame())
    assert isinstance(doubled, Frame)
    assert len(doubled) == 3
    assert doubled.column("b").tolist() == [0, 20, 40]
    assert doubled.others["t"].values.tolist() == [0, 2, 4, 6, 8, 10]
    files = pytree.tree_map(lambda tensor: tensor * 2, Frame.of({"f": Files(np.array([1], dtype=object), Twice())}))
    assert files.others["f"].decoded().values.tolist() == [[2]]


@pytest.mark.parametrize(
    "value",
    [
        frame(),
        frame().blocks[0],
        Dense(torch.ones(2)),
        Signal.sequence(torch.ones(2, 3, 4), torch.ones(2, 3, dtype=torch.bool)),
        Signal.vector(torch.ones(2, 3)),
        Prediction(torch.ones(2), torch.ones(2, 3)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_trees_and_their_structure_come_back(value):
    leaves, structure = pytree.tree_flatten(value)
    assert all(isinstance(leaf, torch.Tensor) for leaf in leaves)
    restored = pytree.treespec_loads(pytree.treespec_dumps(structure))
    assert restored == structure
    again = pytree.tree_unflatten(leaves, restored)
    assert type(again) is type(value)
    assert all(left is right for left, right in zip(pytree.tree_leaves(again), leaves, strict=True))


def test_signals_of_another_form_are_trees_of_another_structure():
    one, two = Signal.tokens(torch.ones(2, 3, 4)), Signal.members(torch.ones(2, 3, 4))
    assert pytree.tree_structure(one) != pytree.tree_structure(two)


class Reader(torch.nn.Module):
    def forward(self, batch: Frame) -> Prediction:
        text = batch.column("p")
        summed = (text.values * text.mask).sum(1, keepdim=True)
        return Prediction(batch.columns(("a", "b")) + summed, summed)


@pytest.mark.slow
def test_a_module_that_takes_a_frame_is_exported_for_batches_of_any_size():
    def batch(rows: int) -> Frame:
        whole = frame(rows)
        return Frame.of({name: Dense(whole.column(name)) for name in ("a", "b", "k")} | {"p": whole.column("p")})

    rows = torch.export.Dim("rows", min=2)
    shapes = torch.export.ShapesCollection()
    example = batch(3)
    for leaf in pytree.tree_leaves(example):
        shapes[leaf] = {0: rows}
    program = torch.export.export(Reader(), (example,), dynamic_shapes=shapes)
    found = program.module()(batch(7))
    assert isinstance(found, Prediction)
    assert found.logits.tolist() == [[i + 8, 10 * i + 8] for i in range(7)]
