import numpy as np
import pytest
import torch

from ludwig.nn.calibration import MatrixScaling, Scaling, TemperatureScaling, VectorScaling, scaling_of

EVERY = [TemperatureScaling(()), TemperatureScaling((4,)), VectorScaling(()), VectorScaling((4,)), MatrixScaling((4,))]


def logits_of(scaling: Scaling) -> torch.Tensor:
    return torch.randn(30, *scaling.shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("scaling", EVERY, ids=lambda scaling: f"{scaling.method}{scaling.shape}")
class TestEvery:
    def test_logits_stay_as_they_are_at_first(self, scaling):
        logits, state = logits_of(scaling), scaling.identity()
        assert tuple(state) == scaling.names
        torch.testing.assert_close(scaling(logits, state), logits, rtol=0, atol=0)

    def test_it_can_start_at_any_temperature(self, scaling):
        logits = logits_of(scaling)
        torch.testing.assert_close(scaling(logits, scaling.state(scaling.start(2.5))), logits / 2.5)

    def test_members_are_mapped_alike(self, scaling):
        logits = logits_of(scaling)
        members = torch.stack([logits, -logits, 2 * logits], 1)  # [N, K, ...]
        state = scaling.state({name: 0.1 + value for name, value in scaling.start(0.7).items()})
        mapped = scaling(members, state)
        for place, member in enumerate((logits, -logits, 2 * logits)):
            torch.testing.assert_close(mapped[:, place], scaling(member, state))

    def test_the_penalty_is_none_at_first_and_has_a_slope_for_each_number(self, scaling):
        assert scaling.penalty(scaling.start(1.0), scaling.strengths[0]) == 0
        free = {name: (value + 0.3).requires_grad_() for name, value in scaling.start(1.0).items()}
        scaling.penalty(free, scaling.strengths[0]).backward()
        assert all(bool((value.grad > 0).all()) for value in free.values())


def test_a_temperature_never_changes_the_order():
    scaling, logits = TemperatureScaling((4,)), logits_of(EVERY[1])
    for free in (-5.0, 3.0):
        mapped = scaling(logits, scaling.state({"log_temperature": torch.tensor(free)}))
        assert torch.equal(mapped.argsort(1), logits.argsort(1))


def test_the_matrix_is_penalised_off_its_diagonal_as_in_the_paper():
    draw = np.random.default_rng(0)
    matrix, bias, strength = draw.normal(size=(5, 5)), draw.normal(size=5), 3.0
    off = [matrix[i, j] ** 2 for i in range(5) for j in range(5) if i != j]
    expected = strength * (sum(off) / (5 * 4) + (bias**2).sum() / 5)
    free = {"matrix": torch.from_numpy(matrix), "bias": torch.from_numpy(bias)}
    assert MatrixScaling((5,)).penalty(free, strength).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("option", "expected"),
    [(False, type(None)), (True, TemperatureScaling), ("temperature", TemperatureScaling), ("vector", VectorScaling)],
)
def test_true_is_short_for_a_temperature(option, expected):
    assert type(scaling_of(option, (3,))) is expected
