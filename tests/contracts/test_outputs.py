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
from ludwig.nn.prediction import Prediction
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
    tried,
)

CONTRACTS = (OUTPUTS,)

KINDS = sorted(name for kind, name, _ in OUTPUTS if kind == "ecd")
EVERY = [(kind, decoder, None) for kind, decoder, _ in tried(DECODERS) if kind in KINDS]
EVERY += [(kind, None, loss) for kind, loss, _ in tried(LOSSES) if kind in KINDS]
VECTOR = SHAPES["vector"]


def parts(kind: str, decoder: str | None) -> dict[str, Any]:
    """The decoder, and a reduction of sequences for those that take vectors."""
    config = DECODERS.get(decoder, kind).Config() if decoder else OUTPUTS.get(kind, "ecd").Config(name="f").decoder
    return {"decoder": config, "reduce_input": "sum" if "vector" in config.takes else None}


def taken(kind: str, decoder: str | None) -> list[Shape]:
    """The shapes of the combined signals that the output takes with this decoder."""
    config = OUTPUTS.get(kind, "ecd").Config(name="f", **parts(kind, decoder))
    return [shape for form, shape in SHAPES.items() if not config.faults_of_signal(form)]


IN_EVERY_FORM = [
    pytest.param(kind, decoder, loss, shape, id=f"{kind}-{decoder or loss}-{shape.form}")
    for kind, decoder, loss in EVERY
    for shape in taken(kind, decoder)
]
in_every_form = pytest.mark.parametrize(("kind", "decoder", "loss", "shape"), IN_EVERY_FORM)


def build(kind: str, decoder: str | None, loss: str | None, shape: Shape, seed: int = 0, **options: Any) -> Output:
    torch.manual_seed(seed)
    options |= parts(kind, decoder)
    options |= {"loss": LOSSES.get(loss, kind).Config()} if loss else {}
    _, facts, _ = learned(kind, target=True)
    return OUTPUTS.get(kind, "ecd").Config(name="f", **options).build(shape, {}, facts)


def combined(shape: Shape, rows: int = ROWS) -> Signal:
    return signal_of(shape, rows)


def target(output: Output, kind: str, rows: int = ROWS) -> torch.Tensor:
    return output.target(batch_of(kind, rows, target=True).column("f"))


def answer(output: Output, signal: Signal, truth: torch.Tensor) -> Prediction:
    """What the output gives; one that reads the target in evaluation too gets it."""
    prediction: Prediction = output(signal, {}, truth if output.config.decoder.reads_target else None)
    return prediction


def some_shape(kind: str, decoder: str | None) -> Shape:
    """A shape that the output takes with this decoder: a vector, where it takes one."""
    return taken(kind, decoder)[0]


@in_every_form
def test_the_loss_is_a_number_and_every_weight_gets_a_gradient(kind, decoder, loss, shape):
    output = build(kind, decoder, loss, shape)
    truth = target(output, kind)
    value = output.loss_of(output(combined(shape), {}, truth), truth)
    assert value.shape == ()
    value.backward()
    missing = [
        name for name, weight in output.named_parameters() if weight.grad is None or not weight.grad.isfinite().all()
    ]
    assert missing == []


@in_every_form
def test_predictions_have_a_row_for_each_row_and_metrics_are_numbers(kind, decoder, loss, shape):
    output = build(kind, decoder, loss, shape).eval()
    truth = target(output, kind)
    complete = output.complete(answer(output, combined(shape), truth))
    assert len(complete.predictions) == ROWS
    are_shares = kind != "set" and complete.probabilities is not None
    if are_shares and complete.probabilities.shape == (ROWS, len(output.labels)):
        torch.testing.assert_close(complete.probabilities.sum(1), torch.ones(ROWS))
    if output.score_names:  # of classes they sum to 1
        of_rows = output.scores(complete)
        assert of_rows.shape == (ROWS, len(output.score_names))
        torch.testing.assert_close(of_rows.sum(1), torch.ones(ROWS) if output.labels else complete.predictions)
    scores = output.scoreboard()
    with torch.no_grad():
        scores.update(complete, truth)
    found = scores.compute()
    assert "loss" in found
    assert set(found) <= {"loss", *output.config.reported}
    assert all(isinstance(value, float) for value in found.values())


@pytest.mark.parametrize(("kind", "decoder", "loss"), EVERY)
def test_metrics_do_not_depend_on_the_batches(kind, decoder, loss):
    if loss == "nt_xent":
        pytest.skip("its rows are each other's negatives")
    shape = some_shape(kind, decoder)
    output = build(kind, decoder, loss, shape).eval()
    truth, whole = target(output, kind), combined(shape)
    found = []
    for cut in (ROWS, 4):
        scores = output.scoreboard()
        with torch.no_grad():
            for rows in torch.arange(ROWS).split(cut):
                mask = None if whole.mask is None else whole.mask[rows]
                skips = tuple(skip[rows] for skip in whole.skips)
                signal = Signal(whole.form, whole.values[rows], mask, skips)
                scores.update(output.complete(answer(output, signal, truth[rows])), truth[rows])
        found.append(scores.compute())
    assert found[1] == pytest.approx(found[0], rel=1e-5, nan_ok=True)


IN_SEQUENCES = [each for each in IN_EVERY_FORM if each.values[3].form == "sequence"]


@pytest.mark.parametrize(("kind", "decoder", "loss", "shape"), IN_SEQUENCES)
def test_padding_never_changes_the_prediction(kind, decoder, loss, shape):
    output = build(kind, decoder, loss, shape).eval()
    truth = target(output, kind)
    signals = (signal_of(shape, ROWS, steps=steps) for steps in (PADDED_TO, 2 * PADDED_TO))
    short, long = (answer(output, signal, truth).known_logits for signal in signals)
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
    if given.probabilities is not None and not output.labels and predictions.dim() == 2:  # one for each token
        arrays["probabilities"] = torch.ones_like(predictions)
    elif given.probabilities is not None:
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
            else (again == (cell.split() if isinstance(again, list) and isinstance(cell, str) else cell))
        )
    if "probability" in decoded:
        assert decoded["probability"].tolist() == [1.0] * len(target)


def numbers_of(cell: Any) -> Any:
    """A number, or those of a list, also where it is written as text; None of other cells."""
    if isinstance(cell, float | np.ndarray):
        return cell
    words = cell.split() if isinstance(cell, str) else cell if isinstance(cell, list) else []
    return [float(word) for word in words] if words and not any(map(str.isalpha, map(str, words))) else None


@pytest.mark.parametrize(("kind", "decoder", "loss"), EVERY)
def test_seeds_saved_weights_pickles_and_copies_give_the_same_numbers(kind, decoder, loss):
    shape = some_shape(kind, decoder)
    one, two, other = (build(kind, decoder, loss, shape, seed).eval() for seed in (0, 0, 3))
    other.load_state_dict(one.state_dict())
    signal, truth = combined(shape), target(one, kind)

    def numbers(output: Output) -> tuple[torch.Tensor, torch.Tensor]:
        prediction = answer(output, signal, truth)
        return prediction.known_logits, output.loss_of(prediction, truth)

    for again in (two, other, pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
        assert all(map(torch.equal, numbers(again), numbers(one)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_default_metric_is_one_that_is_reported(kind):
    config = OUTPUTS.get(kind, "ecd").Config
    assert config.default_metric in (*config.reported, "loss")
