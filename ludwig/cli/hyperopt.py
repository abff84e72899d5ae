"""`ludwig hyperopt`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from ludwig.cli import flags
from ludwig.error import ArgumentError

RESULT, TABLE = 1, 3  # what is shown of a search, as hyperopt_log_verbosity has it
PLACE = ("output_directory", "experiment_name", "model_name", "random_seed")


def run(words: list[str]) -> None:
    """Searches for good parameters and prints the best trials."""
    options = _parser().parse_args(words)
    if options.model_load_path is not None:
        raise ArgumentError(
            "--model_load_path has no meaning in a search: its parameters build networks anew, so no trial can begin "
            "from a trained one. Remove it."
        )
    trackers = flags.trackers_of(options)  # a package that is missing is reported before anything is read
    from ludwig.hyperopt.run import hyperopt

    wanted = flags.chosen(options, *flags.DATA, *PLACE, *flags.SEARCH_SKIPS)
    machine = flags.machine(options)
    level = machine.pop("logging_level")
    with flags.announced(trackers, "hyperopt", words):
        found = hyperopt(
            flags.config_of(options),
            **(wanted | _resumed(options.model_resume_path)),
            **machine,
            callbacks=trackers,
            hyperopt_log_verbosity=_verbosity(options.hyperopt_log_verbosity, level),
        )
    print("\n".join(_next(found.output_directory, found.best_trial, options.dataset)))


def _parser() -> flags.Parser:
    parser = flags.parser_of("hyperopt", "Search for good parameters: the section hyperopt of the config has them.")
    flags.add_config(parser)
    flags.add_data(parser, splits=True)
    flags.add_run(parser, "hyperopt")
    parser.add_argument(
        "-hlv",
        "--hyperopt_log_verbosity",
        type=int,
        choices=range(TABLE + 1),
        help="0 prints nothing while it runs, 1 the best trials in the end, 2 a line a trial, 3 a live table; 3 by "
        "default, 1 at a logging level of warning and above",
    )
    flags.add_skips(parser, flags.SEARCH_SKIPS)
    flags.add_trackers(parser)
    return parser


def _verbosity(given: int | None, level: int) -> int:
    from ludwig.runtime.console import shows_progress

    if given is not None:
        return given
    return TABLE if shows_progress(level) else RESULT


def _resumed(folder: str | None) -> dict[str, Any]:
    """The place of a search that must go on."""
    if folder is None:
        return {}
    path = Path(folder)
    return {"output_directory": str(path.parent), "experiment_name": path.name, "resume": True}


def _next(folder: str | None, best: Any, dataset: str | None) -> list[str]:
    """Where the search is, and the command that predicts with its best model."""
    lines = [f"The search is in {folder}"]
    if best.model_path is None:
        return lines
    data = shlex.quote(dataset) if dataset else "FILE"
    return [*lines, f"To predict: ludwig predict --model_path {shlex.quote(best.model_path)} --dataset {data}"]
