"""`ludwig experiment`."""

from __future__ import annotations

from ludwig.cli import cross_validation, flags
from ludwig.cli.evaluate import print_metrics


def run(words: list[str]) -> None:
    """Trains a model, evaluates it and prints its metrics; or one for each fold."""
    parser = flags.parser_of("experiment", "Train a model and evaluate it.")
    flags.add_config(parser)
    flags.add_data(parser, splits=True)
    flags.add_run(parser, "experiment")
    parser.add_argument("-es", "--eval_split", default="test", help="the split that is evaluated")
    cross_validation.add_folds(parser)
    flags.add_skips(parser, flags.EXPERIMENT_SKIPS)
    flags.add_trackers(parser)
    options = parser.parse_args(words)
    if options.k_fold is not None:
        cross_validation.cross_validate(parser, options, words)
        return
    cross_validation.refuse_without_folds(parser, options)
    wanted = flags.chosen(options, *flags.DATA, *flags.RUN, "eval_split", *flags.EXPERIMENT_SKIPS)
    model = flags.model_of(options)
    with flags.announced(model.callbacks, "experiment", words):
        statistics, _, _, folder = model.experiment(**wanted)
    print_metrics(statistics or {})
    print(f"The run is in {folder}")
