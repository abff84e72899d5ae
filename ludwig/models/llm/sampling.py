"""Sampling whose draws belong to a row and not to its batch, and the probabilities of what is generated.

B = rows of the batch, S = generated tokens, V = tokens of the vocabulary, K = tokens that are drawn from
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


def seeds_of(ids: Tensor, there: Tensor) -> list[int]:
    """A seed for each prompt that depends on its tokens alone: [B]."""
    rows = zip(ids.cpu(), there.cpu(), strict=True)
    return [zlib.crc32(row[known].to(torch.int64).numpy().tobytes()) for row, known in rows]


class DrawsByRow:
    """The last processor of logits: greedy decoding of what it gives draws each token from its probability.

    Adding Gumbel noise, -log of an exponential draw, and taking the largest is drawing from the softmax (Gumbel 1954;
    Maddison et al. 2014, "A* Sampling"). Each row has a generator of its own, so its tokens are the same alone and
    among others, and the global generator is left alone.
    """

    def __init__(self, seeds: list[int], most: int | None) -> None:
        """`most`: how many of the most probable tokens can be drawn at all; None for all."""
        self.most = most
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        size = min(self.most or scores.shape[1], scores.shape[1])
        values, places = scores.topk(size)  # [B, K]
        draws = torch.stack([torch.empty(size).exponential_(generator=each) for each in self.generators])  # [B, K]
        noisy = values - draws.to(values.device, values.dtype).log()
        return torch.full_like(scores, -torch.inf).scatter(1, places, noisy)  # [B, V]


class ChosenProbabilities:
    """Notes the probability of each token that is generated, as the network itself gives it.

    It is handed to the library as a criterion for stopping, which is asked after each token, and never stops.
    """

    def __init__(self) -> None:
        self.logits: Tensor | None = None  # of the token to come: [B, V]
        self.shares: list[Tensor] = []

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:
        assert self.logits is not None
        chosen = input_ids[:, -1:]  # [B, 1]
        logs = self.logits.gather(1, chosen).squeeze(1) - self.logits.logsumexp(-1)  # [B]
        self.shares.append(logs.exp())
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)

    @contextmanager
    def listening(self, network: nn.Module) -> Iterator[None]:
        """Inside the block the logits of each pass through the network are looked at."""
        from transformers import PreTrainedModel

        def keep(module: nn.Module, given: Any, output: Any) -> None:
            self.logits = output.logits[:, -1].float()

        reader = next(part for part in network.modules() if isinstance(part, PreTrainedModel))  # inside an adapter
        hook = reader.register_forward_hook(keep)
        try:
            yield
        finally:
            hook.remove()

    @property
    def found(self) -> Tensor:
        """The probabilities of all generated tokens: [B, S]."""
        return torch.stack(self.shares, dim=1)
