import pytest
import torch

from ludwig.nn.members import rows_of
from ludwig.nn.prediction import Prediction

LABELS = ("a", "b", "c")
CASES = [
    ("mean_squared_error", "number", (), torch.randn(7)),
    ("huber", "timeseries", (3,), torch.randn(7, 3)),
    ("nt_xent", "vector", (3,), torch.randn(7, 3)),
    ("binary_weighted_cross_entropy", "binary", (), torch.arange(7).fmod(2).to(torch.uint8)),
    ("softmax_cross_entropy", "category", (3,), torch.arange(7).fmod(3).to(torch.int8)),
    ("corn", "category", (3,), torch.arange(7).fmod(3).to(torch.int8)),
    ("objectosphere", "category", (3,), torch.arange(7).fmod(3).to(torch.int8)),
]


@pytest.mark.parametrize(("name", "kind", "shape", "target"), CASES)
def test_the_loss_of_members_is_the_mean_of_theirs(build, name, kind, shape, target):
    loss = build(name, kind, LABELS)
    logits, hidden = torch.randn(7, 4, *shape), torch.randn(7, 4, 5)
    rows = rows_of(loss, Prediction(logits, hidden), target, members=True)
    each = [loss.rows(logits[:, k], target, hidden[:, k]) for k in range(4)]
    torch.testing.assert_close(rows, torch.stack(each).mean(0))


def test_without_members_it_is_the_loss_itself(build):
    loss = build("mean_squared_error", "number")
    rows = rows_of(loss, Prediction(torch.tensor([1.0, 2.0]), torch.zeros(2, 1)), torch.zeros(2), False)
    assert rows.tolist() == [1, 4]
