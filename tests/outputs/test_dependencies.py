"""What an output reads of others, where it reads a sequence itself."""

import torch

from ludwig.nn.signal import Shape, Signal
from ludwig.outputs.dependencies import Dependencies

STEPS = torch.tensor([[True, True, True, True], [True, True, False, False]])


def test_a_vector_is_repeated_at_each_step():
    own, other = torch.randn(2, 4, 3), torch.randn(2, 2)
    joined = Dependencies("y", Shape("sequence", 3, 4), {"o": Shape("vector", 2)}, "sum")
    found = joined(Signal.sequence(own, STEPS), {"o": Signal.vector(other)})
    assert joined.shape.size == found.values.shape[-1] == 5
    assert torch.equal(found.values[..., :3], own)
    for step in range(4):
        assert torch.equal(found.values[:, step, 3:], other)


def test_a_sequence_that_is_kept_stands_step_beside_step():
    own, other = torch.randn(2, 4, 3), torch.randn(2, 3, 2)  # one step less
    joined = Dependencies("y", Shape("sequence", 3, 4), {"o": Shape("sequence", 2, 4)}, None)
    found = joined(Signal.sequence(own, STEPS), {"o": Signal.sequence(other, STEPS[:, :3])})
    assert torch.equal(found.values[:, :3, 3:], other)
    assert not found.values[:, 3, 3:].any()
    assert torch.equal(found.mask, STEPS)
