"""`ludwig train`."""

from __future__ import annotations

from ludwig.cli import flags


def run(words: list[str]) -> None:
    """Trains a model and prints what came out, beside what simple models reach."""
    parser = flags.parser_of("train", "Train a model.")
    flags.add_config(parser)
    flags.add_data(parser, splits=True)
    flags.add_run(parser, "experiment")
    flags.add_skips(parser, flags.TRAINING_SKIPS)
    flags.add_trackers(parser)
    options = parser.parse_args(words)
    wanted = flags.chosen(options, *flags.DATA, *flags.RUN, *flags.TRAINING_SKIPS)
    model = flags.model_of(options)
    with flags.announced(model.callbacks, "train", words):
        results = model.train(**wanted)
    from ludwig.cli.summary import summary
    from ludwig.runtime.distributed import workers_of
    from ludwig.training.records.curves import is_installed

    if workers_of(model.device).is_main:
        print(summary(model, results, options.dataset))
        if results.output_directory and is_installed() and not options.skip_save_training_statistics:
            results.save_learning_curves()
