"""`ludwig init_config`."""

from __future__ import annotations

from ludwig.cli import flags


def run(words: list[str]) -> None:
    """Writes a config for a table, with the types of its columns inferred."""
    parser = flags.Parser(prog="ludwig init_config", description="Write a config for a table, with inferred types.")
    parser.add_argument("-d", "--dataset", required=True, help="path of the data")
    parser.add_argument("-t", "--target", required=True, action="append", help="column to predict; may be given again")
    parser.add_argument("--time_limit_s", type=float, default=7200, help="seconds of training, or of the search")
    parser.add_argument("--suggested", action="store_true", help="add the split and the time limit to the features")
    parser.add_argument("--hyperopt", action="store_true", help="add a search, as auto_train runs it")
    parser.add_argument("--random_seed", type=int, default=42, help="random seed of the search")
    parser.add_argument("--use_reference_config", action="store_true", help="search the preset best_quality early on")
    parser.add_argument("-o", "--output", help="file to write to; printed where it is left out")
    options = parser.parse_args(words)
    from ludwig.automl import init_config

    text = init_config(**vars(options))
    if options.output is None:
        print(text, end="")
