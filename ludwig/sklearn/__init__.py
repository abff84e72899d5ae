"""Estimators for scikit-learn: a Ludwig model as a classifier or a regressor."""

from ludwig.sklearn.estimators import EXPECTED_FAILED_CHECKS, LudwigClassifier, LudwigRegressor

__all__ = ["EXPECTED_FAILED_CHECKS", "LudwigClassifier", "LudwigRegressor"]
