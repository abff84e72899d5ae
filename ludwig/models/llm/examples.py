"""Prompts with their answers behind them, as a network reads them in training.

B = rows of the batch, P = tokens of the longest prompt, T = tokens of the longest answer,
L = tokens of the longest row, R = rows of a pack, W = tokens of a row of the pack
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ludwig.columns.ragged import Padded

PACK_WIDTH = 512  # tokens of a row of packs, unless a text is longer: longer rows cost more attention


@dataclass(frozen=True)
class Examples:
    """Each row begins with its prompt, the answer follows, and what is behind that is padding.

    A network that looks back only computes nothing else for a token because of the padding behind it, so it needs no
    mask.
    """

    ids: Tensor  # [B, L]
    begins: Tensor  # [B], where each answer begins
    lengths: Tensor  # [B], of prompt and answer together

    @staticmethod
    def of(prompt: Padded, answer: Padded, most: int, room: int = 0) -> Examples:
        """At most so many tokens a row: a prompt loses its first ones.

        Args:
            room: Tokens that are kept free of the prompt, however short the answer is.
        """
        before, behind = prompt.mask.sum(1), answer.mask.sum(1)  # [B]
        kept = torch.minimum(before, (most - behind.clamp_min(room)).clamp_min(1))  # [B]
        lengths = kept + behind
        width = int(lengths.max()) if len(lengths) else 0
        steps = torch.arange(width, device=before.device).expand(len(lengths), -1)  # [B, L]
        of_prompt = _gathered(prompt, steps + (before - kept).unsqueeze(1))  # [B, L]
        of_answer = _gathered(answer, steps - kept.unsqueeze(1))  # [B, L]
        ids = torch.where(steps < kept.unsqueeze(1), of_prompt, of_answer)
        return Examples(ids.masked_fill(steps >= lengths.unsqueeze(1), 0), kept, lengths)

    @property
    def there(self) -> Tensor:
        """Which tokens are no padding: [B, L]."""
        return torch.arange(self.ids.shape[1], device=self.ids.device) < self.lengths.unsqueeze(1)

    @property
    def of_answers(self) -> Tensor:
        """Which tokens belong to answers: [B, L]."""
        steps = torch.arange(self.ids.shape[1], device=self.ids.device)
        return self.there & (steps >= self.begins.unsqueeze(1))


def _gathered(texts: Padded, places: Tensor) -> Tensor:
    width = texts.values.shape[1]
    if width == 0:
        return torch.zeros_like(places)
    return texts.values.long().gather(1, places.clamp(0, width - 1))


@dataclass(frozen=True)
class Pack:
    """Several examples one behind the other in each row, so that little padding is left.

    Positions begin anew with each example, by which networks of the library transformers see where one ends and let
    none look at another. Each token of padding behind them is an example of its own.
    """

    ids: Tensor  # [R, W]
    positions: Tensor  # [R, W]
    places: Tensor  # [B, L], where each token is in the flat pack; 0 for padding

    @staticmethod
    def of(examples: Examples, width: int = PACK_WIDTH) -> Pack:
        there, steps = examples.there, torch.arange(examples.ids.shape[1], device=examples.ids.device)
        rows, offsets, width, count = _fitted(examples.lengths.tolist(), width)
        begins = torch.tensor([row * width + offset for row, offset in zip(rows, offsets, strict=True)])
        places = begins.to(steps.device).unsqueeze(1) + steps  # [B, L]
        ids, positions = examples.ids.new_zeros((2, count * width))
        ids[places[there]] = examples.ids[there]
        positions[places[there]] = steps.expand_as(there)[there]
        return Pack(ids.view(count, width), positions.view(count, width), places.masked_fill(~there, 0))


def _fitted(lengths: list[int], width: int) -> tuple[list[int], list[int], int, int]:
    """(row of each example, where it begins there, tokens of a row, number of rows): first fit, long ones first.

    Source: Johnson 1973, "Near-Optimal Bin Packing Algorithms".
    """
    most = max([width, *lengths])
    filled: list[int] = []
    rows, offsets = [0] * len(lengths), [0] * len(lengths)
    for example in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        free = (row for row, used in enumerate(filled) if used + lengths[example] <= most)
        row = next(free, len(filled))
        if row == len(filled):
            filled.append(0)
        rows[example], offsets[example] = row, filled[row]
        filled[row] += lengths[example]
    return rows, offsets, max(filled, default=0), len(filled)
