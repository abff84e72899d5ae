"""`ludwig collect_weights`."""

from __future__ import annotations

from pathlib import Path

from ludwig.cli import flags
from ludwig.inference.report import save_tensors
from ludwig.runtime.atomic import storing


def run(words: list[str]) -> None:
    """Writes weights as NumPy files."""
    from ludwig.api import LudwigModel

    parser = flags.parser_of("collect_weights", "Write weights of a model as .npy files.")
    flags.add_model_path(parser)
    flags.add_folder(parser)
    parser.add_argument("-t", "--tensors", nargs="+", help="names of the weights; all by default")
    options = parser.parse_args(words)
    model = LudwigModel.load(options.model_path, **flags.machine(options))
    found = model.collect_weights(options.tensors)
    with storing(Path(options.output_directory)):
        files = save_tensors(Path(options.output_directory), found)
    flags.print_files(found, files)
