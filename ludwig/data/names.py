"""Names of columns."""

from __future__ import annotations

import re

_UNSAFE = re.compile(r"""[(){}.:"'\[\]]""")


def sanitize(name: str) -> str:
    """The name with `_` for each of ( ) { } . : " ' [ ], as features and columns are called everywhere."""
    return _UNSAFE.sub("_", str(name))
