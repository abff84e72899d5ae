"""`ludwig collect_summary`."""

from __future__ import annotations

import dataclasses

from tabulate import tabulate

from ludwig.cli import flags
from ludwig.lifecycle.summary import activation_names, layers_of, weights_of


def run(words: list[str]) -> None:
    """Prints the layers and weights of a model by the names that `collect_activations` and `collect_weights` take."""
    from ludwig.api import LudwigModel

    parser = flags.parser_of("collect_summary", "Show the layers and weights of a model.")
    flags.add_model_path(parser)
    options = parser.parse_args(words)
    model = LudwigModel.load(options.model_path, **flags.machine(options))
    layers = [dataclasses.asdict(layer) for layer in layers_of(model)]
    print(f"Layers\n{tabulate(layers, headers='keys')}\n")
    print(f"More activations\n{'  '.join(activation_names(model))}\n")
    weights = weights_of(model)
    print(f"Weights\n{tabulate([dataclasses.asdict(weight) for weight in weights], headers='keys')}\n")
    print(f"{sum(weight.parameters for weight in weights):,} parameters")
