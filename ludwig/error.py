"""The errors that a user meets: in plain sentences, what is wrong, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LudwigError(Exception):
    """Any error that is the user's to mend."""


class ConfigValidationError(LudwigError, ValueError):
    """The config has faults; the message lists all of them with their paths."""


class InputDataError(LudwigError, ValueError):
    """The data does not fit the config, or cannot be read."""


class NotTrainedError(LudwigError, ValueError):
    """The call needs a model that has been trained or loaded."""


class ArtifactError(LudwigError, ValueError):
    """A saved model or checkpoint is incomplete, damaged or from a newer version."""


class NoSuchFileError(LudwigError, FileNotFoundError):
    """A file or a folder that a call names is not there."""


class StorageError(LudwigError, OSError):
    """Something cannot be written: the disk is full, or nothing may be written there."""


class TrainingError(LudwigError, RuntimeError):
    """Training cannot go on, for example because the loss is no longer a number."""


class ArgumentError(LudwigError, TypeError, ValueError):
    """A keyword or a value that the called method does not know."""


class MissingPackageError(LudwigError, ImportError):
    """A package is needed that no extra brings, because its build must match that of torch; the message has the way."""


class MissingExtraError(LudwigError, ImportError):
    """An optional package is needed; the message names the extra that brings it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        self.package, self.extra, self.purpose = package, extra, purpose
        super().__init__(f"{purpose} needs the package '{package}'. Install it with: pip install 'ludwig[{extra}]'")

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str, str]]:
        return MissingExtraError, (self.package, self.extra, self.purpose)


class LudwigWarning(UserWarning):
    """Something about data or results that the user should know; shown whatever the logging level."""


def nearest(word: object, words: Iterable[str]) -> str:
    """' Did you mean ...?' when one of the words is close, letter case aside, else nothing."""
    first = {other.casefold(): other for other in reversed(list(words))}
    close = difflib.get_close_matches(str(word).casefold(), list(first), 1)
    return f" Did you mean '{first[close[0]]}'?" if close else ""


def counted(number: int, noun: str) -> str:
    """'one row', '2 rows': a number before a noun, as sentences want it."""
    return f"one {noun}" if number == 1 else f"{number} {noun}s"


def with_article(noun: str) -> str:
    """'a number', 'an image'."""
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def first_line(error: Exception) -> str:
    """The first line of a library's error; the others are about its own workings."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
