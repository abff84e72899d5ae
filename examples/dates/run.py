"""Write dates in words, such as "the third of May, nineteen oh four", as 1904-05-03; print how many are right."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
from tabulate import tabulate

from ludwig.api import LudwigModel

HERE = Path(__file__).parent
DATES, SEED = 4000, 1
ONES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen"]
ONES += ["fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
ODD = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth"}


def in_words(number: int) -> str:
    """From 1 to 99."""
    if number < 20:
        return ONES[number - 1]
    return TENS[number // 10 - 2] + (f" {ONES[number % 10 - 1]}" if number % 10 else "")


def ordinal(number: int) -> str:
    *before, last = in_words(number).split()
    regular = last[:-1] + "ieth" if last.endswith("y") else last.replace("twelve", "twelf") + "th"
    return " ".join([*before, ODD.get(last, regular)])


def year_in_words(year: int) -> str:
    century, rest = divmod(year, 100)
    if century == 20 and rest < 10:
        return "two thousand" + (f" and {in_words(rest)}" if rest else "")
    return f"{in_words(century)} {'hundred' if rest == 0 else 'oh ' + in_words(rest) if rest < 10 else in_words(rest)}"


def spoken(day: pd.Timestamp, way: int) -> str:
    month, year = day.month_name().lower(), year_in_words(day.year)
    ways = [
        f"the {ordinal(day.day)} of {month}, {year}",
        f"{month} the {ordinal(day.day)}, {year}",
        f"{month} {ordinal(day.day)} in the year {year}",
        f"{day.day_name().lower()}, {in_words(day.day)} {month[:3]} {year}",
        f"on the {ordinal(day.day)} day of {month} of {year}",
    ]
    return ways[way]


def dates() -> pd.DataFrame:
    """Days of three centuries, each once; the column `split` has 0 for training, 1 for validation, 2 for the test."""
    rng, days = np.random.default_rng(SEED), pd.date_range("1800-01-01", "2099-12-31", unit="s")
    chosen = days[rng.permutation(len(days))[:DATES]]
    texts = [spoken(day, way) for day, way in zip(chosen, rng.integers(5, size=DATES), strict=True)]
    split = rng.choice(3, DATES, p=[0.7, 0.1, 0.2])
    return pd.DataFrame({"spoken": texts, "iso": chosen.strftime("%Y-%m-%d"), "split": split})


def main() -> None:
    table = dates()
    training, test = table[table["split"] < 2], table[table["split"] == 2]
    model = LudwigModel(str(HERE / "config.yaml"), logging_level=logging.WARNING)
    model.train(dataset=table, random_seed=SEED, output_directory=None)
    predictions, _ = model.predict(test)
    systems = {"most frequent": pd.Series(training["iso"].mode()[0], test.index), "ours": predictions["iso_response"]}
    true, rows = test["iso"], []
    for name, found in systems.items():
        rows.append([name, (found == true).mean(), (found.str[:4] == true.str[:4]).mean()])
    print(f"{len(training)} dates to train and select on, {len(test)} others to test on:\n")
    print(tabulate(rows, headers=["system", "whole date", "year"], floatfmt=".3f"))
    print(f"\n{test.assign(found=predictions['iso_response'])[['spoken', 'found']].head().to_string(index=False)}")


if __name__ == "__main__":
    main()
