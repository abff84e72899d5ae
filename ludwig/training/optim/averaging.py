"""Weight averaging: an exponential moving average (EMA) over the steps, and soups of the best evaluations' weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from ludwig.nn.sharded import copy_all, sharded_like

Weights = dict[str, Tensor]
Score = tuple[bool, float, float]  # how good weights are: a larger one is better


class MovingAverage:
    """An exponential moving average of weights (Polyak & Juditsky 1992; Tarvainen & Valpola 2017, arXiv:1703.01780).

    At step t the decay is min(decay, (1 + t) / (10 + t)), so that the first weights are soon forgotten.
    """

    def __init__(self, weights: Sequence[Tensor], decay: float) -> None:
        self.weights, self.decay, self.steps = weights, decay, 0
        self.means = [weight.detach().clone() for weight in weights]

    def update(self) -> None:
        """Takes in the weights after a step."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.means, [weight.detach() for weight in self.weights], 1 - decay)

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps, "means": self.means}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.steps = state["steps"]
        means = [sharded_like(mean, own) for mean, own in zip(state["means"], self.means, strict=True)]
        copy_all(self.means, means)


@contextmanager
def in_their_place(weights: Sequence[Tensor], others: Sequence[Tensor]) -> Iterator[None]:
    """Inside the block the weights have other values; afterwards they have their own again, bit for bit."""
    with torch.no_grad():
        own = [weight.detach().clone() for weight in weights]
        copy_all(weights, others)
    try:
        yield
    finally:
        with torch.no_grad():
            copy_all(weights, own)


def mean_of(several: Sequence[Weights]) -> Weights:
    """The mean of each tensor; what is no floating point number, such as a counter, is that of the first."""
    return {
        name: torch.stack([weights[name] for weights in several]).mean(0) if first.is_floating_point() else first
        for name, first in several[0].items()
    }


def uniform_soup(ranked: Sequence[Weights], score: Callable[[Weights], Score]) -> tuple[Weights, list[int]]:
    """The mean of all where that is no worse than the best, which comes first; and the places of those it is made of.

    Source: Wortsman et al. 2022, "Model soups", arXiv:2203.05482.
    """
    mean = mean_of(ranked)
    return (mean, list(range(len(ranked)))) if score(mean) >= score(ranked[0]) else (ranked[0], [0])


def greedy_soup(ranked: Sequence[Weights], score: Callable[[Weights], Score]) -> tuple[Weights, list[int]]:
    """The same of those, from the best on, with each of which it gets no worse (the same source, recipe 1)."""
    taken, soup, reached = [0], ranked[0], score(ranked[0])
    for place in range(1, len(ranked)):
        tried = mean_of([ranked[each] for each in (*taken, place)])
        found = score(tried)
        if found >= reached:
            taken, soup, reached = [*taken, place], tried, found
    return soup, taken


SOUPS = {"uniform": uniform_soup, "greedy": greedy_soup}
