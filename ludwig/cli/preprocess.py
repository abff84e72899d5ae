"""`ludwig preprocess`."""

from __future__ import annotations

from ludwig.cli import flags


def run(words: list[str]) -> None:
    """Preprocesses data and keeps the result where `train` finds it."""
    parser = flags.parser_of("preprocess", "Preprocess data and keep the result beside it.")
    either = parser.add_mutually_exclusive_group(required=True)
    either.add_argument("-c", "-pc", "--config", "--preprocessing_config", help="YAML file with the config")
    either.add_argument("-cs", "-pcs", "--config_str", "--preprocessing_config_str", help="the config as YAML text")
    flags.add_data(parser, splits=True)
    parser.add_argument("-rs", "--random_seed", type=int, default=42, help="random seed of the split")
    options = parser.parse_args(words)
    wanted = flags.chosen(options, *flags.DATA, "random_seed")
    data = flags.model_of(options).preprocess(**wanted, skip_save_processed_input=False)
    for name in ("training", "validation", "test"):
        split = getattr(data, f"{name}_set")
        print(f"{name}: {0 if split is None else len(split)} rows")
