"""The contract of a combiner: the signals of all inputs become one.

B = rows of the batch, C = columns of a group, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar, Self

from torch import nn

from ludwig.nn.signal import Form, Shape, Signal
from ludwig.schema import Component, Registry


@dataclasses.dataclass(frozen=True)
class Source:
    """What a combiner knows of one signal that it will get: a group of columns of one type."""

    features: tuple[str, ...]  # token c of a tokens signal belongs to features[c]
    kind: str  # the feature type: "number", "text" ...
    shape: Shape


class Combiner(Component, nn.Module):
    """Turns the signals of the inputs, one for each group of columns, into one signal."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        takes: ClassVar[frozenset[Form]] = frozenset({"vector", "tokens", "sequence"})

        def faults(self, forms: Sequence[Form], features: Sequence[str]) -> list[tuple[str, str]]:
            """(parameter, message) of what does not fit the forms of the inputs and their names; "" for the whole."""
            return [("", self._refusal(form, forms, features)) for form in sorted(set(forms) - self.takes)]

        def _refusal(self, form: Form, forms: Sequence[Form], features: Sequence[str]) -> str:
            """Why a form does not fit, and what to do."""
            names = ", ".join(name for each, name in zip(forms, features, strict=True) if each == form)
            text = f"The combiner '{self.type}' cannot take a {form} from an encoder. Received from: {names}."
            return text + " Set encoder.reduce_output there, such as to mean." * (form == "sequence")

        def completed(self, features: Sequence[str]) -> Self:
            """With what the names of all inputs decide."""
            return self

        def gives(self, forms: Sequence[Form]) -> Form:
            """The form of the combined signal."""
            return "vector"

    shape: Shape  # of what forward gives

    def start(self) -> None:
        """Loads initial weights from files. Called once in a fresh run, never when a saved model is loaded."""

    def forward(self, signals: Sequence[Signal]) -> Signal:
        """Combines the signals, which come in the order of the sources.

        A term that is to be minimised besides the losses of the outputs, as TabNet's sparsity, is the `auxiliary_loss`
        of what it gives.
        """
        raise NotImplementedError


COMBINERS: Registry[Combiner] = Registry("combiner")
COMBINERS.refuse(
    "tabpfn_v2",
    "The combiner 'tabpfn_v2' is not supported, because it wraps an external pretrained model that is not trained with "
    "the rest: choose tabm, ft_transformer, tabnet or concat in its place.",
)
