"""Logging to Comet: `CometCallback`."""

from ludwig.integrations.comet import CometCallback as CometCallback
