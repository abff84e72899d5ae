"""Forecasts beyond the last row: each call of a model gives its whole horizon, and the windows slide over all of it.

B = series, W = steps of a window, S = rows of a slide, T = steps of a padded batch
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from ludwig.columns.frame import Frame
from ludwig.columns.ragged import PAD_MULTIPLE, Padded, Ragged
from ludwig.encoders.series_window import last_steps
from ludwig.features.scaling import Scaling
from ludwig.inference.predictor import Arrays
from ludwig.models.base import Model


@dataclasses.dataclass(frozen=True)
class Window:
    """A series input that reads on in what an output forecasts."""

    output: str
    scaling: Scaling
    values: Tensor  # [B, W], as the network reads them, the latest at the end
    lengths: Tensor  # [B], how many of them there are
    shortest: int  # of these

    @staticmethod
    def of(column: Ragged, size: int, output: str, scaling: Scaling) -> Window:
        """The window at the last known row of each series."""
        values, known = last_steps(column.padded(), size)  # [B, W], [B, W]
        lengths = known.sum(1)  # [B]
        return Window(output, scaling, values, lengths, int(lengths.min()))

    def padded(self) -> Padded:
        """As a batch: the steps from the left, zeros behind them."""
        size = self.values.shape[1]
        width = -(-size // PAD_MULTIPLE) * PAD_MULTIPLE
        if self.shortest == size:
            mask = torch.ones_like(self.values, dtype=torch.bool)
            return Padded(pad(self.values, (0, width - size)), pad(mask, (0, width - size)))  # [B, T], [B, T]
        steps = torch.arange(width, device=self.values.device)  # [T]
        mask = steps < self.lengths.unsqueeze(1)  # [B, T]
        place = (steps + size - self.lengths.unsqueeze(1)).clamp(max=size - 1)  # [B, T]
        return Padded(self.values.gather(1, place).masked_fill(~mask, 0.0), mask)

    def slid(self, forecast: Tensor) -> Window:
        """The window after the forecast, [B, S] in the column's own units."""
        new = ((forecast - self.scaling.shift) / self.scaling.scale).to(self.values.dtype)  # [B, S]
        size = self.values.shape[1]
        values = torch.cat([self.values, new], dim=1)[:, -size:]  # [B, W]
        lengths = (self.lengths + new.shape[1]).clamp(max=size)
        return Window(self.output, self.scaling, values, lengths, min(self.shortest + new.shape[1], size))


def roll(
    model: Model,
    windows: Mapping[str, Window],
    beside: Iterable[Frame],
    outputs: Sequence[str],
    slide: int,
) -> Arrays:
    """What the outputs forecast, by output and key: arrays [B, calls * slide].

    Args:
        windows: By input, on the device of the model.
        beside: The other inputs at the row of each call: B rows a call, on the same device.
        slide: How many rows a call forecasts, at most the horizon of each output.
    """
    parts: dict[str, dict[str, list[Tensor]]] = {name: {} for name in outputs}
    model.eval()
    with torch.inference_mode():
        for frame in beside:
            others = {**frame.others, **{name: window.padded() for name, window in windows.items()}}
            predictions = model.predict(Frame(frame.blocks, others, frame.layout, len(frame)))
            for name in outputs:
                for key, values in model.outputs[name].answers(predictions[name]).items():
                    parts[name].setdefault(key, []).append(values[:, :slide])  # [B, S]
            windows = {name: window.slid(parts[window.output]["predictions"][-1]) for name, window in windows.items()}
    return {
        name: {key: torch.cat(values, dim=1).cpu().numpy() for key, values in keys.items()}
        for name, keys in parts.items()
    }
