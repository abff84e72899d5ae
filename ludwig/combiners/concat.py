"""Side by side, then a stack of fully connected layers.

B = rows of the batch, C = columns, T = steps of a sequence, K = members, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ludwig.combiners.base import COMBINERS, Combiner, Source
from ludwig.nn.mlp import BatchEnsembleStack, FullyConnectedStack
from ludwig.nn.signal import Form, Shape, Signal
from ludwig.schema import param
from ludwig.schema.layers import FullyConnectedOptions


@COMBINERS.register("concat")
class ConcatCombiner(Combiner):
    """Concatenation of all encoded inputs, then a stack of fully connected layers (an MLP).

    Use it as the default and as the baseline for every other combiner. It costs `sum of input sizes * output_size`
    weights in the first layer. Sequences alone are concatenated step by step and stay a sequence; with `flatten_inputs`
    they become vectors. With `batch_ensemble` the layers are those of an ensemble whose members share their weights
    (Wen, Tran & Ba 2020, "BatchEnsemble", arXiv:2002.06715).

    Takes vectors [B, H], tokens [B, C, H] and sequences [B, T, H]; gives a vector [B, output_size], a sequence [B, T,
    output_size] or members [B, K, output_size].

    ```yaml
    combiner:
      type: concat
      num_fc_layers: 2
      output_size: 128
      dropout: 0.1
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(FullyConnectedOptions, Combiner.Config):
        flatten_inputs: bool = param(
            False,
            help="Whether sequences are flattened to vectors of their maximum length, so that they can be combined "
            "with vectors.",
        )
        residual: bool = param(
            False,
            help="Residual (skip) connections around fully connected layers of equal size. They ease the training "
            "of deep stacks.",
        )
        batch_ensemble: bool = param(
            False,
            help="BatchEnsemble: fully connected layers with several members that share their weights; outputs "
            "average their predictions.",
        )
        num_ensemble_members: int = param(4, min=1, help="Number of ensemble members of the BatchEnsemble.")

        def faults(self, forms: Sequence[Form], features: Sequence[str]) -> list[tuple[str, str]]:
            faults = super().faults(forms, features)
            layers = len(self.fc_layers) if self.fc_layers is not None else self.num_fc_layers
            sequences = [name for form, name in zip(forms, features, strict=True) if form == "sequence"]
            if sequences and len(sequences) < len(forms) and not self.flatten_inputs:
                others = [name for name in features if name not in sequences]
                text = (
                    f"The combiner 'concat' cannot mix the unreduced sequences of {', '.join(sequences)} with "
                    f"{', '.join(others)}. Set their encoder.reduce_output, or combiner.flatten_inputs to true; "
                    "the combiner sequence_concat keeps the steps."
                )
                faults.append(("", text))
            if self.batch_ensemble and layers == 0:
                faults.append(("num_fc_layers", "Must be at least 1 with batch_ensemble. Received: 0."))
            if self.batch_ensemble and self.residual:
                faults.append(("residual", "Does not work with batch_ensemble. Set one of them to false."))
            if self.batch_ensemble and self.gives_sequence(forms):
                faults.append(("batch_ensemble", "Needs vectors; set combiner.flatten_inputs to true."))
            return faults

        def gives_sequence(self, forms: Sequence[Form]) -> bool:
            return not self.flatten_inputs and all(form == "sequence" for form in forms)

        def gives(self, forms: Sequence[Form]) -> Form:
            return "sequence" if self.gives_sequence(forms) else "members" if self.batch_ensemble else "vector"

    def __init__(self, config: Config, sources: Sequence[Source]) -> None:
        nn.Module.__init__(self)
        shapes = [source.shape for source in sources]
        form = config.gives([shape.form for shape in shapes])
        self.lengths = [shape.count for shape in shapes]
        self.as_sequence = form == "sequence"
        width = sum(shape.size if self.as_sequence else shape.flat_size for shape in shapes)
        self.stack: FullyConnectedStack | BatchEnsembleStack
        if form == "members":
            self.stack = BatchEnsembleStack(width, config.stack(), config.num_ensemble_members)
            self.shape = Shape("members", self.stack.output_size, config.num_ensemble_members)
        else:
            self.stack = FullyConnectedStack(width, config.stack(), residual=config.residual)
            self.shape = Shape(form, self.stack.output_size, max(self.lengths) if self.as_sequence else 1)

    def forward(self, signals: Sequence[Signal]) -> Signal:
        if self.as_sequence:
            return self._side_by_side(signals)
        flat = [self._flat(signal, length) for signal, length in zip(signals, self.lengths, strict=True)]
        joined = flat[0] if len(flat) == 1 else torch.cat(flat, dim=1)  # [B, sum of widths]
        return Signal(self.shape.form, self.stack(joined))  # [B, H] or [B, K, H]

    @staticmethod
    def _flat(signal: Signal, length: int) -> Tensor:
        values = _there(signal)
        if signal.form == "sequence":
            values = pad(values, (0, 0, 0, length - values.shape[1]))  # [B, length, H]; cuts where it is negative
        return values if values.dim() == 2 else values.flatten(1)  # [B, C * H]

    def _side_by_side(self, signals: Sequence[Signal]) -> Signal:
        steps = max(signal.values.shape[1] for signal in signals)
        values = [pad(_there(signal), (0, 0, 0, steps - signal.values.shape[1])) for signal in signals]
        masks = [pad(signal.mask, (0, steps - signal.mask.shape[1])) for signal in signals if signal.mask is not None]
        mask = torch.stack(masks).any(0)  # [B, T]
        return Signal.sequence(self.stack(torch.cat(values, dim=2), mask), mask)  # [B, T, H]


def _there(signal: Signal) -> Tensor:
    """The values; zeros where a sequence is padded, whatever its encoder left there."""
    return signal.values if signal.mask is None else signal.values.masked_fill(~signal.mask.unsqueeze(-1), 0.0)
