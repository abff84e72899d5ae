"""What the section of every feature in the config begins with."""

from __future__ import annotations

import dataclasses

from ludwig.schema import param


@dataclasses.dataclass(frozen=True, kw_only=True)
class ColumnOptions:
    """The name of a feature and its column."""

    name: str = param(help="Name of the feature, and of its column unless that is given.")
    column: str | None = param(None, help="The column of the data; null for the feature's name.")

    @property
    def source(self) -> str:
        """The column of the data."""
        return self.column or self.name
