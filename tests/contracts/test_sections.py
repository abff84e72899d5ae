"""What holds for the components that bring others together: model types, inputs, trainers, backends, optimizers."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest
import torch

from ludwig.backend.base import BACKENDS
from ludwig.config import CONFIGS
from ludwig.encoders import ENCODERS
from ludwig.error import MissingExtraError
from ludwig.features.base import FEATURES
from ludwig.models.base import MODELS
from ludwig.models.ecd.input_base import INPUTS
from ludwig.models.llm.inputs import PROMPTS
from ludwig.outputs import OUTPUTS
from ludwig.training import TRAINERS
from ludwig.training.optim import OPTIMIZERS

CONTRACTS = (BACKENDS, INPUTS, MODELS, OPTIMIZERS, PROMPTS, TRAINERS)


def options(section) -> set[str]:
    return {field.name for field in dataclasses.fields(section)}


@pytest.mark.parametrize("kind", INPUTS.names())
def test_what_an_encoder_requires_are_options_of_the_column(kind):
    section = INPUTS.get(kind).Config
    assert section.feature is FEATURES.get(kind)
    assert ENCODERS.names(kind)
    for name in ENCODERS.names(kind):
        config = section(name="f", encoder=ENCODERS.get(name, kind).Config())
        assert {*config.requires()} <= options(type(config.preprocessing))
        assert config.suggested_learning_rate() > 0


@pytest.mark.parametrize("kind", PROMPTS.names())
def test_what_a_prompt_requires_are_options_of_the_column(kind):
    config = PROMPTS.get(kind).Config(name="f")
    assert {*config.requires()} <= options(type(config.preprocessing))


@pytest.mark.parametrize("name", MODELS.names())
def test_a_model_type_has_a_config_a_trainer_and_outputs(name):
    model = MODELS.get(name)
    assert CONFIGS[name].model_class is model
    assert issubclass(CONFIGS[name], model.Config)
    assert model.default_trainer in TRAINERS.names(name)
    assert {kind for kind, _, _ in OUTPUTS} >= {name}


@pytest.mark.parametrize(("kind", "name"), sorted((kind, name) for kind, name, _ in TRAINERS))
def test_a_trainer_has_no_faults_and_an_objective_that_pickles(kind, name):
    config = TRAINERS.get(name, kind).Config()
    assert config.faults() == []
    assert pickle.loads(pickle.dumps(config.objective())).columns() == config.objective().columns()


@pytest.mark.parametrize("name", BACKENDS.names())
def test_a_backend_pickles(name):
    backend = BACKENDS.get(name).Config(cache_dir="somewhere").build()
    for again in (pickle.loads(pickle.dumps(backend)), copy.deepcopy(backend)):
        assert again.cache_dir == backend.cache_dir


class Run:
    """A weight that an optimizer moves towards zero, as a training does it."""

    def __init__(self, name: str) -> None:
        self.config = OPTIMIZERS.get(name).Config()
        self.weight = torch.nn.Parameter(torch.tensor([[3.0, -2.0], [1.0, 4.0]]))
        try:
            self.optimizer = self.config.make([self.weight], 0.01)
        except MissingExtraError as error:
            pytest.skip(str(error))
        if self.config.is_averaged:
            self.optimizer.train()

    def loss(self) -> torch.Tensor:
        self.optimizer.zero_grad()
        loss = self.weight.square().sum()
        loss.backward()
        return loss.detach()

    def step(self) -> None:
        if self.config.needs_closure:
            self.optimizer.step(torch.enable_grad()(self.loss))
        else:
            self.loss()
            self.optimizer.step()


def needs_gpu(name: str) -> bool:
    works = OPTIMIZERS.get(name).Config.works
    return isinstance(works, str) and works.startswith("bitsandbytes")


@pytest.mark.parametrize("name", OPTIMIZERS.names())
def test_an_optimizer_moves_weights_and_goes_on_from_its_state(name):
    if needs_gpu(name) and not torch.cuda.is_available():
        pytest.skip("it needs a GPU")
    run, other = Run(name), Run(name)
    before = run.loss()
    for _ in range(3):
        run.step()
    assert run.loss() < before
    with torch.no_grad():
        other.weight.copy_(run.weight)
    other.optimizer.load_state_dict(pickle.loads(pickle.dumps(run.optimizer.state_dict())))
    for each in (run, other):
        each.step()
    assert torch.equal(run.weight, other.weight)
