"""Compare Ludwig's estimators with those of scikit-learn on two of its tables, by the same functions for all."""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd
from tabulate import tabulate

SEEDS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
COLUMNS = ["accuracy", "AUC", "R2", "seconds"]


def systems(seed: int) -> dict[str, tuple[object, object]]:
    """A classifier and a regressor of each kind, all as they come."""
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from ludwig.sklearn import LudwigClassifier, LudwigRegressor

    def scaled(estimator: object) -> object:
        return make_pipeline(StandardScaler(), estimator)

    options = {"early_stopping": True, "max_iter": 5000, "random_state": seed}
    return {
        "constant": (DummyClassifier(), DummyRegressor()),
        "linear model": (scaled(LogisticRegression()), scaled(RidgeCV(np.logspace(-2, 3, 11)))),
        "gradient boosting": (
            HistGradientBoostingClassifier(random_state=seed),
            HistGradientBoostingRegressor(random_state=seed),
        ),
        "MLP": (scaled(MLPClassifier(**options)), scaled(MLPRegressor(**options))),
        "ours": (LudwigClassifier(random_state=seed), LudwigRegressor(random_state=seed)),
    }


def scores(classifier: object, regressor: object, seed: int) -> list[float]:
    """Accuracy and AUC on breast cancers, R2 on diabetes: on a fifth of the rows, with the seconds of training."""
    from sklearn.datasets import load_breast_cancer, load_diabetes
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import train_test_split

    table, classes = load_breast_cancer(return_X_y=True, as_frame=True)
    seen, unseen, known, true = train_test_split(table, classes, test_size=0.2, random_state=seed, stratify=classes)
    start = time.process_time()
    classifier.fit(seen, known)
    found = [classifier.score(unseen, true), roc_auc_score(true, classifier.predict_proba(unseen)[:, 1])]
    table, progress = load_diabetes(return_X_y=True, as_frame=True)
    seen, unseen, known, true = train_test_split(table, progress, test_size=0.2, random_state=seed)
    return [*found, regressor.fit(seen, known).score(unseen, true), time.process_time() - start]


def main() -> None:
    try:
        import sklearn  # noqa: F401
    except ImportError:
        print("Skipped: this example needs its data and its peers. Get both with: pip install scikit-learn")
        sys.exit()
    rows = [[name, *scores(*pair, seed)] for seed in SEEDS for name, pair in systems(seed).items()]
    table = pd.DataFrame(rows, columns=["system", *COLUMNS]).groupby("system", sort=False)
    print(tabulate(table.mean(), headers=["system", *COLUMNS], floatfmt=".3f"))
    if len(SEEDS) > 1:
        print(f"\nStandard deviations over {len(SEEDS)} splits:\n\n{table.std().round(3)}")


if __name__ == "__main__":
    main()
