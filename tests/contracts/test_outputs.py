"""What holds for every output of an encoder-combiner-decoder model, with each of its decoders and losses."""

from __future__ import annotations

import pytest
import torch

from ludwig.decoders import DECODERS
from ludwig.losses import LOSSES
from ludwig.nn.signal import Shape, Signal
from ludwig.outputs import OUTPUTS, Output
from tests.contracts.samples import batch_of, learned

ROWS, WIDTH, MEMBERS = 6, 5, 3
KINDS = sorted(name for kind, name, _ in OUTPUTS if kind == "ecd")
EVERY = [(kind, decoder, None) for kind in KINDS for decoder in DECODERS.names(kind)]
EVERY += [(kind, None, loss) for kind in KINDS for loss in LOSSES.names(kind)]
FORMS = [Shape("vector", WIDTH), Shape("members", WIDTH, MEMBERS)]


def build(kind: str, decoder: str | None, loss: str | None, shape: Shape, seed: int = 0) -> Output:
    torch.manual_seed(seed)
    options = {"decoder": DECODERS.get(decoder, kind).Config()} if decoder else {}
    options |= {"loss": LOSSES.get(loss, kind).Config()} if loss else {}
    _, facts, _ = learned(kind, target=True)
    return OUTPUTS.get(kind, "ecd").Config(name="f", **options).build(shape, {}, facts)


def combined(shape: Shape, rows: int = ROWS) -> Signal:
    torch.manual_seed(1)
    size = (ROWS, WIDTH) if shape.form == "vector" else (ROWS, MEMBERS, WIDTH)
    return Signal(shape.form, torch.randn(size)[:rows])


def target(output: Output, kind: str, rows: int = ROWS) -> torch.Tensor:
    return output.target(batch_of(kind, rows, target=True).column("f"))


@pytest.mark.parametrize("shape", FORMS, ids=lambda shape: shape.form)
@pytest.mark.parametrize(("kind", "decoder", "loss"), EVERY)
def test_the_loss_is_a_number_and_every_weight_gets_a_gradient(kind, decoder, loss, shape):
    output = build(kind, decoder, loss, shape)
    value = output.loss_of(output(combined(shape), {}), target(output, kind))
    assert value.shape == ()
    value.backward()
    missing = [
        name for name, weight in output.named_parameters() if weight.grad is None or not weight.grad.isfinite().all()
    ]
    assert missing == []


@pytest.mark.parametrize("shape", FORMS, ids=lambda shape: shape.form)
@pytest.mark.parametrize(("kind", "decoder", "loss"), EVERY)
def test_predictions_have_a_row_for_each_row_and_metrics_are_numbers(kind, decoder, loss, shape):
    output = build(kind, decoder, loss, shape).eval()
    complete = output.complete(output(combined(shape), {}))
    assert len(complete.predictions) == ROWS
    if complete.probabilities is not None and complete.probabilities.dim() == 2:
        torch.testing.assert_close(complete.probabilities.sum(1), torch.ones(ROWS))
    scores = output.scoreboard()
    with torch.no_grad():
        scores.update(complete, target(output, kind))
    found = scores.compute()
    assert "loss" in found
    assert set(found) <= {"loss", *output.config.reported}
    assert all(isinstance(value, float) for value in found.values())


@pytest.mark.parametrize(("kind", "decoder", "loss"), EVERY)
def test_metrics_do_not_depend_on_the_batches(kind, decoder, loss):
    if loss == "nt_xent":
        pytest.skip("its rows are each other's negatives")
    output = build(kind, decoder, loss, FORMS[0]).eval()
    truth = target(output, kind)
    found = []
    for cut in (ROWS, 4):
        scores = output.scoreboard()
        with torch.no_grad():
            for rows in torch.arange(ROWS).split(cut):
                signal = Signal("vector", combined(FORMS[0]).values[rows])
                scores.update(output.complete(output(signal, {})), truth[rows])
        found.append(scores.compute())
    assert found[1] == pytest.approx(found[0], rel=1e-5, nan_ok=True)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_predicted_can_be_reported(kind):
    output = build(kind, None, None, FORMS[0]).eval()
    complete = output.complete(output(combined(FORMS[0]), {}))
    arrays = {key: getattr(complete, key) for key in ("predictions", "probabilities")}
    feature, facts, _ = learned(kind, target=True)
    found = feature.decode({key: a.detach().numpy() for key, a in arrays.items() if a is not None}, facts)
    assert "predictions" in found
    assert all(len(values) == ROWS for values in found.values())


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_and_saved_weights_give_the_same_numbers(kind):
    one, two, other = (build(kind, None, None, FORMS[0], seed).eval() for seed in (0, 0, 3))
    other.load_state_dict(one.state_dict())
    logits = [output(combined(FORMS[0]), {}).logits for output in (one, two, other)]
    assert torch.equal(logits[0], logits[1])
    assert torch.equal(logits[0], logits[2])


@pytest.mark.parametrize("kind", KINDS)
def test_the_default_metric_is_one_that_is_reported(kind):
    config = OUTPUTS.get(kind, "ecd").Config
    assert config.default_metric in (*config.reported, "loss")
