"""How a language model writes: the section `generation`, as the library transformers knows it.

B = prompts, P = tokens of the longest prompt, S = tokens of the longest answer
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import torch
from torch import Tensor

from ludwig.schema import param

USUAL_TOKENS = 32  # of an answer at most
OF_SAMPLING = ("temperature", "top_k", "top_p", "typical_p", "epsilon_cutoff", "eta_cutoff")
OF_BEAMS = ("early_stopping", "length_penalty")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Generation:
    """How the next token is chosen, and when to end."""

    max_new_tokens: int | None = param(
        None, min=1, help="The most tokens of an answer; null for 32, or as many as the longest one that was learned."
    )
    min_new_tokens: int | None = param(None, min=0, help="The fewest tokens of an answer.")
    max_time: float | None = param(None, above=0, help="Seconds after which a batch of answers is cut off.")
    do_sample: bool = param(True, help="Whether tokens are drawn by chance; else the most probable is taken.")
    num_beams: int = param(1, min=1, help="How many answers are followed at once, of which the best is kept.")
    early_stopping: bool | Literal["never"] = param(False, help="When beams end: once there are enough, or when sure.")
    length_penalty: float = param(1.0, help="How much beams like long answers (above 0) or short ones (below).")
    use_cache: bool = param(True, help="Whether what was computed of earlier tokens is kept.")
    temperature: float = param(0.1, above=0, help="Of the probabilities that tokens are drawn from: low is careful.")
    top_k: int = param(50, min=1, help="Among how many of the most probable tokens is drawn.")
    top_p: float = param(1.0, above=0, max=1, help="Draws among the most probable tokens with this share together.")
    typical_p: float = param(1.0, above=0, max=1, help="Draws among the most typical tokens that have this share.")
    epsilon_cutoff: float = param(0.0, min=0, below=1, help="Tokens below this probability are not drawn.")
    eta_cutoff: float = param(0.0, min=0, below=1, help="The same, adapted to how uncertain the model is.")
    repetition_penalty: float = param(1.0, above=0, help="How much tokens cost that are there already; 1 for nothing.")
    no_repeat_ngram_size: int = param(0, min=0, help="Runs of so many tokens come once only; 0 for no such rule.")
    renormalize_logits: bool = param(False, help="Whether probabilities sum to 1 again after all these rules.")
    bad_words_ids: list[list[int]] | None = param(None, help="Token ids that are never written, as lists of them.")
    suppress_tokens: list[int] | None = param(None, help="Token ids that are never written.")
    begin_suppress_tokens: list[int] | None = param(None, help="Token ids that no answer begins with.")
    pad_token_id: int | None = param(None, min=0, help="The token that fills up; null for the tokenizer's.")
    eos_token_id: int | list[int] | None = param(None, min=0, help="What ends an answer; null for the tokenizer's.")

    def most(self, longest: int) -> int:
        """The most tokens of an answer. `longest`: of those in the training split."""
        return max(USUAL_TOKENS, longest) if self.max_new_tokens is None else self.max_new_tokens

    def ends(self, tokenizer_end: int | None) -> list[int]:
        """The tokens that end an answer."""
        chosen = tokenizer_end if self.eos_token_id is None else self.eos_token_id
        return [] if chosen is None else [*chosen] if isinstance(chosen, list) else [chosen]

    def answers(self, network: Any, ids: Tensor, mask: Tensor, room: int, end: int | None) -> Tensor:
        """What the network writes after the prompts, -1 behind the end of each answer: [B, S].

        Args:
            ids, mask: The prompts, padded on the left: [B, P].
            room: The most tokens to write.
            end: The tokenizer's token that ends a text.
        """
        import transformers

        settings: Any = transformers.GenerationConfig
        ends = self.ends(end)
        padding = self.pad_token_id if self.pad_token_id is not None else ends[0] if ends else 0
        options = {
            **self._chosen(),
            "max_new_tokens": room,
            "pad_token_id": padding,
            "eos_token_id": ends or None,
        }
        whole = network.generate(input_ids=ids, attention_mask=mask.long(), generation_config=settings(**options))
        written = whole[:, ids.shape[1] :]  # [B, S]
        over = torch.isin(written, written.new_tensor(ends)) if ends else torch.zeros_like(written, dtype=torch.bool)
        behind = over.cumsum(1) - over.long() > 0  # [B, S], True after the first end
        answers: Tensor = written.masked_fill(behind, -1)
        return answers

    def _chosen(self) -> dict[str, Any]:
        """The options that matter as others are set, which is what the library wants to hear of."""
        silent = [] if self.do_sample else [*OF_SAMPLING]
        silent += [] if self.num_beams > 1 else [*OF_BEAMS]
        options = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value for name, value in options.items() if value is not None and name not in silent}
