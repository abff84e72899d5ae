"""The command line. `main` is the function, as scripts import it; the module of that name has its whole path."""

from ludwig.cli.main import main

__all__ = ["main"]
