"""TabNet against the equations of Arik & Pfister 2019."""

import math

import pytest
import torch
from torch.nn.functional import glu

from ludwig.combiners import COMBINERS
from ludwig.combiners.base import Source
from ludwig.nn.norm import BatchNorm, GhostBatchNorm
from ludwig.nn.signal import Shape, Signal
from ludwig.nn.sparse import sparsemax
from ludwig.schema import load

NUMBERS = Source(("a", "b"), "number", Shape("tokens", 2, 2))
VECTOR = Source(("c",), "vector", Shape("vector", 3))
CONFIG = COMBINERS.get("tabnet").Config
SMALL = {"size": 4, "output_size": 5, "num_steps": 2, "dropout": 0.0}


def build(**options):
    torch.manual_seed(0)
    return load(CONFIG, {**SMALL, **options}).build([NUMBERS, VECTOR])


def signals(rows=6):
    torch.manual_seed(1)
    return [Signal.tokens(torch.randn(rows, 2, 2)), Signal.vector(torch.randn(rows, 3))]


def flat(given):
    return torch.cat([given[0].values.flatten(1), given[1].values], dim=1)


def transformed(combiner, step, values):
    """Blocks of a linear map, a norm and a GLU; the second and later ones add what came in, by sqrt(0.5)."""
    part = combiner.transformers[step]
    for place, linear in enumerate([*combiner.shared, *part.linears]):
        gated = glu(part.norms[place](linear(values)))
        values = gated if place == 0 else (values + gated) * math.sqrt(0.5)
    return values[:, :5], values[:, 5:]


def test_each_step_reads_what_its_mask_selects():
    combiner, given = build().eval(), signals()
    numbers = combiner.input_norm(flat(given))
    prior, total = torch.ones_like(numbers), 0
    _, attended = transformed(combiner, 0, numbers)
    for step in (1, 2):
        selector = combiner.selectors[step - 1]
        mask = sparsemax(prior * selector.norm(selector.linear(attended)))  # eq. 1
        torch.testing.assert_close(mask.sum(1), torch.ones(6))
        prior = prior * (1.5 - mask)
        decision, attended = transformed(combiner, step, mask * numbers)
        total = total + decision.relu()
    torch.testing.assert_close(combiner(given).values, total)
    assert combiner.shape == Shape("vector", 5)


def test_the_entropy_of_the_masks_is_a_loss_in_training_only():
    combiner, given = build(sparsity=0.5), signals()
    masks = []
    for selector in combiner.selectors:
        selector.register_forward_hook(lambda _, __, mask: masks.append(mask))
    loss = combiner(given).auxiliary_loss
    entropies = [-(mask * (mask + 1e-5).log()).sum(1).mean() for mask in masks]
    torch.testing.assert_close(loss, 0.5 * (entropies[0] + entropies[1]) / 2)
    assert combiner.eval()(given).auxiliary_loss is None
    assert build(sparsity=0.0)(given).auxiliary_loss is None


def test_shared_blocks_are_stored_once():
    combiner = build(num_total_blocks=3, num_shared_blocks=1)
    assert len(combiner.shared) == 1
    assert [len(part.linears) for part in combiner.transformers] == [2, 2, 2]
    tensors = [tensor.data_ptr() for tensor in combiner.parameters()]
    assert len(tensors) == len(set(tensors)) == len(combiner.state_dict(keep_vars=True)) - len([*combiner.buffers()])


@pytest.mark.parametrize("blocks", [(1, 0), (1, 1), (2, 2)])
def test_all_or_no_blocks_may_be_shared(blocks):
    combiner = build(num_total_blocks=blocks[0], num_shared_blocks=blocks[1])
    assert combiner(signals()).values.shape == (6, 5)


def test_more_shared_blocks_than_there_are_is_a_fault():
    config = load(CONFIG, {"num_total_blocks": 1})
    assert [where for where, _ in config.faults(["vector"], ["a"])] == ["num_shared_blocks"]


@pytest.mark.parametrize(("virtual", "norm"), [(None, BatchNorm), (4, GhostBatchNorm)])
def test_options_of_the_norms(virtual, norm):
    combiner = build(bn_virtual_bs=virtual, bn_momentum=0.25, bn_epsilon=0.5)
    found = combiner.transformers[0].norms[0]
    assert type(found) is norm
    inner = found if virtual is None else found.norm
    assert (inner.momentum, inner.eps) == (0.25, 0.5)
    assert (combiner.input_norm.momentum, combiner.input_norm.eps) == (0.25, 0.5)


class TestSelection:
    @pytest.mark.parametrize("mode", ["sparsemax", "entmax15", "constant", "adaptive"])
    def test_masks_are_distributions(self, mode):
        selection = build(entmax_mode=mode).selectors[0].selection
        mask = selection(torch.randn(6, 7))
        torch.testing.assert_close(mask.sum(1), torch.ones(6))
        assert (mask >= 0).all()

    def test_constant_takes_its_alpha(self):
        logits = torch.randn(6, 7)
        torch.testing.assert_close(
            build(entmax_mode="constant", entmax_alpha=1.0).selectors[0].selection(logits), logits.softmax(1)
        )

    def test_adaptive_trains_its_alpha(self):
        combiner = build(entmax_mode="adaptive", entmax_alpha=1.3)
        logit = combiner.selectors[0].selection.logit
        torch.testing.assert_close(1 + logit.sigmoid(), torch.tensor(1.3))
        combiner(signals()).values.square().sum().backward()
        assert logit.grad.abs() > 0
