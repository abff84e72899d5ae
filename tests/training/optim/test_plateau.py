import math

import pytest

from ludwig.training.optim.plateau import plateaus


@pytest.mark.parametrize(
    ("values", "patience", "most", "direction", "expected"),
    [
        ([3, 2, 1], 1, 9, "minimize", 0),
        ([1, 2, 3], 1, 9, "maximize", 0),
        ([1, 2, 3], 1, 9, "minimize", 2),
        ([3, 2, 2, 2, 2], 2, 9, "minimize", 1),  # the waiting begins anew after a cut
        ([3, 2, 2, 2, 2, 2], 2, 9, "minimize", 2),
        ([1, 1, 1, 1, 1], 1, 2, "minimize", 2),
        ([], 1, 9, "minimize", 0),
        ([math.nan, 1, math.nan], 1, 9, "minimize", 2),  # what is no number is no improvement
    ],
)
def test_cuts_follow_from_the_history(values, patience, most, direction, expected):
    assert plateaus(values, patience, most, direction) == expected
