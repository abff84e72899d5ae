"""Text generation: the section `generation`, as the library transformers knows it.

B = prompts, P = tokens of the longest prompt, S = tokens of the longest answer
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from ludwig.nn.sharded import in_shards
from ludwig.schema import param

USUAL_TOKENS = 32  # generated at most
OF_SAMPLING = ("temperature", "top_k", "top_p", "typical_p", "epsilon_cutoff", "eta_cutoff")
OF_BEAMS = ("early_stopping", "length_penalty")


def greedy_at_zero(section: Mapping[str, Any]) -> dict[str, Any]:
    """The section, with greedy decoding for a temperature of 0, unless sampling is asked for in the same place."""
    temperature = section.get("temperature")
    if isinstance(temperature, bool) or temperature != 0 or section.get("do_sample"):
        return dict(section)
    return {**{key: value for key, value in section.items() if key != "temperature"}, "do_sample": False}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Generation:
    """How the next token is chosen, and when to end."""

    max_new_tokens: int | None = param(
        None,
        min=1,
        help="Maximum number of generated tokens; null for 32, or the length of the longest target in the "
        "training split.",
    )
    min_new_tokens: int | None = param(None, min=0, help="Minimum number of generated tokens; null for none.")
    max_time: float | None = param(None, above=0, help="Time limit in seconds for generating a batch; null for none.")
    do_sample: bool = param(
        True,
        help="Sampling: whether tokens are drawn from their probabilities; else decoding is greedy, or beam "
        "search with num_beams.",
    )
    num_beams: int = param(
        1,
        min=1,
        help="Beam search: number of beams; 1 for none. Raise it for more probable answers at a multiple of the cost.",
    )
    early_stopping: bool | Literal["never"] = param(
        False,
        help="Early stopping of beam search: true ends at num_beams finished beams, false where better ones are "
        "unlikely, never where impossible.",
    )
    length_penalty: float = param(
        1.0, help="Length penalty of beam search: above 0 favours long answers, below 0 short ones."
    )
    use_cache: bool = param(
        True, help="Whether the key-value cache of earlier tokens is used, which is much faster and takes memory."
    )
    temperature: float = param(
        0.1,
        above=0,
        help="Temperature of sampling: divides the logits. Lower it for more predictable answers, raise it for "
        "more varied ones. 0 is greedy decoding.",
    )
    top_k: int = param(50, min=1, help="Top-k sampling: number of most probable tokens that are drawn from.")
    top_p: float = param(
        1.0,
        above=0,
        max=1,
        help="Nucleus (top-p) sampling: tokens are drawn from the smallest set whose probabilities sum to this; "
        "1 for all.",
    )
    typical_p: float = param(
        1.0,
        above=0,
        max=1,
        help="Locally typical sampling: tokens are drawn from the most typical ones whose probabilities sum to "
        "this; 1 for all (arXiv:2202.00666).",
    )
    epsilon_cutoff: float = param(
        0.0,
        min=0,
        below=1,
        help="Epsilon sampling: tokens below this probability are not drawn; 0 for no cutoff (arXiv:2210.15191).",
    )
    eta_cutoff: float = param(
        0.0,
        min=0,
        below=1,
        help="Eta sampling: a probability cutoff that adapts to the entropy of the model; 0 for no cutoff "
        "(arXiv:2210.15191).",
    )
    repetition_penalty: float = param(
        1.0,
        above=0,
        help="Repetition penalty: above 1, tokens that are already in the text become less probable; 1 for none.",
    )
    no_repeat_ngram_size: int = param(0, min=0, help="Size of n-grams that may occur only once; 0 for no such limit.")
    renormalize_logits: bool = param(False, help="Whether logits are normalised again after all logits processors.")
    bad_words_ids: list[list[int]] | None = param(
        None, help="Token sequences that are never generated, as lists of ids."
    )
    suppress_tokens: list[int] | None = param(None, help="Ids of tokens that are never generated.")
    begin_suppress_tokens: list[int] | None = param(None, help="Ids of tokens that are never generated first.")
    pad_token_id: int | None = param(None, min=0, help="Padding token id; null for the tokenizer's.")
    eos_token_id: int | list[int] | None = param(
        None, min=0, help="End-of-sequence token id, or several, where generation ends; null for the tokenizer's."
    )

    def most(self, longest: int) -> int:
        """The maximum number of generated tokens. `longest`: of the targets of the training split."""
        return max(USUAL_TOKENS, longest) if self.max_new_tokens is None else self.max_new_tokens

    def ends(self, tokenizer_end: int | None) -> list[int]:
        """The tokens that end a generated text."""
        chosen = tokenizer_end if self.eos_token_id is None else self.eos_token_id
        return [] if chosen is None else [*chosen] if isinstance(chosen, list) else [chosen]

    def answers(self, network: Any, ids: Tensor, mask: Tensor, room: int, end: int | None) -> Tensor:
        """The ids that the network generates after the prompts, -1 behind the end of each text: [B, S].

        Args:
            ids, mask: The prompts, padded on the left: [B, P].
            room: The maximum number of tokens to generate.
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
        whole = network.generate(
            input_ids=ids,
            attention_mask=mask.long(),
            generation_config=settings(**options),
            synced_gpus=in_shards(network),
        )
        generated = whole[:, ids.shape[1] :]  # [B, S]
        over = (
            torch.isin(generated, generated.new_tensor(ends)) if ends else torch.zeros_like(generated, dtype=torch.bool)
        )
        behind = over.cumsum(1) - over.long() > 0  # [B, S], True after the first end
        answers: Tensor = generated.masked_fill(behind, -1)
        return answers

    def _chosen(self) -> dict[str, Any]:
        """The options that matter as others are set, which is what the library wants to hear of."""
        silent = [] if self.do_sample else [*OF_SAMPLING]
        silent += [] if self.num_beams > 1 else [*OF_BEAMS]
        options = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value for name, value in options.items() if value is not None and name not in silent}
