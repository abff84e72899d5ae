"""Rules for columns of words: what dates, paths, lists, tags, keys, sentences and categories look like."""

from __future__ import annotations

import re

import numpy as np

from ludwig.automl.column import Column, Finding
from ludwig.features.date_cells import readings_of

MOST = 0.99  # share of the cells that are of a form, for a rule to hold
NUMBER = r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?"
IMAGE = r"(?i).+\.(png|jpe?g|gif|bmp|tiff?|webp)"
AUDIO = r"(?i).+\.(wav|flac|ogg|mp3|aiff?|m4a)"
SPACES = " \u00a0\u202f"  # common, no-break and narrow
GROUPED = rf"[+-]?\d{{1,3}}([,.'{SPACES}]\d{{3}})+([.,]\d+)?"  # 1,234.50
COMMA = r"[+-]?\d+,\d+"  # 3,5
SIGNED = rf"[+-]?[$€£¥]\s?[\d,.]+|[+-]?[\d,.{SPACES}]*\d\s?[%$€£¥]"  # $5 and 12 %
MONTH = r"(?i).*\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b.*"
DATE = (
    r"\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?([T ].*)?",
    r"\d{1,2}[-/.]\d{1,2}[-/.]\d{4}([T ,].*)?",
    r"\d{1,2}[-/]\d{1,2}[-/]\d{2}([T ,].*)?",
    r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[AaPp]\.?[Mm]\.?)?",
)
LONGEST_DATE = 40  # characters
DATES = 2000  # words that are read as dates for a trial
NUMBERS = rf"[\[(]?\s*{NUMBER}([\s,]+{NUMBER})+\s*[\])]?"
WORD = r"\S+"
TAGS = 2000  # different tags at most
FEW = 50  # values that a category surely may have
UNSPACED = r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]"  # letters of languages without spaces between words


def media(column: Column) -> Finding | None:
    """Paths of images or of sounds."""
    for kind, pattern in (("image", IMAGE), ("audio", AUDIO)):
        if column.share(column.like(pattern)) >= MOST:
            return Finding(kind, f"paths of {kind} files, as {column.example()}", is_predictable=False)
    return None


def separated(column: Column) -> Finding | None:
    """Numbers with thousands separators, decimal commas, currencies or percent signs, which number features do not
    read."""
    odd = column.like(GROUPED) | column.like(COMMA) | column.like(SIGNED)
    if column.share(odd) < 0.02 or column.share(odd | ~np.isnan(column.values)) < MOST or _are_lists(column):
        return None
    if column.distinct <= FEW:
        return Finding("category", f"numbers with separators or signs, as {column.example(odd)}, that repeat")
    return Finding(None, f"numbers with separators or signs, as {column.example(odd)}: write them as plain numbers")


def _are_lists(column: Column) -> bool:
    """Whether each cell has as many numbers, three or more, so that they are no groups of one number's digits."""
    sizes = column.words.str.count(r"\d+")
    return bool(sizes.nunique() == 1 and sizes.iloc[0] > 2 and column.share(column.like(NUMBERS)) >= MOST)


def dates(column: Column) -> Finding | None:
    """Dates and times of the usual forms."""
    short = column.words.str.len() <= LONGEST_DATE
    alike = short & column.like(MONTH) & column.words.str.contains(r"\d")
    for pattern in DATE:
        alike |= column.like(pattern)
    if column.share(alike) < MOST:
        return None
    _, unread = readings_of(column.words[alike].iloc[:DATES].reset_index(drop=True), None)
    if unread.mean() > 1 - MOST:
        return None
    rest = column.share(~alike)
    reason = f"dates or times, as {column.example(alike)}"
    return Finding("date", reason, column.with_unreadable(rest), is_predictable=False)


def number_lists(column: Column) -> Finding | None:
    """Several numbers a cell."""
    if column.share(column.like(NUMBERS)) < MOST:
        return None
    sizes = column.words.str.count(NUMBER)
    if sizes.nunique() == 1:
        return Finding("vector", f"lists of {sizes.iloc[0]} numbers, as {column.example()}")
    return Finding("timeseries", f"lists of {sizes.min()} to {sizes.max()} numbers, as {column.example()}")


def tags(column: Column) -> Finding | None:
    """Tags between commas, which repeat from row to row."""
    several = column.words.str.contains(",", regex=False)
    if column.share(several) < 0.3:
        return None
    entries = column.words.str.split(",").explode().str.strip()
    different = entries.nunique()
    if different > TAGS or len(entries) < 3 * different or entries.str.count(WORD).mean() > 3:
        return None
    reason = f"tags between commas, {different} different ones, as {column.example(several)}"
    return Finding("set", reason, {"tokenizer": "comma"})


def keys(column: Column) -> Finding | None:
    """A single word a cell, and each another one."""
    if column.all_differ and _lengths(column) <= 1.2 and not _is_unspaced(column):
        return Finding(None, f"a key: hardly a value repeats, as {column.example()}")
    return None


def texts(column: Column) -> Finding | None:
    """Sentences, or several words a cell that hardly repeat."""
    length, share = _lengths(column), column.distinct / column.present
    if _is_unspaced(column) and share > 0.5:
        return Finding("text", "text without spaces between words", {"tokenizer": "characters"})
    if column.distinct > FEW and ((length >= 3 and share > 0.1) or (length >= 1.7 and share > 0.5)):
        return Finding("text", f"{length:.0f} words a cell on average, of which {share:.0%} differ")
    return None


def categories(column: Column) -> Finding:
    """All other words."""
    if column.distinct > max(FEW, column.present / 2):
        return Finding("category", "values of which most are rare, and read as unknown")
    return Finding("category", f"values that repeat, as {column.example()}")


def _lengths(column: Column) -> float:
    """Words of a cell on average."""
    return column.mean(column.words.str.count(WORD))


def _is_unspaced(column: Column) -> bool:
    """Whether cells are sentences of a language that has no spaces between words."""
    signs = column.words.str.count(UNSPACED)
    return column.share(signs > 0) >= 0.5 and column.mean(signs) >= 8


def is_name_of_key(name: str) -> bool:
    """Whether a column of this name identifies rows: id, customerID, uuid, row number."""
    words = r"(id|uuid|guid|key|row_?(names?|num(ber)?))$"
    return bool(re.search(rf"(?i)(^(index|idx)$)|(^|[_\W]){words}", name) or re.search(r"[a-z]I[dD]$", name))


def is_name_of_code(name: str) -> bool:
    """Whether numbers of a column of this name are codes: zip_code, class, cluster."""
    words = r"(zip(_?code)?|(post(al)?_?)?code|class|cluster|category|group|type|kind|sku)$"
    return bool(
        re.search(rf"(?i)(^|[_\W]){words}", name) or re.search(r"[a-z](Class|Type|Group|Code|Category|Kind)$", name)
    )


def is_name_of_time(name: str) -> bool:
    """Whether numbers of a column of this name may be points in time: timestamp, created_at."""
    return bool(re.search(r"(?i)time|date|stamp|epoch|_at$|_ts$|^ts$", name))
