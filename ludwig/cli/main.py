"""The command `ludwig`."""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import redirect_stdout, suppress

COMMANDS = {
    "train": "Train a model.",
    "experiment": "Train a model and evaluate it.",
    "hyperopt": "Search for good parameters.",
    "predict": "Predict with a trained model.",
    "evaluate": "Evaluate a trained model.",
    "forecast": "Forecast the rows that follow data of time series.",
    "preprocess": "Preprocess data and keep the result beside it.",
    "inspect": "Show what a saved model is.",
    "collect_summary": "Show the layers and weights of a model.",
    "collect_weights": "Write weights of a model as NumPy files.",
    "collect_activations": "Write activations of layers as NumPy files.",
    "cache": "List or remove preprocessed data that is cached.",
    "render_config": "Show a config with every default spelled out.",
    "export_schema": "Write the JSON Schema of the config.",
    "init_config": "Write a config for a table, with the types of its columns inferred.",
}

INTERRUPTED = 130  # 128 and the number of the signal, as shells have it


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; gives the exit status: 0, 1 for an unknown command, 2 for wrong input, 130 for Ctrl-C."""
    words = sys.argv[1:] if arguments is None else arguments
    if not words or words[0] in ("-h", "--help"):
        sys.stdout.write(_help())
        return 0 if words else 1
    if words[0] == "--version":
        from ludwig.globals import LUDWIG_VERSION

        sys.stdout.write(f"{LUDWIG_VERSION}\n")
        return 0
    if words[0] not in COMMANDS:
        from ludwig.error import nearest

        sys.stderr.write(f"ludwig: there is no command '{words[0]}'.{nearest(words[0], COMMANDS)}\n\n{_help()}")
        return 1
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads that spin starve others on a busy machine
    return _run(words[0], words[1:])


def _run(command: str, words: list[str]) -> int:
    module = importlib.import_module(f"ludwig.cli.{command}")
    from ludwig.error import LudwigError
    from ludwig.runtime.printing import standard_output

    try:
        with redirect_stdout(standard_output()):
            module.run(words)
    except (LudwigError, FileNotFoundError) as error:
        sys.stderr.write(f"ludwig {command}: {error}\n")
        return 2
    except KeyboardInterrupt as interrupt:
        sys.stderr.write(f"ludwig {command}: interrupted. {interrupt}\n")
        return INTERRUPTED
    finally:
        _let_go_of_output()
    return 0


def _let_go_of_output() -> None:
    """Where nobody reads any more, Python is not to complain at its end (the documentation of `signal` has this)."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError):  # an AttributeError where there is no standard output
        with suppress(OSError, ValueError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _help() -> str:
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {name:{width}}{text}" for name, text in COMMANDS.items()]
    return "usage: ludwig COMMAND [options]     (ludwig COMMAND --help shows its options)\n\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
