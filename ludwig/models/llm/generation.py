"""Text generation: the section `generation`, as the library transformers knows it.

B = prompts, P = tokens of the longest prompt, S = tokens of the longest answer
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Literal, Self

import marshmallow as ma
import torch
from torch import Tensor

from ludwig.error import ArgumentError
from ludwig.models.llm.sampling import ChosenProbabilities, DrawsByRow, seeds_of
from ludwig.nn.sharded import in_shards
from ludwig.runtime.seed import seeded
from ludwig.schema import dump, load, param
from ludwig.schema.report import faults_of

USUAL_TOKENS = 32  # generated at most
AUTO: dict[str, Any] = {"do_sample": True, "temperature": 0.1, "top_k": 50, "top_p": 1.0}  # unless the base has others
Auto = Literal["auto"]
IDLE: dict[str, Any] = {
    "temperature": 1.0,
    "top_k": 50,
    "top_p": 1.0,
}  # in place of what a base model sets for sampling
OF_SAMPLING = ("temperature", "top_k", "top_p", "typical_p", "epsilon_cutoff", "eta_cutoff")
OF_BEAMS = ("early_stopping", "length_penalty")


def greedy_at_zero(section: Mapping[str, Any]) -> dict[str, Any]:
    """The section, with greedy decoding for a temperature of 0 or null, unless sampling is asked for beside it."""
    temperature = section.get("temperature", "auto")
    is_zero = temperature is None or (temperature == 0 and not isinstance(temperature, bool))
    if not is_zero or section.get("do_sample") is True:
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
    do_sample: bool | Auto = param(
        "auto",
        help="Sampling: whether tokens are drawn from their probabilities; else decoding is greedy, or beam "
        "search with num_beams. auto takes what the base model has, or true.",
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
    temperature: float | Auto = param(
        "auto",
        above=0,
        help="Temperature of sampling: divides the logits. Lower it for more predictable answers. 0 and null are "
        "greedy decoding. auto takes that of the base model, or 0.1.",
    )
    top_k: int | Auto | None = param(
        "auto",
        min=1,
        help="Top-k sampling: number of most probable tokens that are drawn from; null for all. auto takes that of the "
        "base model, or 50.",
    )
    top_p: float | Auto = param(
        "auto",
        above=0,
        max=1,
        help="Nucleus (top-p) sampling: tokens are drawn from the smallest set whose probabilities sum to this; "
        "1 for all. auto takes that of the base model, or 1.",
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

    def settled(self, base: Mapping[str, Any]) -> Self:
        """With what is automatic taken from the base model's own `generation_config.json`, where it has it.

        A base that samples without a temperature means 1; one that is greedy needs no other options.
        """
        known = {name: base[name] for name in AUTO if base.get(name) is not None}
        usual = {**AUTO, "temperature": 1.0} if known.get("do_sample") else AUTO
        own = {name: value for name, value in {**usual, **known}.items() if getattr(self, name) == "auto"}
        if own.get("do_sample") is False and self.temperature != "auto":  # who sets a temperature wants to sample
            own["do_sample"] = True
        return dataclasses.replace(self, **own)

    def overridden(self, overrides: Mapping[str, Any]) -> Self:
        """With other options.

        Raises:
            ArgumentError: There are no such options, or they are out of bounds.
        """
        try:
            return load(type(self), {**dump(self), **greedy_at_zero(overrides)})
        except ma.ValidationError as error:
            faults = "; ".join(f"{path}: {text}" for path, text in faults_of(error.messages))
            raise ArgumentError(f"generation_config has faults. {faults}") from None

    def ends(self, known: Sequence[int]) -> list[int]:
        """The tokens that end a generated text. `known`: those of the tokenizer and the base model."""
        if self.eos_token_id is None:
            return [*known]
        return [*self.eos_token_id] if isinstance(self.eos_token_id, list) else [self.eos_token_id]

    def answers(
        self, network: Any, ids: Tensor, mask: Tensor, room: int, known_ends: Sequence[int]
    ) -> tuple[Tensor, Tensor | None]:
        """The ids that the network generates after the prompts, -1 behind the end of each text, and their
        probabilities, None where these are not known: [B, S] both.

        A prompt gets the same text whatever other prompts stand beside it.

        Args:
            ids, mask: The prompts, padded on the left: [B, P].
            room: The maximum number of tokens to generate.
            known_ends: The tokens that end a text, of the tokenizer and the base model.
        """
        if self.num_beams > 1 and self.do_sample and len(ids) > 1:
            return self._alone(network, ids, mask, room, known_ends), None
        ends, draws = self.ends(known_ends), self.do_sample and self.num_beams == 1
        seeds = seeds_of(ids, mask) if self.do_sample else []
        chosen = ChosenProbabilities() if self.num_beams == 1 else None
        with (
            nullcontext() if chosen is None else chosen.listening(network),
            seeded(seeds[0]) if seeds and not draws else nullcontext(),
        ):
            whole = network.generate(
                input_ids=ids,
                attention_mask=mask.long(),
                generation_config=self._settings(ends, room, library_draws=self.do_sample is True and not draws),
                logits_processor=self._processors(seeds) if draws else [],
                stopping_criteria=[] if chosen is None else [chosen],
                synced_gpus=in_shards(network),
            )
        generated = whole[:, ids.shape[1] :]  # [B, S]
        over = torch.isin(generated, generated.new_tensor(ends)) if ends else generated < 0
        behind = over.cumsum(1) - over.long() > 0  # [B, S], True after the first end
        return generated.masked_fill(behind, -1), None if chosen is None else chosen.found.masked_fill(behind, 1.0)

    def _alone(self, network: Any, ids: Tensor, mask: Tensor, room: int, known_ends: Sequence[int]) -> Tensor:
        """One prompt after the other: beams that are sampled draw for all prompts together."""
        rows = [
            self.answers(network, ids[row : row + 1], mask[row : row + 1], room, known_ends)[0][0]
            for row in range(len(ids))
        ]
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-1)  # [B, S]

    def _settings(self, ends: list[int], room: int, *, library_draws: bool) -> Any:
        """The options as the library takes them, which wants to hear of none that does nothing."""
        import transformers

        silent = [] if library_draws else [*OF_SAMPLING]
        silent += [] if self.num_beams > 1 else [*OF_BEAMS]
        fields = [field.name for field in dataclasses.fields(self) if field.name not in silent]
        options = {name: getattr(self, name) for name in fields if getattr(self, name) is not None}
        padding = self.pad_token_id if self.pad_token_id is not None else ends[0] if ends else 0
        settings: Any = transformers.GenerationConfig
        return settings(
            **{
                **({} if library_draws else IDLE),
                **options,
                "do_sample": library_draws,
                "max_new_tokens": room,
                "pad_token_id": padding,
                "eos_token_id": ends or None,
            }
        )

    def _processors(self, seeds: list[int]) -> list[Any]:
        """What sampling does to the logits, in the library's order; then the draws."""
        import transformers

        library: Any = transformers
        found = [
            (self.temperature, 1.0, library.TemperatureLogitsWarper),
            (self.top_k, None, library.TopKLogitsWarper),
            (self.top_p, 1.0, library.TopPLogitsWarper),
            (self.typical_p, 1.0, library.TypicalLogitsWarper),
            (self.epsilon_cutoff, 0.0, library.EpsilonLogitsWarper),
            (self.eta_cutoff, 0.0, library.EtaLogitsWarper),
        ]
        return [
            *(warper(value) for value, idle, warper in found if value != idle),
            DrawsByRow(seeds, self._most_drawn()),
        ]

    def _most_drawn(self) -> int | None:
        return self.top_k if isinstance(self.top_k, int) else None
