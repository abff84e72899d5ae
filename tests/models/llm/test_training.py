"""The training loop with a language model: accumulation by tokens, activations computed again, translation."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.callbacks import Callback

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
        def on_batch_end(self, trainer, progress_tracker, save_path, sync_step=True, **kwargs):
            ((step, _),) = trainer.last_steps
            seen.append(step.predictions["a"].logits.dtype)

    options = {"type": "finetune", "epochs": 4, "batch_size": 4, "learning_rate": 0.01, "use_mixed_precision": True}
    one = LudwigModel(declared(trainer=options), callbacks=[Looks()])
    losses = one.train(dataset=uneven(), output_directory=None).train_stats.training["a"]["loss"]
    assert set(seen) == {torch.bfloat16}
    assert losses[-1] < losses[0]
