"""Expected values come from a bisection on the threshold, an algorithm of its own, and from finite differences."""

import pytest
import torch

from ludwig.nn.sparse import entmax, entmax15, entmax15_loss, sparsemax, sparsemax_loss


def by_bisection(logits: torch.Tensor, exponent: float) -> torch.Tensor:
    """p = max(z - tau, 0) ** exponent with tau such that p sums to one."""
    low, high = logits.amax(-1, keepdim=True) - 1, logits.amax(-1, keepdim=True)
    for _ in range(80):
        middle = (low + high) / 2
        too_much = ((logits - middle).clamp_min(0) ** exponent).sum(-1, keepdim=True) > 1
        low, high = torch.where(too_much, middle, low), torch.where(too_much, high, middle)
    return (logits - low).clamp_min(0) ** exponent


CASES = [torch.randn(5, 7, dtype=torch.double) * scale for scale in (0.1, 1, 10)]
CASES += [torch.zeros(1, 4, dtype=torch.double), torch.randn(2, 1, dtype=torch.double)]


@pytest.mark.parametrize("logits", CASES)
def test_sparsemax_is_the_projection_onto_the_simplex(logits):
    torch.testing.assert_close(sparsemax(logits), by_bisection(logits, 1))


@pytest.mark.parametrize("logits", CASES)
def test_entmax15_solves_its_definition(logits):
    torch.testing.assert_close(entmax15(logits), by_bisection(logits / 2, 2))


def test_sparsemax_of_a_case_worked_by_hand():
    # two in the support: tau = (1.1 + 0.9 - 1) / 2 = 0.5
    torch.testing.assert_close(sparsemax(torch.tensor([1.1, 0.9, -3.0])), torch.tensor([0.6, 0.4, 0.0]))


@pytest.mark.parametrize("map_", [sparsemax, entmax15])
def test_gradients_equal_finite_differences(map_):
    logits = torch.randn(4, 6, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(map_, (logits,))


@pytest.mark.parametrize("map_", [sparsemax, entmax15])
def test_any_dimension_will_do(map_):
    logits = torch.randn(3, 4, 5)
    torch.testing.assert_close(map_(logits, dim=1), map_(logits.transpose(1, 2)).transpose(1, 2))


@pytest.mark.parametrize("map_", [sparsemax, entmax15])
def test_what_is_minus_infinity_gets_nothing(map_):
    result = map_(torch.tensor([0.3, float("-inf"), 0.1]))
    assert result[1] == 0
    torch.testing.assert_close(result[[0, 2]], map_(torch.tensor([0.3, 0.1])))


@pytest.mark.parametrize("map_", [sparsemax, entmax15])
def test_half_precision_stays_a_distribution_of_its_dtype(map_):
    result = map_((torch.randn(3, 500) * 0.01).bfloat16())
    assert result.dtype == torch.bfloat16
    torch.testing.assert_close(result.float().sum(-1), torch.ones(3), atol=0.02, rtol=0)


@pytest.mark.parametrize(("loss", "map_"), [(sparsemax_loss, sparsemax), (entmax15_loss, entmax15)])
def test_the_gradient_of_a_loss_is_the_map_less_the_target(loss, map_):
    logits, target = torch.randn(4, 5, dtype=torch.double, requires_grad=True), torch.tensor([0, 4, 2, 2])
    rows = loss(logits, target)
    rows.sum().backward()
    assert rows.shape == (4,)
    torch.testing.assert_close(logits.grad, map_(logits.detach()) - torch.eye(5, dtype=torch.double)[target])
    assert torch.autograd.gradcheck(lambda z: loss(z, target), (logits,))


@pytest.mark.parametrize("loss", [sparsemax_loss, entmax15_loss])
def test_a_loss_is_zero_where_the_target_has_a_wide_margin(loss):
    # margins: 1 for sparsemax, 2 for 1.5-entmax (arXiv:1901.02324, prop. 7)
    torch.testing.assert_close(loss(torch.tensor([[5.0, 3.0, 0.0]]), torch.tensor([0])), torch.zeros(1))
    assert loss(torch.tensor([[3.5, 3.0, 0.0]]), torch.tensor([0])) > 0.05


def test_sparsemax_loss_of_two_classes_is_the_modified_huber_loss():
    # Martins & Astudillo 2016, section 3.2: with t = z_true - z_other, (t - 1)^2 / 4 for |t| <= 1, -t for t < -1
    margin = torch.tensor([0.5, -0.2, 1.0, -3.0])
    logits = torch.stack([margin, torch.zeros(4)], dim=1)
    expected = torch.tensor([0.25 / 4, 1.44 / 4, 0.0, 3.0])
    torch.testing.assert_close(sparsemax_loss(logits, torch.zeros(4, dtype=torch.int8)), expected)


@pytest.mark.parametrize("map_", [sparsemax, entmax15])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_stays_so_and_other_rows_do_not_see_it(map_, value):
    logits = torch.tensor([[0.3, value, 0.1], [0.3, 0.2, 0.1]])
    result = map_(logits)
    assert result[0].isnan().any()
    torch.testing.assert_close(result[1], map_(logits[1]))


@pytest.mark.parametrize("loss", [sparsemax_loss, entmax15_loss])
def test_a_loss_of_what_is_not_a_number_is_not_a_number(loss):
    losses = loss(torch.tensor([[float("nan"), 1.0], [0.0, 1.0]]), torch.tensor([0, 1]))
    assert losses.isnan().tolist() == [True, False]


class TestEntmax:
    @pytest.mark.parametrize(("alpha", "expected"), [(1, torch.softmax), (1.5, entmax15), (2, sparsemax)])
    def test_softmax_entmax15_and_sparsemax_are_cases_of_it(self, alpha, expected):
        logits = 3 * torch.randn(8, 6, generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(entmax(logits, alpha), expected(logits, -1), rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("alpha", [1.05, 1.3, 1.7, 2.0])
    def test_it_is_the_optimum_of_its_definition(self, alpha):
        """p maximises p z + (sum p - p ** alpha) / (alpha (alpha - 1)): its gradient is equal where p is above zero."""
        logits = 3 * torch.randn(8, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        found = entmax(logits, alpha)
        torch.testing.assert_close(found.sum(-1), torch.ones(8, dtype=torch.float64))
        slopes = logits - found ** (alpha - 1) / (alpha - 1)
        there = found > 0
        lowest, highest = slopes.where(there, torch.inf).amin(-1), slopes.where(there, -torch.inf).amax(-1)
        torch.testing.assert_close(lowest, highest)
        assert (slopes.where(~there, -torch.inf).amax(-1) <= highest + 1e-9).all()

    def test_its_gradients_are_right_for_alpha_too(self):
        logits = torch.randn(4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
        alpha = torch.tensor(1.4, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(entmax, (logits, alpha), eps=1e-5, atol=1e-4)

    def test_one_number_alone_is_one(self):
        assert entmax(torch.tensor([[3.0]]), 1.5).tolist() == [[1.0]]

    def test_half_precision_stays_finite(self):
        found = entmax(torch.tensor([[300.0, -300.0, 299.0]], dtype=torch.bfloat16), 1.5)
        assert found.dtype == torch.bfloat16
        assert found.isfinite().all()
