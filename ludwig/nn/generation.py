"""How a sequence of tokens is generated one after the other: greedily, or by beam search.

B = rows of the batch, S = steps of the longest sequence, C = tokens of the vocabulary, W = beams of a row
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

State = tuple[Tensor, ...]  # what one step hands on to the next: each [B, ...]
# last tokens [B], state, place -> logits of the next token [B, C], state
NextToken = Callable[[Tensor, State, int], tuple[Tensor, State]]

PADDING = -1  # the id behind the end of a sequence


@dataclass(frozen=True)
class Generated:
    """What a model generated. Behind the end of an answer ids are -1."""

    ids: Tensor  # [B, S]
    probabilities: Tensor  # [B, S], of these tokens; 1 behind the end


def greedy(step: NextToken, state: State, start: Tensor, end: int, longest: int) -> Generated:
    """The most probable token at each step, until the token `end`: [B, longest].

    Args:
        start: What stands before the first token: [B].
    """
    tokens, ended = start, torch.zeros_like(start, dtype=torch.bool)
    ids, shares = [], []
    for place in range(longest):
        logits, state = step(tokens, state, place)
        best = logits.softmax(-1).max(-1)
        tokens = best.indices
        ids.append(tokens.masked_fill(ended, PADDING))
        shares.append(best.values.masked_fill(ended, 1.0))
        ended = ended | (tokens == end)
        if bool(ended.all()):
            break
    return _of_length(longest, torch.stack(ids, dim=1), torch.stack(shares, dim=1))


def beam_search(
    step: NextToken, state: State, start: Tensor, end: int, longest: int, *, width: int, length_penalty: float
) -> Generated:
    """The sequence of the highest score among those that a beam of `width` sequences finds: [B, longest].

    The score of a sequence is the sum of the logarithms of its tokens' probabilities, divided by its length to the
    power of `length_penalty`: 0 prefers short sequences, 1 compares the means of the tokens (Graves 2012,
    "Sequence Transduction with Recurrent Neural Networks", arXiv:1211.3711; Wu et al. 2016, arXiv:1609.08144, eq. 14).
    """
    rows = len(start)
    state = tuple(part.repeat_interleave(width, dim=0) for part in state)  # [B * W, ...]
    tokens = start.repeat_interleave(width)  # [B * W]
    beams = _Beams.of(rows, width, start.device)
    first = torch.arange(rows, device=start.device).unsqueeze(1) * width  # [B, 1], the first beam of each row
    for place in range(longest):
        logits, state = step(tokens, state, place)
        parents, beams = beams.grown(logits.log_softmax(-1).view(rows, width, -1), end, length_penalty)
        chosen = (first + parents).flatten()  # [B * W]
        state = tuple(part.index_select(0, chosen) for part in state)
        tokens = beams.ids[:, :, -1].clamp_min(0).flatten()  # [B * W]
        if bool(beams.ended.all()):
            break
    best = beams.scores(length_penalty).argmax(1).view(-1, 1, 1)  # [B, 1, 1]
    ids, logs = (each.take_along_dim(best, dim=1).squeeze(1) for each in (beams.ids, beams.logs))  # [B, S]
    return _of_length(longest, ids, logs.exp())


@dataclass(frozen=True)
class _Beams:
    """The sequences of a beam."""

    ids: Tensor  # [B, W, S], -1 behind the end
    logs: Tensor  # [B, W, S], of the tokens' probabilities; 0 behind the end
    total: Tensor  # [B, W], the sum of these
    ended: Tensor  # [B, W]

    @staticmethod
    def of(rows: int, width: int, device: torch.device) -> _Beams:
        """Before the first step all beams of a row are one."""
        total = torch.full((rows, width), -torch.inf, device=device)
        total[:, 0] = 0.0
        nothing = torch.empty(rows, width, 0, device=device)
        return _Beams(nothing.long(), nothing, total, torch.zeros(rows, width, dtype=torch.bool, device=device))

    def scores(self, length_penalty: float) -> Tensor:
        """The score of each sequence: [B, W]."""
        lengths = (self.ids != PADDING).sum(-1)
        return self.total / lengths.clamp_min(1).to(self.total.dtype) ** length_penalty

    def grown(self, logs: Tensor, end: int, length_penalty: float) -> tuple[Tensor, _Beams]:
        """The parents of the best sequences that are one token longer, [B, W], and these; [B, W, C] come in.

        A sequence that has ended goes on in one way, without a cost and without a token.
        """
        width, tokens = logs.shape[1:]
        waits = torch.full_like(logs, -torch.inf)
        waits[:, :, max(end, 0)] = 0.0
        logs = torch.where(self.ended.unsqueeze(-1), waits, logs)
        total = self.total.unsqueeze(-1) + logs  # [B, W, C]
        lengths = (self.ids != PADDING).sum(-1) + (~self.ended).long()  # [B, W]
        scores = total / lengths.clamp_min(1).unsqueeze(-1).to(total.dtype) ** length_penalty
        best = scores.flatten(1).topk(width).indices  # [B, W]
        parents, token = best // tokens, best % tokens
        had_ended = self.ended.gather(1, parents)
        token = token.masked_fill(had_ended, PADDING)
        log = logs.flatten(1).gather(1, best)  # [B, W]
        at = parents.unsqueeze(-1)
        ids = torch.cat([self.ids.take_along_dim(at, dim=1), token.unsqueeze(-1)], dim=-1)  # [B, W, S + 1]
        history = torch.cat([self.logs.take_along_dim(at, dim=1), log.unsqueeze(-1)], dim=-1)
        grown = _Beams(ids, history, total.flatten(1).gather(1, best), had_ended | (token == end))
        return parents, grown


def _of_length(longest: int, ids: Tensor, shares: Tensor) -> Generated:
    missing = longest - ids.shape[1]
    return Generated(pad(ids, (0, missing), value=PADDING), pad(shares, (0, missing), value=1.0))
