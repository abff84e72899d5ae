"""The training loop with a language model: accumulation by tokens, activations computed again, translation."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.callbacks import Callback
from ludwig.models.llm.network import Network

pytest.importorskip("peft")

ANSWERS = ["one", "one two three four five six", "two two", "three one two five", "six", "four one"]


def uneven() -> pd.DataFrame:
    """Answers of very different lengths, so that batches of as many rows do not count alike."""
    return pd.DataFrame({"q": [f"say {answer.split()[0]}" for answer in ANSWERS * 3], "a": ANSWERS * 3, "split": 0})


def weights(declared, **trainer: object) -> torch.Tensor:
    options = {"type": "finetune", "epochs": 1, "learning_rate": 0.01, "optimizer": "sgd", "should_shuffle": False}
    one = LudwigModel(declared(adapter={"type": "lora", "dropout": 0.0}, trainer={**options, **trainer}))
    one.train(dataset=uneven(), output_directory=None)
    return torch.cat([weight.detach().flatten() for _, weight in one.collect_weights()])


@pytest.mark.parametrize(("size", "steps"), [(4, 2), (2, 4), (1, 8)])
def test_accumulated_batches_equal_one_big_batch_though_answers_differ_in_length(declared, size, steps):
    big = weights(declared, batch_size=8)
    parts = weights(declared, batch_size=size, gradient_accumulation_steps=steps)
    torch.testing.assert_close(parts, big, rtol=1e-4, atol=1e-6)


def test_activations_that_are_computed_again_give_the_same_weights(declared):
    plain = weights(declared, batch_size=4)
    again = weights(declared, batch_size=4, enable_gradient_checkpointing=True)
    torch.testing.assert_close(again, plain)


def test_a_language_model_trains_in_bfloat16(declared):
    seen: list[torch.dtype] = []

    class Looks(Callback):
        def on_trainer_train_setup(self, trainer, *given, **kwargs):
            layer = next(part for name, part in trainer.model.named_modules() if name.endswith("down_proj"))
            layer.register_forward_hook(lambda _, inputs, output: seen.append(output.dtype))

    options = {"type": "finetune", "epochs": 4, "batch_size": 4, "learning_rate": 0.01, "use_mixed_precision": True}
    one = LudwigModel(declared(trainer=options), callbacks=[Looks()])
    losses = one.train(dataset=uneven(), output_directory=None).train_stats.training["a"]["loss"]
    assert set(seen) == {torch.bfloat16}
    assert losses[-1] < losses[0]


def run(declared, callbacks=None, **trainer: object):
    options = {"type": "finetune", "epochs": 2, "batch_size": 4, "learning_rate": 0.01}
    model = LudwigModel(declared(trainer={**options, **trainer}))
    data = uneven().assign(split=[0] * 12 + [1] * 6)
    return model, data, model.train(dataset=data, output_directory=None, callbacks=callbacks)


def test_evaluations_in_training_take_the_target_alone_and_change_nothing(declared, monkeypatch):
    """Nothing is generated; the metrics are those of one pass with the tokens of the target."""
    calls: list[int] = []
    write = Network.write
    monkeypatch.setattr(Network, "write", lambda self, *given: calls.append(1) or write(self, *given))
    model, data, results = run(declared)
    assert not calls
    rows = model.preprocess(data).validation_set.frame.load(model.device)
    with torch.no_grad():
        logits = model.model.eval()(rows)["a"].logits
    target = model.model.target("a", rows)
    known = target >= 0
    loss = torch.nn.functional.cross_entropy(logits[known], target[known].long())
    right = (logits.argmax(-1) == target) | ~known
    measured = {
        name: values[results.train_stats.selected["epoch"] - 1]
        for name, values in results.train_stats.validation["a"].items()
    }
    assert measured["loss"] == pytest.approx(float(loss), rel=1e-4)
    assert measured["token_accuracy"] == pytest.approx(float(right[known].float().mean()), rel=1e-5)
    assert measured["sequence_accuracy"] == pytest.approx(float(right.all(1).float().mean()), rel=1e-5)
    skipping = run(declared, skip_all_evaluation=True, epochs=1)[0]
    evaluating = run(declared, epochs=1)[0]
    for (name, one), (_, other) in zip(skipping.collect_weights(), evaluating.collect_weights(), strict=True):
        assert torch.equal(one, other), name


def test_text_is_generated_for_as_many_rows_as_are_asked_for(declared):
    model, data, results = run(declared, eval_generation_rows=3, epochs=6)
    found = results.train_stats.validation["a"]
    responses = model.predict(data.tail(6).head(3), generation_config={"do_sample": False})[0]["a_response"]
    exact = sum(one == other for one, other in zip(responses, data["a"].tail(6).head(3), strict=True)) / 3
    assert found["exact_match"][results.train_stats.selected["epoch"] - 1] == pytest.approx(exact)
    assert "exact_match" not in run(declared, epochs=1)[2].train_stats.validation["a"]
