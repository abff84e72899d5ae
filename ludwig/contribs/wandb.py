"""Logging to Weights & Biases: `WandbCallback`."""

from ludwig.integrations.wandb import WandbCallback as WandbCallback
