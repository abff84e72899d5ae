import pytest
import torch

from ludwig.losses import LOSSES
from ludwig.schema import dump, load

# The losses that a config may name for each feature type.
EXPECTED = {
    "number": "mean_squared_error mean_absolute_error mean_absolute_percentage_error root_mean_squared_error "
    "root_mean_squared_percentage_error huber",
    "timeseries": "mean_squared_error mean_absolute_error mean_absolute_percentage_error huber",
    "vector": "mean_squared_error mean_absolute_error mean_absolute_percentage_error huber softmax_cross_entropy "
    "nt_xent",
    "binary": "binary_weighted_cross_entropy entropic_open_set objectosphere focal",
    "category": "softmax_cross_entropy corn entropic_open_set objectosphere focal poly sparsemax entmax15",
    "category_distribution": "softmax_cross_entropy corn focal poly sparsemax entmax15",
    "image": "softmax_cross_entropy focal dice lovasz_softmax",
    "sequence": "sequence_softmax_cross_entropy next_token_softmax_cross_entropy sparsemax entmax15",
    "text": "sequence_softmax_cross_entropy next_token_softmax_cross_entropy sparsemax entmax15",
    "set": "sigmoid_cross_entropy",
    "anomaly": "deep_svdd deep_sad drocc",
}
LABELS = ("a", "b", "c", "d")
HIDDEN = torch.zeros(3, 5)
CASES = {  # logits and target of three rows
    "number": (torch.zeros(3), torch.tensor([0.0, 1.0, -2.0])),
    "timeseries": (torch.zeros(3, 4), torch.ones(3, 4)),
    "vector": (torch.zeros(3, 4), torch.full((3, 4), 0.25)),
    "binary": (torch.zeros(3), torch.tensor([0, 1, 1], dtype=torch.uint8)),
    "category": (torch.zeros(3, 4), torch.tensor([0, 3, 2], dtype=torch.int8)),
    "category_distribution": (torch.zeros(3, 4), torch.tensor([[0.5, 0.5, 0, 0], [0.1, 0.2, 0.3, 0.4], [0, 0, 1, 0]])),
    "image": (torch.zeros(3, 4, 2, 2), torch.zeros(3, 2, 2, dtype=torch.int16)),
    "sequence": (torch.zeros(3, 5, 4), torch.ones(3, 5, dtype=torch.int32)),
    "text": (torch.zeros(3, 5, 4), torch.ones(3, 5, dtype=torch.int32)),
    "anomaly": (torch.tensor([0.5, 2.0, 1.0]), torch.tensor([0, 1, -1], dtype=torch.int8)),
    "set": (torch.zeros(3, 4), torch.ones(3, 4, dtype=torch.uint8)),
}
ALL = [(name, kind) for kind, names in EXPECTED.items() for name in names.split()]


def test_every_feature_type_has_its_losses():
    for kind, names in EXPECTED.items():
        assert LOSSES.names(kind) == sorted(names.split())


@pytest.mark.parametrize(("name", "kind"), ALL)
def test_defaults_survive_the_config_file(name, kind):
    config = LOSSES.get(name, kind).Config()
    assert load(type(config), dump(config)) == config


@pytest.mark.parametrize(("name", "kind"), ALL)
@pytest.mark.parametrize("rows", [1, 3])
def test_every_loss_gives_a_finite_value_a_row_and_a_finite_gradient(build, name, kind, rows):
    logits, target = (each[:rows] for each in CASES[kind])
    logits, hidden = logits.clone().requires_grad_(), HIDDEN[:rows].clone().requires_grad_()
    loss = build(name, kind, LABELS)
    values = loss.rows(logits, target, hidden)
    assert values.shape == (rows,)
    assert values.isfinite().all()
    loss(logits, target, hidden).backward()
    assert logits.grad.isfinite().all()
    assert hidden.grad is None or hidden.grad.isfinite().all()


@pytest.mark.parametrize(("name", "kind"), [case for case in ALL if case[0] != "nt_xent"])
def test_the_loss_does_not_depend_on_how_rows_are_batched(build, name, kind):
    logits, target = CASES[kind]
    logits = torch.randn_like(logits)
    loss = build(name, kind, LABELS)
    whole, weights = loss.rows(logits, target, HIDDEN), loss.row_weights(target)
    for row in range(3):
        one = slice(row, row + 1)
        torch.testing.assert_close(loss.rows(logits[one], target[one], HIDDEN[one]), whole[one])
        if weights is not None:
            torch.testing.assert_close(loss.row_weights(target[one]), weights[one])


@pytest.mark.parametrize(("name", "kind"), [case for case in ALL if case[1] in ("category", "image", "sequence")])
def test_rows_without_a_known_class_have_no_weight_and_a_finite_value(build, name, kind):
    logits, target = CASES[kind]
    target = target.clone()
    target[1] = -1
    loss = build(name, kind, LABELS)
    logits = torch.randn_like(logits).requires_grad_()
    assert loss.rows(logits, target, HIDDEN).isfinite().all()
    assert loss.row_weights(target)[1] == 0
    rest = [0, 2]
    torch.testing.assert_close(loss(logits, target, HIDDEN), loss(logits[rest], target[rest], HIDDEN[rest]))
    loss(logits, target, HIDDEN).backward()
    assert (logits.grad[1] == 0).all()
