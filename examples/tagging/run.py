"""Restore the capital letters of quotes in lower case: a tag a word; print scores beside per-word majority tags."""

from __future__ import annotations

import logging
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
from tabulate import tabulate

from ludwig.api import LudwigModel

HERE = Path(__file__).parent
FORTUNES = Path("usr") / "share" / "games" / "fortunes"
TOPICS = ["people", "politics", "science", "wisdom", "work", "law", "computers", "platitudes", "education", "food"]
LONGEST, SEED = 60, 1  # words and punctuation marks of a quote


def quotes(folder: Path) -> pd.DataFrame:
    """Words between spaces and their tags; the column `split` has 0 for training, 1 for validation, 2 for the test."""
    files = [folder / FORTUNES / topic for topic in TOPICS]
    if not all(file.is_file() for file in files):
        print(
            f"Skipped: this example reads quotes of a Debian package, which {folder / FORTUNES} has not. Get them with:"
        )
        print("  apt-get download fortunes && dpkg -x fortunes_*.deb FOLDER && python examples/tagging/run.py FOLDER")
        sys.exit()
    texts = [text for file in files for text in file.read_text(encoding="utf-8").split("\n%\n")]
    words = [re.findall(r"\w+|[^\w\s]", text.partition("\t\t-- ")[0]) for text in texts]  # without the author
    words = [quote for quote in words if 3 <= len(quote) <= LONGEST]
    rows = {" ".join(quote).lower(): " ".join(map(tag, quote)) for quote in words}  # each once
    split = np.random.default_rng(SEED).choice(3, len(rows), p=[0.7, 0.1, 0.2])
    return pd.DataFrame({"words": [*rows], "case": [*rows.values()], "split": split})


def tag(word: str) -> str:
    return "lower" if word == word.lower() else "Capital" if word == word.capitalize() else "UPPER"


def majority(table: pd.DataFrame, begins: bool) -> list[list[str]]:
    """The tag that each word most often has in training; with `begins`, a sentence also begins with a capital."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for words, tags in table.loc[table["split"] < 2, ["words", "case"]].itertuples(index=False):
        for word, own in zip(words.split(), tags.split(), strict=True):
            counts[word][own] += 1
    usual = {word: tags.most_common(1)[0][0] for word, tags in counts.items()}
    found = []
    for words in table["words"][table["split"] == 2].str.split():
        tags = [usual.get(word, "lower") for word in words]
        for place, mark in enumerate([".", *words[:-1]]):
            if begins and mark in ".!?" and tags[place] == "lower" and words[place].isalpha():
                tags[place] = "Capital"
        found.append(tags)
    return found


def main() -> None:
    table = quotes(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("/"))
    test = table[table["split"] == 2]
    model = LudwigModel(str(HERE / "config.yaml"), logging_level=logging.WARNING)
    model.train(dataset=table, random_seed=SEED, output_directory=None)
    predictions, _ = model.predict(test)
    words, true = (np.concatenate(test[column].str.split().tolist()) for column in ("words", "case"))
    is_word = np.array([word[0].isalpha() for word in words])  # punctuation marks have no capitals
    systems = {
        "all lower case": [["lower"] * len(words)],
        "majority of the word": majority(table, begins=False),
        "and capitals at the beginning": majority(table, begins=True),
        "ours": predictions["case_predictions"].tolist(),
    }
    rows = []
    for name, found in ((name, np.concatenate(tags)) for name, tags in systems.items()):
        right, cased = found == true, (found != "lower").sum() + (true != "lower").sum()
        rows.append([name, right[is_word].mean(), 2 * (right & (true != "lower")).sum() / cased])
    print(f"{len(table) - len(test)} quotes to train and select on, {is_word.sum()} words of {len(test)} others:\n")
    print(tabulate(rows, headers=["system", "accuracy", "F1 of words with capitals"], floatfmt=".3f"))


if __name__ == "__main__":
    main()
