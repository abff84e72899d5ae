"""`ludwig forecast`."""

from __future__ import annotations

from pathlib import Path

from ludwig.cli import flags
from ludwig.error import counted


def run(words: list[str]) -> None:
    """Forecasts the rows after the data and writes them."""
    from ludwig.api import LudwigModel

    parser = flags.parser_of("forecast", "Forecast the rows that follow the data with a trained model.")
    flags.add_data(parser, splits=False)
    flags.add_model_path(parser)
    flags.add_folder(parser)
    parser.add_argument("-n", "--horizon", type=int, default=1, help="number of rows ahead")
    parser.add_argument("-of", "--output_format", default="parquet", help="parquet or csv")
    options = parser.parse_args(words)
    model = LudwigModel.load(options.model_path, **flags.machine(options))
    wanted = flags.chosen(options, "dataset", "data_format", "horizon", "output_directory", "output_format")
    found = model.forecast(**wanted)
    file = Path(options.output_directory) / f"forecast.{options.output_format}"
    print(f"The forecast of {counted(len(found), 'row')} is in {file}")
