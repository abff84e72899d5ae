"""Noise on embeddings, and positions that are scaled."""

from __future__ import annotations

import pytest
import torch

from ludwig.error import ConfigValidationError
from ludwig.pretrained.parameters import ModelParameters, RopeScaling


def test_noise_is_uniform_and_falls_with_the_length_of_a_text():
    lengths, size = torch.tensor([16, 64]), 100
    there = torch.arange(64) < lengths.unsqueeze(1)
    torch.manual_seed(0)
    noise = ModelParameters(neftune_noise_alpha=5).noisy(torch.zeros(2, 64, size), there)
    for row, length in enumerate(lengths.tolist()):
        bound = 5 / (length * size) ** 0.5
        values = noise[row][there[row]]
        assert values.abs().max() <= bound
        assert values.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)  # of a uniform distribution
        assert abs(values.mean().item()) < 0.05 * bound


def test_scaling_is_the_same_when_it_is_applied_again():
    scaling = RopeScaling(rope_type="linear", factor=2.0)
    description = {"model_type": "llama", "rope_parameters": {"rope_type": "default", "rope_theta": 1e4}}
    once = scaling.applied(description)
    assert once["rope_parameters"] == {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}
    assert scaling.applied(once) == once
    assert description["rope_parameters"]["rope_type"] == "default"


@pytest.mark.parametrize("parameters", [None, {}, {"full_attention": {"rope_theta": 1.0}, "sliding_attention": {}}])
def test_other_positions_are_not_scaled(parameters):
    with pytest.raises(ConfigValidationError, match="no rotary positions"):
        RopeScaling(rope_type="linear", factor=2.0).applied({"model_type": "gpt2", "rope_parameters": parameters})
