"""`ludwig predict`."""

from __future__ import annotations

from ludwig.cli import flags
from ludwig.error import counted


def run(words: list[str]) -> None:
    """Predicts all rows and writes the predictions."""
    from ludwig.api import LudwigModel

    parser = flags.parser_of("predict", "Predict with a trained model.")
    flags.add_data(parser, splits=False)
    flags.add_model(parser)
    parser.add_argument("-bs", "--batch_size", type=int, default=128, help="batch size")
    skips = ("skip_save_unprocessed_output", "skip_save_predictions")
    flags.add_skips(parser, skips)
    options = parser.parse_args(words)
    model = LudwigModel.load(options.model_path, **flags.machine(options))
    wanted = flags.chosen(options, "dataset", "data_format", "split", "batch_size", "output_directory", *skips)
    predictions, folder = model.predict(**wanted)
    print(f"Predictions of {counted(len(predictions), 'row')} are in {folder}")
