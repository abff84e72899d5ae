"""`ludwig evaluate`."""

from __future__ import annotations

from typing import Any

from tabulate import tabulate

from ludwig.cli import flags


def run(words: list[str]) -> None:
    """Evaluates a model on data with targets and prints its metrics."""
    from ludwig.api import LudwigModel

    parser = flags.parser_of("evaluate", "Evaluate a trained model.")
    flags.add_data(parser, splits=False)
    flags.add_model(parser)
    parser.add_argument("-bs", "--batch_size", type=int, help="batch size")
    flags.add_skips(parser, flags.EVALUATION_SKIPS)
    options = parser.parse_args(words)
    model = LudwigModel.load(options.model_path, **flags.machine(options))
    saves = ("skip_save_unprocessed_output", "skip_save_predictions", "skip_save_eval_stats")
    wanted = flags.chosen(options, "dataset", "data_format", "split", "batch_size", "output_directory", *saves)
    statistics, _, folder = model.evaluate(
        **wanted,
        collect_predictions=not options.skip_collect_predictions,
        collect_overall_stats=not options.skip_collect_overall_stats,
    )
    print_metrics(statistics)
    print(f"The files are in {folder}")


def print_metrics(statistics: dict[str, Any]) -> None:
    """Prints the metrics as a table."""
    rows = [
        [output, name, value]
        for output, metrics in statistics.items()
        for name, value in metrics.items()
        if isinstance(value, float)
    ]
    print(tabulate(rows, headers=["output", "metric", "value"], floatfmt=".4f"))
