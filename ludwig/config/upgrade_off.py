"""Options that rendered configs of other versions carry at the value at which they do nothing.

Another value is left to the schema, which reports the option as unknown. An option that a component has stays.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from ludwig.decoders.extractors import EXTRACTORS
from ludwig.models.llm.generation import Generation
from ludwig.models.llm.model import Llm
from ludwig.outputs.base import OUTPUTS
from ludwig.schema import Registry
from ludwig.training import TRAINERS
from ludwig.training.optim import OPTIMIZERS

Raw = dict[str, Any]
Values = Mapping[str, tuple[Any, ...]]

NOTHING: tuple[Any, ...] = (None, "", {}, [])
OF_OUTPUTS: Values = {
    "calibration": (False, None),
    "dependencies": ([], None),
    "reduce_input": ("sum", None),
    "reduce_dependencies": ("sum", None),
}
OF_LANGUAGE_MODELS: Values = {
    "model_parameters": NOTHING,
    "quantization": NOTHING,
    "adapters": NOTHING,
    "is_multimodal": (False, None),
}
OF_GENERATION: Values = {
    **dict.fromkeys(("bos_token_id", "penalty_alpha", "prompt_lookup_num_tokens", "guidance_scale"), NOTHING),
    **dict.fromkeys(("force_words_ids", "forced_bos_token_id", "forced_eos_token_id", "forced_decoder_ids"), NOTHING),
    **dict.fromkeys(("sequence_bias", "exponential_decay_length_penalty"), NOTHING),
    "max_length": (32, None),
    "min_length": (0, None),
    "num_beam_groups": (1, None),
    "diversity_penalty": (0.0, None),
    "encoder_repetition_penalty": (1.0, None),
    "remove_invalid_values": (False, None),
}
OF_EXTRACTORS: Values = {
    "tokenizer": ("hf_tokenizer", *NOTHING),
    **dict.fromkeys(("pretrained_model_name_or_path", "vocab_file", "max_new_tokens", "str2idx"), NOTHING),
    "match_strategy": ("contains",),
    "constrain_to_vocabulary": (False,),
    "num_fc_layers": (0,),
    "fc_layers": NOTHING,
    "fc_norm": NOTHING,
    "fc_norm_params": NOTHING,
    "fc_activation": ("relu",),
    "fc_dropout": (0.0,),
    "fc_output_size": (256,),
    "fc_use_bias": (True,),
    "fc_weights_initializer": ("xavier_uniform",),
    "fc_bias_initializer": ("zeros",),
}
OF_TRAINERS: Values = {  # of a trainer that trains nothing, besides
    "base_learning_rate": (0.0,),
    "batch_size": (1,),
    "checkpoints_per_epoch": (0,),
    "early_stop": (-1,),
    "enable_profiling": (False,),
    "epochs": (3,),
    "learning_rate": (0.0002,),
    "packing": (False,),
    "packing_max_sequences_per_pack": (8,),
    "should_shuffle": (True,),
    "steps_per_checkpoint": (0,),
    "train_steps": NOTHING,
}
OF_OPTIMIZERS: Values = {"centered": (False,), "initial_accumulator_value": (0,), "lr_decay": (0,)}


def drop_off_values(config: Raw) -> None:
    """Removes them."""
    for section, component, values in _sections(config):
        if isinstance(section, dict) and component is not None:
            known = {field.name for field in dataclasses.fields(component)}
            for option, off in values.items():
                if option in section and option not in known and section[option] in off:
                    del section[option]


def _sections(config: Raw) -> Iterator[tuple[Any, Any, Values]]:
    """Each section that may have such options, its dataclass (None where that cannot be inferred), and they."""
    is_llm = config.get("model_type", "ecd") == "llm"
    model = "llm" if is_llm else "ecd"
    outputs = config.get("output_features")
    for output in [each for each in outputs if isinstance(each, dict)] if isinstance(outputs, list) else []:
        yield output, _config_of(OUTPUTS, output.get("type"), model), OF_OUTPUTS
        if is_llm:
            decoder = output.get("decoder")
            yield decoder, _config_of(EXTRACTORS, _type_of(decoder), str(output.get("type"))), OF_EXTRACTORS
    trainer = config.get("trainer")
    optimizer = trainer.get("optimizer") if isinstance(trainer, dict) else None
    yield optimizer, _config_of(OPTIMIZERS, _type_of(optimizer)), OF_OPTIMIZERS
    if is_llm:
        yield config, Llm.Config, OF_LANGUAGE_MODELS
        yield config.get("generation"), Generation, OF_GENERATION
        yield trainer, _config_of(TRAINERS, _type_of(trainer) or Llm.default_trainer, model), OF_TRAINERS


def _type_of(section: Any) -> Any:
    return section.get("type") if isinstance(section, dict) else None


def _config_of(registry: Registry[Any], name: Any, kind: str = "*") -> Any:
    return registry.get(name, kind).Config if isinstance(name, str) and name in registry.words(kind) else None


def drop_encoders_of_prompts(config: Raw) -> None:
    """A language model reads a prompt without an encoder, which other versions call passthrough."""
    inputs = config.get("input_features")
    if config.get("model_type") == "llm" and isinstance(inputs, list):
        for feature in inputs:
            if isinstance(feature, dict) and _type_of(feature.get("encoder")) == "passthrough":
                del feature["encoder"]
