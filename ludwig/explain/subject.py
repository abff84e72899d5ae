"""What is explained: a trained model, one of its outputs, and rows. All of it is checked before any work is done."""

from __future__ import annotations

from ludwig.api import LudwigModel
from ludwig.callbacks import CallbackList
from ludwig.data.pipeline import Rows
from ludwig.error import ArgumentError, InputDataError, nearest
from ludwig.lifecycle.data import rows_of
from ludwig.lifecycle.held import FULL, Data, Given, trained
from ludwig.models import Model
from ludwig.models.ecd.answers import AnsweringModel
from ludwig.outputs.base import Output


def network_of(model: LudwigModel) -> Model:
    """The trained network of a model.

    Raises:
        ArgumentError: It is no model.
        NotTrainedError: It is not trained or loaded.
    """
    if not isinstance(model, LudwigModel):
        raise ArgumentError(f"model must be a LudwigModel. Received: {type(model).__name__}.")
    return trained(model, "explain")


def with_encoders(network: Model, what: str) -> AnsweringModel:
    """The network as one of encoders, a combiner and decoders.

    Raises:
        ArgumentError: It is a language model, which reads all inputs as one prompt.
    """
    if not isinstance(network, AnsweringModel):
        raise ArgumentError(f"{what} need an encoder for each input (model_type: ecd), and this is a language model.")
    return network


def output_of(network: Model, name: str, parameter: str) -> Output:
    """One of the outputs.

    Raises:
        ArgumentError: There is none of this name.
    """
    outputs = network.outputs
    if not isinstance(name, str) or name not in outputs:
        raise ArgumentError(
            f"{parameter}: There is no output feature {name!r:.100}.{nearest(name, outputs)} "
            f"Outputs: {', '.join(outputs)}."
        )
    return outputs[name]


def scored_output(network: Model, name: str, parameter: str) -> Output:
    """One of the outputs, with a score for each class or a number.

    Raises:
        ArgumentError: There is none of this name, or it has neither.
    """
    output = output_of(network, name, parameter)
    if not output.score_names:
        raise ArgumentError(
            f"{parameter}: The output '{name}' is of type {output.config.type}. Choose one whose rows have one class "
            "or one number each: binary, category, category_distribution or number."
        )
    return output


def rows_for(model: LudwigModel, dataset: Data, parameter: str, *, with_targets: bool) -> Rows:
    """The usable rows of a dataset, encoded.

    Raises:
        InputDataError: There are none, or a column is missing.
    """
    given = Given(dataset)
    rows = rows_of(model, given, FULL, CallbackList(model.callbacks), with_targets=with_targets)
    if len(rows.frame) == 0:
        found = f"{len(rows.kept)} rows, none of which can be used" if len(rows.kept) else "no rows"
        raise InputDataError(f"{parameter} must have rows. It has {found}.")
    return rows
