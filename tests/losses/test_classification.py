import math

import pytest
import torch
from torch.nn.functional import cross_entropy, log_softmax, logsigmoid, one_hot

from ludwig.error import ConfigValidationError

HIDDEN = torch.zeros(0)
LABELS = ("a", "b", "c", "d")
SOFTMAX = "softmax_cross_entropy"


@pytest.fixture
def logits():
    return torch.randn(60, 4)


@pytest.fixture
def ids():
    return torch.randint(0, 4, (60,), dtype=torch.int8)


def test_softmax_without_options_is_cross_entropy(build, logits, ids):
    loss = build(SOFTMAX, "category", LABELS)
    torch.testing.assert_close(loss(logits, ids, HIDDEN), cross_entropy(logits, ids.long()))


@pytest.mark.parametrize("weights", [[1.0, 2.0, 0.0, 0.5], {"b": 2.0, "c": 0.0, "d": 0.5}])
def test_class_weights_make_a_weighted_mean_over_all_rows(build, logits, ids, weights):
    loss = build(SOFTMAX, "category", LABELS, class_weights=weights)
    expected = cross_entropy(logits, ids.long(), weight=torch.tensor([1.0, 2.0, 0.0, 0.5]))
    torch.testing.assert_close(loss(logits, ids, HIDDEN), expected)


def test_a_smoothed_target_gives_every_class_a_share(build, logits, ids):
    loss = build(SOFTMAX, "category", LABELS, label_smoothing=0.3)
    target = 0.7 * torch.nn.functional.one_hot(ids.long(), logits.shape[-1]) + 0.3 / logits.shape[-1]
    expected = -(target * logits.log_softmax(-1)).sum(-1).mean()
    torch.testing.assert_close(loss(logits, ids, HIDDEN), expected)
    torch.testing.assert_close(
        loss(logits, torch.nn.functional.one_hot(ids.long(), logits.shape[-1]).float(), HIDDEN), expected
    )


def test_robust_lambda_mixes_in_a_constant(build, logits, ids):
    loss = build(SOFTMAX, "category", LABELS, robust_lambda=0.2)
    torch.testing.assert_close(loss(logits, ids, HIDDEN), 0.8 * cross_entropy(logits, ids.long()) + 0.2 / 4)


def test_confidence_costs_what_entropy_is_missing(build, logits, ids):
    entropy = torch.distributions.Categorical(logits=logits).entropy()
    expected = cross_entropy(logits, ids.long()) + 0.5 * (math.log(4) - entropy).mean()
    loss = build(SOFTMAX, "category", LABELS, confidence_penalty=0.5)
    torch.testing.assert_close(loss(logits, ids, HIDDEN), expected)


ALIKE = [[1.0, 0.5, 0.0, 0.0], [0.5, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.2], [0.0, 0.0, 0.2, 1.0]]


def test_similar_classes_share_the_target(build, logits, ids):
    loss = build(SOFTMAX, "category", LABELS, class_similarities=ALIKE, class_similarities_temperature=0.5)
    shares = (torch.tensor(ALIKE) / 0.5).softmax(-1)[ids.long()]
    expected = -(shares * log_softmax(logits, -1)).sum(-1).mean()
    torch.testing.assert_close(loss(logits, ids, HIDDEN), expected)


def test_at_temperature_zero_only_the_most_alike_class_counts(build, logits, ids):
    loss = build(SOFTMAX, "category", LABELS, class_similarities=ALIKE)
    torch.testing.assert_close(loss(logits, ids, HIDDEN), cross_entropy(logits, ids.long()))


@pytest.mark.parametrize("rows", [[[1.0, 0.0], [0.0, 1.0]], [[1.0] * 4] * 3, [[1.0] * 3] * 4])
def test_similarities_of_a_wrong_shape_are_refused(build, rows):
    with pytest.raises(ConfigValidationError, match="must have 4 rows and columns, one for each class of a, b, c, d"):
        build(SOFTMAX, "category", LABELS, class_similarities=rows)


def test_the_target_may_be_a_distribution(build, logits):
    shares = torch.rand(60, 4).softmax(-1)
    loss = build(SOFTMAX, "vector")
    torch.testing.assert_close(loss(logits, shares, HIDDEN), cross_entropy(logits, shares))
    assert loss.row_weights(shares) is None


def test_a_distribution_of_one_class_is_that_class(build, logits, ids):
    options = {"robust_lambda": 0.1, "class_similarities": ALIKE, "class_similarities_temperature": 2.0}
    loss = build(SOFTMAX, "category_distribution", LABELS, **options)
    torch.testing.assert_close(loss(logits, one_hot(ids.long(), 4).float(), HIDDEN), loss(logits, ids, HIDDEN))


def test_class_weights_weigh_the_classes_of_a_distribution(build, logits):
    shares, weights = torch.rand(60, 4).softmax(-1), [1.0, 2.0, 0.0, 0.5]
    loss = build(SOFTMAX, "vector", class_weights=weights)
    expected = cross_entropy(logits, shares, weight=torch.tensor(weights))
    torch.testing.assert_close(loss(logits, shares, HIDDEN), expected)


def test_pixels_are_averaged_over_all_images_and_unknown_ones_left_out(build):
    logits, target = torch.randn(3, 4, 5, 6), torch.randint(-1, 4, (3, 5, 6))
    loss = build(SOFTMAX, "image", LABELS, class_weights=[1.0, 2.0, 3.0, 0.5])
    expected = cross_entropy(logits, target, weight=torch.tensor([1.0, 2.0, 3.0, 0.5]), ignore_index=-1)
    torch.testing.assert_close(loss(logits, target, HIDDEN), expected)


# --- CORN -----------------------------------------------------------------------------------------------------------


def test_corn_averages_the_questions_of_all_ranks(build, logits, ids):
    total, count = 0.0, 0
    for rank in range(3):  # each rank counts the rows that are beyond the rank before it
        reached = ids >= rank
        z, beyond = logits[reached, rank], (ids[reached] > rank).float()
        total += -(logsigmoid(z) * beyond + logsigmoid(-z) * (1 - beyond)).sum()
        count += int(reached.sum())
    torch.testing.assert_close(build("corn", "category", LABELS)(logits, ids, HIDDEN), total / count)


def test_corn_probabilities_are_products_of_conditional_ones(build, logits):
    shares = build("corn", "category", LABELS).probabilities(logits)
    a, b, c = logits[:, :3].sigmoid().unbind(-1)
    expected = torch.stack([1 - a, a * (1 - b), a * b * (1 - c), a * b * c], -1)
    torch.testing.assert_close(shares, expected)
    torch.testing.assert_close(shares.sum(-1), torch.ones(60))


@pytest.mark.parametrize(
    ("labels", "order"),
    [(("3", "10", "1.5", "2"), [2, 3, 0, 1]), (("mid", "high", "low", "top"), [1, 2, 0, 3]), (LABELS, [0, 1, 2, 3])],
)
def test_corn_ranks_numbers_by_value_and_words_by_the_alphabet(build, logits, ids, labels, order):
    loss, ranked = build("corn", "category", labels), build("corn", "category", LABELS)
    ranks = torch.tensor([order.index(place) for place in range(4)])
    torch.testing.assert_close(loss(logits, ids, HIDDEN), ranked(logits, ranks[ids.long()], HIDDEN))
    torch.testing.assert_close(loss.probabilities(logits)[:, order], ranked.probabilities(logits))


def test_corn_does_not_use_the_last_logit(build, ids):
    logits = torch.randn(60, 4, requires_grad=True)
    build("corn", "category", LABELS)(logits, ids, HIDDEN).backward()
    assert (logits.grad[:, 3] == 0).all()


def test_corn_of_one_class_is_finite(build):
    loss = build("corn", "category", ("a",))
    assert loss(torch.randn(2, 1), torch.zeros(2, dtype=torch.int8), HIDDEN).item() == 0
    torch.testing.assert_close(loss.probabilities(torch.randn(2, 1)), torch.ones(2, 1))


# --- Focal and poly -------------------------------------------------------------------------------------------------


def test_focal_follows_its_formula(build, logits, ids):
    p = logits.softmax(-1)[torch.arange(60), ids.long()]
    expected = (0.25 * (1 - p) ** 2 * -p.log()).mean()
    torch.testing.assert_close(build("focal", "category", LABELS)(logits, ids, HIDDEN), expected)


def test_focal_of_binary_rows_weighs_true_and_false(build):
    logits, truth = torch.randn(60), torch.rand(60) < 0.5
    p = torch.where(truth, logits.sigmoid(), 1 - logits.sigmoid())
    alpha = torch.where(truth, 0.7, 1 - 0.7)
    expected = (alpha * (1 - p) ** 1.5 * -p.log()).mean()
    loss = build("focal", "binary", alpha=0.7, gamma=1.5)
    torch.testing.assert_close(loss(logits, truth.to(torch.uint8), HIDDEN), expected)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_has_a_finite_gradient_where_nothing_is_missed(build, gamma):
    logits = torch.tensor([[200.0, 0.0], [0.0, 200.0]], requires_grad=True)
    build("focal", "category", gamma=gamma)(logits, torch.tensor([0, 0]), HIDDEN).backward()
    assert logits.grad.isfinite().all()


def test_focal_without_gamma_is_cross_entropy(build, logits, ids):
    loss = build("focal", "category", LABELS, gamma=0.0, alpha=1.0)
    torch.testing.assert_close(loss(logits, ids, HIDDEN), cross_entropy(logits, ids.long()))


def test_poly_follows_its_formula(build, logits, ids):
    p = logits.softmax(-1)[torch.arange(60), ids.long()]
    expected = (-p.log() + 2.0 * (1 - p)).mean()
    torch.testing.assert_close(build("poly", "category", LABELS, epsilon=2.0)(logits, ids, HIDDEN), expected)


# --- Sparse maps ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sparsemax", "entmax15"])
def test_the_gradient_of_a_sparse_loss_is_its_probabilities_minus_the_target(build, name, ids):
    logits = torch.randn(60, 4, requires_grad=True)
    loss = build(name, "category", LABELS)
    loss.rows(logits, ids, HIDDEN).sum().backward()
    expected = loss.probabilities(logits) - one_hot(ids.long(), 4)
    torch.testing.assert_close(logits.grad, expected.detach())


def test_sparsemax_follows_its_formula(build):
    # Two classes and a difference d within [-1, 1]: p = (1 + d) / 2, and the loss is (1 - d)^2 / 4.
    logits = torch.tensor([[0.3, 0.0], [0.0, 0.6], [5.0, 0.0]])
    rows = build("sparsemax", "category").rows(logits, torch.tensor([0, 0, 0]), HIDDEN)
    torch.testing.assert_close(rows, torch.tensor([0.7**2 / 4, 1.6**2 / 4, 0.0]))


@pytest.mark.parametrize("name", ["sparsemax", "entmax15"])
def test_sparse_probabilities_may_be_exactly_zero(build, name):
    shares = build(name, "category").probabilities(torch.tensor([[4.0, 0.0, -1.0]]))
    assert shares.tolist() == [[1.0, 0.0, 0.0]]


@pytest.mark.parametrize("name", ["sparsemax", "entmax15"])
def test_a_sequence_is_as_good_as_its_steps(build, name):
    logits, target = torch.randn(3, 5, 4), torch.randint(-1, 4, (3, 5))
    there = target >= 0
    loss = build(name, "sequence", LABELS)
    steps = build(name, "category", LABELS)(logits[there], target[there], HIDDEN)
    torch.testing.assert_close(loss(logits, target, HIDDEN), steps)


def test_most_losses_leave_the_probabilities_to_the_softmax(build, logits):
    assert build(SOFTMAX, "category", LABELS).probabilities(logits) is None
    assert build("focal", "category", LABELS).probabilities(logits) is None
