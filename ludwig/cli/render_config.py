"""`ludwig render_config`."""

from __future__ import annotations

from pathlib import Path

import yaml

from ludwig.cli import flags


def run(words: list[str]) -> None:
    """Shows a config with every default spelled out."""
    parser = flags.parser_of("render_config", "Show a config with every default spelled out.")
    flags.add_config(parser)
    parser.add_argument("-o", "--output", help="file to write to; printed where it is left out")
    options = parser.parse_args(words)
    text = yaml.safe_dump(flags.model_of(options).config, sort_keys=False, allow_unicode=True)
    if options.output:
        Path(options.output).write_text(text, encoding="utf-8")
    else:
        print(text)
