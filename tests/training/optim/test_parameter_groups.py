"""Biases, norms and embeddings that do not shrink."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ludwig.nn.norm import BatchNorm
from ludwig.training.optim import OPTIMIZERS
from ludwig.training.optim.parameter_groups import FACTOR, parameter_groups


def network() -> nn.ModuleDict:
    return nn.ModuleDict(
        {"table": nn.Embedding(3, 2), "line": nn.Linear(2, 2), "norm": nn.LayerNorm(2), "batch": BatchNorm(2)}
    )


@pytest.mark.parametrize(
    ("exempt", "kept"),
    [
        (["biases"], {"line.bias", "norm.bias", "batch.bias"}),
        (["norms"], {"norm.weight", "norm.bias", "batch.weight", "batch.bias"}),
        (["embeddings"], {"table.weight"}),
        (["biases", "embeddings"], {"line.bias", "norm.bias", "batch.bias", "table.weight"}),
    ],
)
def test_what_does_not_shrink_is_a_group_of_its_own(exempt, kept):
    model = network()
    names = {id(weight): name for name, weight in model.named_parameters()}
    groups = parameter_groups(model, list(model.parameters()), exempt, {})
    shrinking, staying = sorted(groups, key=lambda group: "weight_decay" in group)
    assert {names[id(weight)] for weight in staying["params"]} == kept
    assert {names[id(weight)] for weight in shrinking["params"]} == set(names.values()) - kept
    assert staying["weight_decay"] == 0


def test_frozen_weights_are_in_no_group():
    model = network()
    learned = [model["line"].weight]
    (only,) = parameter_groups(model, learned, ["biases"], {})
    assert only["params"] == learned


@pytest.mark.parametrize("name", ["adamw", "sgd", "adamw_8bit", "schedule_free_adamw", "lion"])
def test_only_the_first_group_shrinks(name):
    if name in ("adamw_8bit", "lion"):
        pytest.importorskip("bitsandbytes")
    model = nn.Linear(4, 4)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    section = OPTIMIZERS.get(name).Config(weight_decay=0.5)
    optimizer = section.make(parameter_groups(model, list(model.parameters()), ["biases"], {}), 0.1)
    if section.is_averaged:
        optimizer.train()
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    optimizer.step()
    torch.testing.assert_close(model.bias.detach(), before["bias"])
    assert (model.weight.detach().abs() < before["weight"].abs()).all()


def test_a_factor_of_the_learning_rate_makes_a_group():
    model = network()
    trained = list(model.parameters())
    slow, quick = parameter_groups(model, trained, [], {id(weight): 10.0 for weight in trained[1:]})
    assert (slow[FACTOR], quick[FACTOR]) == (1.0, 10.0)
    assert (slow["params"], quick["params"]) == (trained[:1], trained[1:])


def test_where_all_are_alike_there_are_no_groups():
    model = network()
    trained = list(model.parameters())
    assert parameter_groups(model, trained, [], {}) is trained
