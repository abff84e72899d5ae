"""One fold of a table whose cells are parsed: nothing of its test rows enters what it is trained on.

Training and validation rows are fitted and encoded as if there were no others: neither a window over a time series nor
a cell that fills a missing one reaches into the test rows. A window of a test row does reach back.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ludwig.data.encoding import SILENT, Events, Parsed
from ludwig.data.preprocess import Prepared, Preprocessing, fitted, part_of, report_rows, rows_of, training_rows
from ludwig.data.rows import RowCounts, summed
from ludwig.data.split import Index, SplitIndex
from ludwig.features.base import Facts


def fit_fold(parsed: Parsed, rows: SplitIndex, events: Events = SILENT) -> dict[str, Facts]:
    """The fitted state of each feature from the fold's training rows.

    Raises:
        InputDataError: A target carries no information there.
    """
    known, training, _ = _without_test(parsed, rows)
    return fitted(known, training, events)


def encode_fold(
    parsed: Parsed,
    rows: SplitIndex,
    facts: Mapping[str, Facts],
    config: Preprocessing,
    seed: int,
    events: Events = SILENT,
) -> Prepared:
    """The splits of the fold as frames.

    Raises:
        InputDataError: Too few training rows can be used.
    """
    known, training, validation = _without_test(parsed, rows)
    events.encoding_starts(known.table)
    encoded = known.encode(facts, events)
    kept = training_rows(known, encoded, training, config, seed)
    counts: RowCounts = {"training": encoded.count(training, len(kept))}
    held_out = part_of(encoded, validation, "validation", counts)
    held_back = parsed.take(rows.test, alone=False).encode(facts)
    test = part_of(held_back, np.arange(len(rows.test)), "test", counts)
    counts = {"total": summed([*counts.values()], {}), **counts}
    report_rows(counts)
    events.encoding_ends(known.table)
    tested = rows.test[held_back.dropped.used]
    return Prepared(rows_of(encoded.frame, kept), held_out, test, dict(facts), counts, tested)


def _without_test(parsed: Parsed, rows: SplitIndex) -> tuple[Parsed, Index, Index]:
    """The training and validation rows of the fold alone, and which of them are which."""
    seen = np.sort(np.concatenate([rows.training, rows.validation]))
    return parsed.take(seen, alone=True), np.searchsorted(seen, rows.training), np.searchsorted(seen, rows.validation)
