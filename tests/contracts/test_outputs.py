"""What holds for every output of an encoder-combiner-decoder model, with each of its decoders and losses."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import one_hot

from ludwig.columns.frame import Frame
from ludwig.decoders import DECODERS
from ludwig.losses import LOSSES
from ludwig.nn.signal import Shape, Signal
from ludwig.outputs import OUTPUTS, Output
from tests.contracts.samples import (
    PADDED_TO,
    ROWS,
    SHAPES,
    batch_of,
    column_with_gaps,
    feature_of,
    fitted,
    learned,
    signal_of,
)

CONTRACTS = (OUTPUTS,)

KINDS = sorted(name for kind, name, _ in OUTPUTS if kind == "ecd")
EVERY = [(kind, decoder, None) for kind in KINDS for decoder in DECODERS.names(kind)]
EVERY += [(kind, None, loss) for kind in KINDS for loss in LOSSES.names(kind)]
VECTOR = SHAPES["vector"]


def taken(kind: str, decoder: str | None) -> list[Shape]:
    """The shapes of the combined signals that the output takes with this decoder."""
    part = {"decoder": DECODERS.get(decoder, kind).Config()} if decoder else {}
    config = OUTPUTS.get(kind, "ecd").Config(name="f", reduce_input="sum", **part)
    return [shape for form, shape in SHAPES.items() if not config.faults_of_signal(form)]


IN_EVERY_FORM = [
    pytest.param(kind, decoder, loss, shape, id=f"{kind}-{decoder or loss}-{shape.form}")
    for kind, decoder, loss in EVERY
    for shape in taken(kind, decoder)
]
in_every_form = pytest.mark.parametrize(("kind", "decoder", "loss", "shape"), IN_EVERY_FORM)


def build(kind: str, decoder: str | None, loss: str | None, shape: Shape, seed: int = 0, **options: Any) -> Output:
    torch.manual_seed(seed)
    options |= {"decoder": DECODERS.get(decoder, kind).Config()} if decoder else {}
    options |= {"loss": LOSSES.get(loss, kind).Config()} if loss else {}
    _, facts, _ = learned(kind, target=True)
    return OUTPUTS.get(kind, "ecd").Config(name="f", reduce_input="sum", **options).build(shape, {}, facts)


def combined(shape: Shape, rows: int = ROWS) -> Signal:
    return signal_of(shape, rows)


def target(output: Output, kind: str, rows: int = ROWS) -> torch.Tensor:
    return output.target(batch_of(kind, rows, target=True).column("f"))


@in_every_form
def test_the_loss_is_a_number_and_every_weight_gets_a_gradient(kind, decoder, loss, shape):
    output = build(kind, decoder, loss, shape)
    value = output.loss_of(output(combined(shape), {}), target(output, kind))
    assert value.shape == ()
    value.backward()
    missing = [
        name for name, weight in output.named_parameters() if weight.grad is None or not weight.grad.isfinite().all()
    ]
    assert missing == []


@in_every_form
def test_predictions_have_a_row_for_each_row_and_metrics_are_numbers(kind, decoder, loss, shape):
    output = build(kind, decoder, loss, shape).eval()
    complete = output.complete(output(combined(shape), {}))
    assert len(complete.predictions) == ROWS
    if complete.probabilities is not None and complete.probabilities.dim() == 2 and kind != "set":
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
    output = build(kind, decoder, loss, VECTOR).eval()
    truth = target(output, kind)
    found = []
    for cut in (ROWS, 4):
        scores = output.scoreboard()
        with torch.no_grad():
            for rows in torch.arange(ROWS).split(cut):
                signal = Signal("vector", combined(VECTOR).values[rows])
                scores.update(output.complete(output(signal, {})), truth[rows])
        found.append(scores.compute())
    assert found[1] == pytest.approx(found[0], rel=1e-5, nan_ok=True)


IN_SEQUENCES = [each for each in IN_EVERY_FORM if each.values[3].form == "sequence"]


@pytest.mark.parametrize(("kind", "decoder", "loss", "shape"), IN_SEQUENCES)
def test_padding_never_changes_the_prediction(kind, decoder, loss, shape):
    output = build(kind, decoder, loss, shape).eval()
    short, long = (output(signal_of(shape, ROWS, steps=steps), {}).known_logits for steps in (PADDED_TO, 2 * PADDED_TO))
    torch.testing.assert_close(long, short)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_predicted_can_be_reported(kind):
    output = build(kind, None, None, VECTOR).eval()
    complete = output.complete(output(combined(VECTOR), {}))
    arrays = {key: getattr(complete, key) for key in ("predictions", "probabilities")}
    feature, facts, _ = learned(kind, target=True)
    found = feature.decode({key: a.detach().numpy() for key, a in arrays.items() if a is not None}, facts)
    assert "predictions" in found
    assert all(len(values) == ROWS for values in found.values())


def exact(output: Output, target: torch.Tensor) -> dict[str, np.ndarray]:
    """What an output that is always right predicts of these targets."""
    given = output.complete(output(combined(VECTOR), {}))
    predictions = output.observed(target)
    arrays = {"predictions": predictions}
    if given.probabilities is not None:
        is_single = given.probabilities.dim() == predictions.dim()
        arrays["probabilities"] = predictions if is_single else one_hot(predictions.long(), len(output.labels))
    return {name: array.to(getattr(given, name).dtype).numpy() for name, array in arrays.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_encoded_is_decoded_to_the_same_cells_missing_ones_aside(kind):
    feature, column = feature_of(kind, target=True), column_with_gaps(kind, target=True)
    facts = fitted(feature, column)
    output = OUTPUTS.get(kind, "ecd").Config(name="f").build(VECTOR, {}, facts).eval()
    encoded = feature.encode(feature.parse(column), facts)
    kept = torch.tensor([*column.notna()] if encoded.dropped is None else [*~encoded.dropped])
    assert kept.tolist() == column.notna().tolist()
    target = output.target(Frame.of({"f": encoded.column}).rows(kept.nonzero().squeeze(1)).column("f"))
    decoded = feature.decode(exact(output, target), facts)
    if kind == "category_distribution":  # its cells are distributions, of which a prediction is the most probable class
        assert [*decoded["predictions"]] == [facts.vocabulary.words[place] for place in target.argmax(1)]
        return
    for cell, again in zip(column.dropna(), decoded["predictions"], strict=True):
        assert (
            (again == pytest.approx(numbers_of(cell), rel=1e-5, abs=1e-6))
            if numbers_of(cell) is not None
            else (again == cell)
        )
    if "probability" in decoded:
        assert decoded["probability"].tolist() == [1.0] * len(target)


def numbers_of(cell: Any) -> Any:
    """A number, or those of a list, also where it is written as text; None of other cells."""
    if isinstance(cell, float):
        return cell
    words = cell.split() if isinstance(cell, str) else cell if isinstance(cell, list) else []
    return [float(word) for word in words] if words and not any(map(str.isalpha, map(str, words))) else None


@pytest.mark.parametrize(("kind", "decoder", "loss"), EVERY)
def test_seeds_saved_weights_pickles_and_copies_give_the_same_numbers(kind, decoder, loss):
    one, two, other = (build(kind, decoder, loss, VECTOR, seed).eval() for seed in (0, 0, 3))
    other.load_state_dict(one.state_dict())
    signal, truth = combined(VECTOR), target(one, kind)

    def numbers(output: Output) -> tuple[torch.Tensor, torch.Tensor]:
        prediction = output(signal, {})
        return prediction.known_logits, output.loss_of(prediction, truth)

    for again in (two, other, pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
        assert all(map(torch.equal, numbers(again), numbers(one)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_default_metric_is_one_that_is_reported(kind):
    config = OUTPUTS.get(kind, "ecd").Config
    assert config.default_metric in (*config.reported, "loss")
