"""Logging to MLflow: `MlflowCallback`."""

from ludwig.integrations.mlflow import MlflowCallback as MlflowCallback
