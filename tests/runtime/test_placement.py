"""How a network lies on the devices of a run: what is sharded together, and what a run in shards refuses."""

from __future__ import annotations

import pytest
from torch import nn

from ludwig.config import load_config
from ludwig.error import ConfigValidationError
from ludwig.models.base import Model


def config(**trainer: object) -> dict[str, object]:
    return {
        "input_features": [{"name": "x", "type": "number"}, {"name": "c", "type": "category"}],
        "output_features": [{"name": "y", "type": "binary"}],
        "trainer": {"parallel": "fsdp", **trainer},
    }


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"batch_size": "auto"}, "trainer.batch_size"),
        ({"eval_batch_size": "auto"}, "trainer.eval_batch_size"),
        ({"optimizer": "lbfgs"}, "trainer.optimizer.type"),
        ({"regularization_lambda": 0.1}, "trainer.regularization_lambda"),
        ({"loss_balancing": "gradnorm"}, "trainer.loss_balancing"),
        ({"use_mixed_precision": "float16"}, "trainer.use_mixed_precision"),
        ({"compile": True}, "trainer.compile"),
    ],
)
def test_what_shards_cannot_do_is_a_fault_of_the_config(options, path):
    with pytest.raises(ConfigValidationError, match=f"(?s){path}.*fsdp"):
        load_config(config(**options))
    load_config(config(**{**options, "parallel": "ddp"}))


class Block(nn.Module):
    def __init__(self, *experts: nn.Module) -> None:
        super().__init__()
        self.gate, self.experts = nn.Linear(2, 2), nn.ModuleList(experts)


class Deep(Model):
    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.embedding = nn.Embedding(3, 2)
        self.layers = nn.ModuleList(Block(Block(), Block()) for _ in range(3))
        self.head = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))


def test_the_outermost_blocks_of_a_deep_network_are_sharded_each_for_itself():
    network = Deep()
    assert network.sharding_units() == list(network.layers)
