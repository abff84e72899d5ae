"""`ludwig collect_activations`."""

from __future__ import annotations

from pathlib import Path

from ludwig.cli import flags
from ludwig.inference.report import save_tensors
from ludwig.runtime.atomic import storing


def run(words: list[str]) -> None:
    """Writes the activations of layers as NumPy files."""
    from ludwig.api import LudwigModel

    parser = flags.parser_of("collect_activations", "Write the activations of layers of a model as .npy files.")
    flags.add_data(parser, splits=False)
    flags.add_model(parser)
    parser.add_argument("-lyr", "--layers", nargs="+", required=True, help="names, as collect_summary lists them")
    parser.add_argument("-bs", "--batch_size", type=int, default=128, help="batch size")
    options = parser.parse_args(words)
    model = LudwigModel.load(options.model_path, **flags.machine(options))
    wanted = flags.chosen(options, "dataset", "data_format", "split", "batch_size")
    found = model.collect_activations(options.layers, **wanted)
    with storing(Path(options.output_directory)):
        files = save_tensors(Path(options.output_directory), found)
    flags.print_files(found, files)
