"""A pretrained network between prompts and answers.

B = rows of the batch, P = tokens of the longest prompt, T = tokens of the longest answer, V = tokens of the vocabulary
L = tokens of the longest prompt and answer together
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ludwig.columns.ragged import Padded
from ludwig.error import ConfigValidationError
from ludwig.models.llm.examples import Examples, Pack
from ludwig.models.llm.generation import Generation
from ludwig.nn.chunked_cross_entropy import chunked_cross_entropy
from ludwig.nn.generation import Generated
from ludwig.nn.sharded import in_shards, is_sharded, most_of_all

CACHES = ("cache", "past_key_values")  # what releases of the library call keys and values of earlier tokens
NUMBERS = 2**28  # of logits at once, where probabilities of generated tokens are computed
TokenLoss = Callable[[Tensor, Tensor], Tensor]  # [N, V], [N] -> [N]
LOUD = 1000.0  # times as large as usual
LEAK = 1e-3  # by which logits of packed examples may differ from those of single ones: kernels round differently


@dataclass(frozen=True)
class TokenScores:
    """How a network takes tokens that are known: what counts stands beside the token; elsewhere is padding."""

    target: Tensor  # [B, S], the tokens, -1 for padding
    losses: Tensor  # [B, S], the cross entropy of each, 0 for padding
    refined: Tensor  # [B, S], the loss of each, where that is another
    best: Tensor  # [B, S], the most probable token in the place of each, -1 for padding

    def of_answers(self, answer: Padded) -> TokenScores:
        """Those of the answers, which are the last tokens of each row: [B, T]."""
        begins = (self.target >= 0).sum(1, keepdim=True) - answer.mask.sum(1, keepdim=True)  # [B, 1]
        places = (begins + torch.arange(answer.mask.shape[1], device=begins.device)).clamp_max(self.target.shape[1] - 1)
        rows = (self.target, self.losses, self.refined, self.best)
        target, losses, refined, best = (each.gather(1, places) for each in rows)  # [B, T]
        there = answer.mask
        return TokenScores(
            target.masked_fill(~there, -1), losses * there, refined * there, best.masked_fill(~there, -1)
        )


class Network(nn.Module):
    """The pretrained network, with an adapter or without, and the most tokens that it may get."""

    def __init__(self, pretrained: Any, most: int | None) -> None:
        super().__init__()
        self.takes = frozenset(inspect.signature(pretrained.forward).parameters)
        context = getattr(pretrained.config, "max_position_embeddings", None)
        self.most: int = min(bound for bound in (most, context, 2**30) if bound is not None)
        self.pretrained = pretrained
        self.splits_head: bool | None = None  # whether logits are what its head alone makes; None while not known

    @property
    def cache_name(self) -> str | None:
        """What the network calls the keys and values of earlier tokens; None where it has none."""
        return next((name for name in CACHES if name in self.takes), None)

    @property
    def vocabulary_size(self) -> int:
        return int(self.pretrained.config.vocab_size)

    def forward(self, prompt: Padded, answer: Padded, room: int = 0) -> Tensor:
        """The logits beside each token of the answer, computed from the prompt and the tokens before: [B, T, V].

        Prompts are padded on the left and answers on the right, so that all answers begin in one column and logits are
        computed for no others. A prompt loses its first tokens where both together are more than the network takes.

        Args:
            room: Tokens that are kept free of the prompt, however short the answer is.
        """
        steps = answer.values.shape[1]
        ids, there = aligned(prompt, self.most - answer.mask.sum(1).clamp_min(room))  # [B, P]
        ids = torch.cat([ids, answer.values.long()], dim=1)  # [B, P + T]
        there = torch.cat([there, answer.mask], dim=1)  # [B, P + T]
        return self._last_logits(ids, there, steps + 1)[:, :-1]  # [B, T, V]

    def _last_logits(self, ids: Tensor, there: Tensor, steps: int) -> Tensor:
        """The logits behind each of the last tokens, `steps` of them: [B, steps, V]."""
        logits: Tensor = self._read(ids, there, steps).logits[:, -steps:]
        return logits

    def _read(self, ids: Tensor, there: Tensor, steps: int = 1, *, keeps_cache: bool = False) -> Any:
        """One pass, with the logits of the last tokens at least."""
        known = {
            "input_ids": ids,
            "attention_mask": there.long(),
            "position_ids": (there.cumsum(1) - 1).clamp_min(0),
            "use_cache": keeps_cache,
            "logits_to_keep": steps,
        }
        return self.pretrained(**{name: value for name, value in known.items() if name in self.takes})

    # -- tokens that are known

    def token_scores(
        self,
        prompt: Padded,
        answer: Padded,
        *,
        room: int = 0,
        of_prompts: bool = False,
        packs: bool = False,
        loss: TokenLoss | None = None,
    ) -> TokenScores:
        """How probable each token of the answers is behind its prompt and the tokens before it.

        Logits are computed for the tokens that count alone, and of these some at a time.

        Args:
            room: Tokens that are kept free of the prompt, however short the answer is.
            of_prompts: Whether tokens of prompts count too, all but the first: [B, S] is then [B, L - 1].
            packs: Whether examples stand one behind the other, see `Pack`.
            loss: Another loss than the cross entropy, which is computed from all logits at once.
        """
        examples = Examples.of(prompt, answer, self.most, room)
        counts = (examples.there if of_prompts else examples.of_answers)[:, 1:]  # [B, L - 1]
        pack = Pack.of(examples) if packs else None
        places = pack.places if pack else torch.arange(examples.ids.numel(), device=counts.device).view_as(examples.ids)
        ids = examples.ids[:, 1:][counts]  # [N]
        losses, refined, best = self._scored(examples, pack, places[:, :-1][counts], ids, loss)
        there = counts if of_prompts else answer.mask  # the same tokens in the same order
        none, nothing = torch.full_like(there, -1, dtype=torch.long), torch.zeros_like(there, dtype=losses.dtype)
        return TokenScores(
            none.masked_scatter(there, ids),
            nothing.masked_scatter(there, losses),
            nothing.masked_scatter(there, refined),
            none.masked_scatter(there, best),
        )

    def whole_target(self, prompt: Padded, answer: Padded) -> Tensor:
        """The tokens that count where those of prompts do, -1 for padding: [B, L - 1]."""
        examples = Examples.of(prompt, answer, self.most)
        return examples.ids.masked_fill(~examples.there, -1)[:, 1:]

    def _scored(
        self, examples: Examples, pack: Pack | None, places: Tensor, ids: Tensor, loss: TokenLoss | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(cross entropy of each of these tokens, its loss, the most probable one), from what stands at the places."""
        head: nn.Linear = self.pretrained.get_output_embeddings()
        if loss is not None or self.splits_head is False or is_sharded(head.weight):
            logits = self._outputs(examples, pack).logits  # [R, W, V]
            chosen = logits[:, -_width(examples, pack) :].flatten(0, 1).index_select(0, places).float()  # [N, V]
            plain = cross_entropy(chosen, ids, reduction="none")
            return plain, plain if loss is None else loss(chosen, ids), chosen.argmax(-1)
        with _without_logits(head, 0 if self.splits_head else 1) as seen:
            logits = self._outputs(examples, pack).logits
        if self.splits_head is None:
            self.splits_head = type(head) is nn.Linear and _is_equal(logits, head(seen[0][:, :1] * LOUD))
            if not self.splits_head:
                return self._scored(examples, pack, places, ids, loss)
        hidden = seen[0][:, -_width(examples, pack) :]  # [R, W, H]
        chosen = hidden.flatten(0, 1).index_select(0, places)  # [N, H]
        losses, best = chunked_cross_entropy(chosen, ids, head.weight, head.bias)
        return losses, losses, best

    def _outputs(self, examples: Examples, pack: Pack | None) -> Any:
        """One pass. Padding stands behind, so there is no mask; with one, packed examples would see each other."""
        inputs = (
            {"input_ids": examples.ids} if pack is None else {"input_ids": pack.ids, "position_ids": pack.positions}
        )
        return self._pass(**inputs)

    def _pass(self, **inputs: Tensor) -> Any:
        known = {**inputs, "use_cache": False}
        return self.pretrained(**{name: value for name, value in known.items() if name in self.takes})

    @torch.no_grad()
    def refuse_leaks(self) -> None:
        """Packs two short texts and compares their logits with those of each alone.

        Raises:
            ConfigValidationError: They differ, so this architecture does not see where one text ends.
        """
        trains, device = self.pretrained.training, next(self.parameters()).device
        ids = torch.arange(2, 14, device=device).view(2, 6) % self.vocabulary_size  # [2, 6]
        positions = torch.arange(6, device=device).repeat(2).unsqueeze(0)  # [1, 12]
        self.pretrained.eval()
        try:
            alone = self._pass(input_ids=ids).logits[:, -6:]  # [2, 6, V]
            packed = self._pass(input_ids=ids.view(1, -1), position_ids=positions).logits[:, -12:]  # [1, 12, V]
        finally:
            self.pretrained.train(trains)
        if not torch.allclose(packed.view_as(alone), alone, rtol=LEAK, atol=LEAK * float(alone.abs().max())):
            raise ConfigValidationError(
                "trainer.packing: Texts that are packed into one row would see each other in this base model, of the "
                f"family '{self.pretrained.config.model_type}'. Set it to false; trainer.bucketing_field avoids "
                "padding too."
            )

    def read(self, prompt: Padded) -> tuple[Tensor, Tensor]:
        """What the head reads behind each prompt, and its logits of the next token: [B, H], [B, V]."""
        seen: list[Tensor] = []
        head = self.pretrained.get_output_embeddings()
        hook = head.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        try:
            ids, there = aligned(prompt, torch.full((len(prompt.values),), self.most, device=prompt.values.device))
            logits = self._last_logits(ids, there, 1)
        finally:
            hook.remove()
        return seen[0][:, -1], logits[:, -1]

    def likelihoods(self, prompt: Padded, answers: Sequence[Sequence[int]]) -> Tensor:
        """The logarithm of the probability of each answer's tokens behind each prompt: [B, C].

        The prompts are read once, and what was computed of them is shared by all answers.
        """
        longest = max(map(len, answers))
        if len(prompt.values) == 0:
            return next(self.parameters()).new_zeros((0, len(answers)))  # [B, C]
        if self.cache_name is None:
            return torch.stack([self._likelihood(prompt, answer, longest) for answer in answers], dim=1)  # [B, C]
        kept = torch.full((len(prompt.values),), self.most - longest + 1, device=prompt.values.device)
        ids, there = aligned(prompt, kept)  # [B, P]
        tokens = torch.tensor([[*answer, *[0] * (longest - len(answer))] for answer in answers], device=ids.device)
        known = torch.arange(longest) < torch.tensor([[len(answer)] for answer in answers])  # [C, L]
        read = self._read(ids, there, keeps_cache=longest > 1)
        logs: Tensor = read.logits[:, -1].float().log_softmax(-1)[:, tokens[:, 0]]  # [B, C]
        if longest == 1:
            return logs
        step = len(answers) if in_shards(self) else self._answers_at_once(len(ids), longest)
        parts = [slice(start, start + step) for start in range(0, len(answers), step)]
        cache = read[self.cache_name]
        rest = [self._rest(cache, there, tokens[part], known[part].to(ids.device)) for part in parts]
        return logs + torch.cat(rest, dim=1)  # [B, C]

    def _likelihood(self, prompt: Padded, answer: Sequence[int], room: int) -> Tensor:
        """The same of one answer, in a pass of its own over the prompts: [B]."""
        ids = prompt.values.new_tensor([answer]).long().expand(len(prompt.values), -1)  # [B, L]
        logits: Tensor = self(prompt, Padded(ids, torch.ones_like(ids, dtype=torch.bool)), room).float()  # [B, L, V]
        return logits.log_softmax(-1).gather(-1, ids.unsqueeze(-1)).sum((1, 2))

    def _answers_at_once(self, rows: int, longest: int) -> int:
        """How many answers of all rows are computed together."""
        return max(NUMBERS // (rows * longest * self.vocabulary_size), 1)

    def _rest(self, cache: Any, there: Tensor, tokens: Tensor, known: Tensor) -> Tensor:
        """The log-probabilities of all tokens of some answers but the first, behind the prompts: [B, C].

        Args:
            cache: Keys and values of the prompts.
            tokens, known: Of the answers, and which of them are there: [C, L].
        """
        rows, count, steps = len(there), len(tokens), tokens.shape[1] - 1
        shared = copy.deepcopy(cache)
        shared.batch_repeat_interleave(count)
        given = tokens[:, :-1].repeat(rows, 1)  # [B * C, L - 1]
        before = there.repeat_interleave(count, 0)  # [B * C, P]
        places = before.sum(1, keepdim=True) + torch.arange(steps, device=given.device)  # [B * C, L - 1]
        inputs = {
            "input_ids": given,
            "attention_mask": torch.cat([before.long(), torch.ones_like(given)], dim=1),  # [B * C, P + L - 1]
            "position_ids": places,
            self.cache_name: shared,
            "use_cache": True,
        }
        logits = self.pretrained(**{name: value for name, value in inputs.items() if name in self.takes}).logits
        logs = logits.float().log_softmax(-1)  # [B * C, L - 1, V]
        wanted, there_too = tokens[:, 1:].repeat(rows, 1), known[:, 1:].repeat(rows, 1)  # [B * C, L - 1]
        found: Tensor = logs.gather(-1, wanted.unsqueeze(-1)).squeeze(-1).masked_fill(~there_too, 0)  # [B * C, L - 1]
        return found.sum(1).view(rows, count)

    def write(self, prompt: Padded, generation: Generation, longest: int, ends: Sequence[int]) -> Generated:
        """What the network generates after each prompt.

        Args:
            longest: Tokens of the longest answer in the training split.
            ends: The tokens that end a text, of the tokenizer and the base model.
        """
        if len(prompt.values) == 0:
            nothing = prompt.values.new_zeros((0, 1))  # [B, S]
            return Generated(nothing.long(), nothing.float())
        wanted = generation.most(longest)
        kept = torch.full((len(prompt.values),), self.most - wanted, device=prompt.values.device)
        ids, there = aligned(prompt, kept)  # [B, P]
        place = max(min(wanted, self.most - 1), 1)
        generated, shares = generation.answers(self.pretrained, ids, there, place, ends)  # [B, S]
        return Generated(generated, self._shares(prompt, generated, wanted) if shares is None else shares)

    def _shares(self, prompt: Padded, generated: Tensor, room: int) -> Tensor:
        """The probability of each token that beams found, 1 behind the end: [B, S]. As many rows as fit at once."""
        step = max(NUMBERS // (generated.shape[1] * self.vocabulary_size), 1)
        pieces = [slice(start, start + step) for start in range(0, len(generated), step)]
        spare = most_of_all(len(pieces), self) - len(pieces)  # passes of processes with more to compute
        shares = [
            self._share(Padded(prompt.values[p], prompt.mask[p]), generated[p], room)
            for p in pieces + pieces[:1] * spare
        ]
        return torch.cat(shares[: len(pieces)])

    def _share(self, prompt: Padded, generated: Tensor, room: int) -> Tensor:
        ids = generated.clamp_min(0)
        logits: Tensor = self(prompt, Padded(ids, generated >= 0), room).float()  # [B, S, V]
        logs = logits.gather(-1, ids.unsqueeze(-1)).squeeze(-1) - logits.logsumexp(-1)  # [B, S]
        return logs.exp().masked_fill(generated < 0, 1.0)


@contextmanager
def _without_logits(head: nn.Module, steps: int) -> Iterator[list[Tensor]]:
    """Inside the block the head computes logits of the first tokens only, and these of much larger hidden vectors, by
    which a cap shows; gives the list of what it was handed.
    """
    seen: list[Tensor] = []

    def shorten(_: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        seen.append(given[0])
        return (given[0][:, :steps] * LOUD, *given[1:])

    hook = head.register_forward_pre_hook(shorten)
    try:
        yield seen
    finally:
        hook.remove()


def _is_equal(found: Tensor, expected: Tensor) -> bool:
    """Whether nothing else happens to logits behind the head, such as a cap or a factor."""
    return torch.allclose(found.float(), expected.float(), rtol=1e-2, atol=1e-3 * LOUD)


def _width(examples: Examples, pack: Pack | None) -> int:
    return examples.ids.shape[1] if pack is None else pack.ids.shape[1]


def aligned(prompt: Padded, most: Tensor) -> tuple[Tensor, Tensor]:
    """(ids, which of them are there) with the last tokens of all prompts in one column: [B, P].

    Args:
        most: How many tokens of each prompt are kept, from its end: [B]; one at least.
    """
    width = prompt.values.shape[1]
    lengths = prompt.mask.sum(1, keepdim=True)  # [B, 1]
    steps = torch.arange(width, device=prompt.values.device)
    places = steps + lengths - width  # [B, P]
    kept = torch.minimum(lengths, most.clamp_min(1).unsqueeze(1))  # [B, 1]
    there = steps >= width - kept  # [B, P]
    ids = prompt.values.long().gather(1, places.clamp_min(0)).masked_fill(~there, 0)
    return ids, there
