import typing

import pytest
import torch

from ludwig.error import ConfigValidationError
from ludwig.nn.reduce import ReductionName, SequenceReducer

NAMES = [name for name in typing.get_args(ReductionName) if name not in ("none", "None")]
LENGTHS = [4, 2, 1, 0]


def batch(width: int, filler: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of 4, 2, 1 and no steps, with a filler where there is none."""
    mask = torch.arange(width) < torch.tensor(LENGTHS).unsqueeze(1)
    steps = torch.randn(4, 4, 3, generator=torch.Generator().manual_seed(0))
    values = torch.full((4, width, 3), filler)
    values[:, :4] = steps
    values[~mask] = filler
    return values, mask


def by_hand(name: str, row: torch.Tensor) -> torch.Tensor:
    """The reduction of the steps of one row, without padding."""
    if len(row) == 0:
        return torch.zeros(3)
    return {
        "sum": row.sum(0),
        "mean": row.mean(0),
        "avg": row.mean(0),
        "max": row.max(0).values,
        "last": row[-1],
    }[name]


@pytest.mark.parametrize("name", ["sum", "mean", "avg", "max", "last"])
def test_a_reduction_follows_its_definition(name):
    values, mask = batch(6, 0.0)
    expected = torch.stack([by_hand(name, row[there]) for row, there in zip(values, mask, strict=True)])
    torch.testing.assert_close(SequenceReducer(name, 3)(values, mask), expected)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("filler", [7.0, float("inf"), float("nan")])
def test_padding_never_changes_the_result(name, filler):
    reducer = SequenceReducer(name, 3, 5)
    expected = reducer(*batch(4, 0.0))
    torch.testing.assert_close(reducer(*batch(8, filler)), expected)
    assert expected.shape == (4, reducer.output_size)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_of_no_steps_gives_zeros(name):
    assert SequenceReducer(name, 3, 5)(*batch(4, 7.0))[3].eq(0).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rows", [1, 4])
def test_gradients_are_finite_and_reach_only_steps_that_count(name, rows):
    values, mask = (part[:rows] for part in batch(6, 7.0))
    values.requires_grad_()
    reducer = SequenceReducer(name, 3, 5)
    reducer(values, mask).square().sum().backward()
    assert values.grad.isfinite().all() and values.grad[~mask].eq(0).all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in reducer.parameters())


@pytest.mark.parametrize("name", [None, "none", "None"])
def test_none_keeps_the_sequence(name):
    reducer, (values, mask) = SequenceReducer(name, 3), batch(4, 0.0)
    assert not reducer.reduces and reducer.output_size == 3
    assert reducer(values, mask) is values


def test_concat_lays_steps_side_by_side_padded_or_cut_to_the_longest():
    values, mask = batch(4, 7.0)
    there = values.masked_fill(~mask.unsqueeze(-1), 0)
    longer, shorter = SequenceReducer("concat", 3, 6), SequenceReducer("concat", 3, 2)
    torch.testing.assert_close(longer(values, mask), torch.cat([there, torch.zeros(4, 2, 3)], 1).reshape(4, 18))
    torch.testing.assert_close(shorter(values, mask), there[:, :2].reshape(4, 6))
    assert (longer.output_size, shorter.output_size) == (18, 6) and longer.reduces


def test_attention_is_the_mean_weighted_by_its_scores():
    reducer, (values, mask) = SequenceReducer("attention", 3), batch(4, 0.0)
    project, context = reducer.scores.project, reducer.scores.context
    row = values[1, :2]
    scores = torch.tanh(row @ project.weight.T + project.bias) @ context.weight[0]
    torch.testing.assert_close(reducer(values, mask)[1], scores.softmax(0) @ row)


def test_attention_pooling_is_scaled_dot_product_attention_of_one_query():
    reducer, (values, mask) = SequenceReducer("attention_pooling", 3), batch(4, 0.0)
    values, mask = values[:3], mask[:3]  # a row of no steps has no attention
    query = reducer.scores.query.expand(3, 1, 3)
    expected = torch.nn.functional.scaled_dot_product_attention(query, values, values, attn_mask=mask.unsqueeze(1))
    torch.testing.assert_close(reducer(values, mask), expected.squeeze(1))


def test_a_single_step_is_itself():
    values, mask = torch.randn(1, 1, 3), torch.ones(1, 1, dtype=torch.bool)
    for name in NAMES:
        torch.testing.assert_close(SequenceReducer(name, 3, 1)(values, mask), values[:, 0])


@pytest.mark.parametrize(("name", "message"), [("sun", "no reduction 'sun'. Did you mean 'sum'"), ("concat", "length")])
def test_a_faulty_reduction_is_reported(name, message):
    with pytest.raises(ConfigValidationError, match=message):
        SequenceReducer(name, 3)
