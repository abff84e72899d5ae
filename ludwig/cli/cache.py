"""`ludwig cache`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from tabulate import tabulate

from ludwig.cli import flags
from ludwig.data.cache_folder import Cached, caches_in, remove
from ludwig.error import counted

MEGABYTE = 10**6


def run(words: list[str]) -> None:
    """Lists or removes the preprocessed data that is cached in a folder."""
    parser = flags.parser_of("cache", "List or remove the preprocessed data that is cached in a folder.")
    parser.add_argument("action", choices=["list", "clear"], help="list the caches, or remove them")
    parser.add_argument("folder", nargs="?", default=".", help="the folder of the data files, or backend.cache_dir")
    options = parser.parse_args(words)
    found = caches_in(Path(options.folder))
    if options.action == "clear":
        remove([cached.path for cached in found])
    print(_table(found) if options.action == "list" and found else _summary(found, options.action))


def _table(found: list[Cached]) -> str:
    rows = [[one.path.name, one.size / MEGABYTE, f"{datetime.fromtimestamp(one.used):%Y-%m-%d %H:%M}"] for one in found]
    return tabulate(rows, headers=["cache", "MB", "last used"], floatfmt=".1f")


def _summary(found: list[Cached], action: str) -> str:
    count = counted(len(found), "cache")
    return f"{count} removed." if action == "clear" else "There are no caches."
