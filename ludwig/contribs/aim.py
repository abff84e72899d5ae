"""Logging to Aim: `AimCallback`."""

from ludwig.integrations.aim import AimCallback as AimCallback
