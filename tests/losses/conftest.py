from collections.abc import Callable

import pytest
import torch

from ludwig.losses import LOSSES, Loss


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def build() -> Callable[..., Loss]:
    """build("huber", "number", delta=2.0): the loss with these options."""

    def make(name: str, kind: str, labels: tuple[str, ...] = (), **options: object) -> Loss:
        return LOSSES.get(name, kind).Config(**options).build(labels)

    return make
