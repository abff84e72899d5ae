"""One fold of a table whose cells are parsed: nothing of its test rows enters what it is trained on."""

from __future__ import annotations

import numpy as np

from ludwig.data.encoding import SILENT, Events, Parsed
from ludwig.data.preprocess import Prepared, Preprocessing, fitted, part_of, report_rows, rows_of, training_rows
from ludwig.data.rows import RowCounts, summed
from ludwig.data.split import SplitIndex


def prepare_fold(
    parsed: Parsed, rows: SplitIndex, config: Preprocessing, seed: int, events: Events = SILENT
) -> Prepared:
    """Fits on the fold's training rows and encodes its splits.

    Training and validation rows are encoded as if there were no others: neither a window over a time series nor a cell
    that fills a missing one reaches into the test rows. A window of a test row does reach back.

    Raises:
        InputDataError: Too few training rows can be used.
    """
    seen = np.sort(np.concatenate([rows.training, rows.validation]))
    training, validation = (np.searchsorted(seen, part) for part in (rows.training, rows.validation))
    known = parsed.take(seen, alone=True)
    facts = fitted(known, training, events)
    events.encoding_starts(known.table)
    encoded = known.encode(facts, events)
    kept = training_rows(known, encoded, training, config, seed)
    counts: RowCounts = {"training": encoded.count(training, len(kept))}
    held_out = part_of(encoded, validation, "validation", counts)
    held_back = parsed.take(rows.test, alone=False).encode(facts)
    test = part_of(held_back, np.arange(len(rows.test)), "test", counts)
    tested = rows.test[held_back.dropped.used]
    counts = {"total": summed([*counts.values()], {}), **counts}
    report_rows(counts)
    events.encoding_ends(known.table)
    return Prepared(rows_of(encoded.frame, kept), held_out, test, facts, counts, tested)
