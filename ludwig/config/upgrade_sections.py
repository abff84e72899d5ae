"""Older words inside the sections of trainers, image encoders and language models.

Each function takes the raw config, changes it in place and knows one matter. What an older word cannot be turned into,
it leaves for the schema, whose error then names today's word (`todays_word`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ludwig.models.llm.generation import greedy_at_zero
from ludwig.runtime.console import warn

Raw = dict[str, Any]

IMAGE_CONVOLUTION_WORDS = {
    "num_filters": "out_channels",
    "filter_size": "kernel_size",
    "strides": "stride",
    "dilation_rate": "dilation",
    "pool_size": "pool_kernel_size",
    "pool_strides": "pool_stride",
}
OF_ANY_FAMILY = frozenset({"transformer_xl", "ctrl", "flaubert"})  # which have no encoder of their own any more
USUAL_MOMENTS = {"beta1": 0.9, "beta2": 0.999}
SIZES_OF_RESNET = (18, 34, 50, 101, 152)
ARCHITECTURE_OF_VIT = frozenset({"hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"})
ARCHITECTURE_OF_VIT |= {"hidden_act", "hidden_dropout_prob", "attention_probs_dropout_prob", "initializer_range"}
ARCHITECTURE_OF_VIT |= {"layer_norm_eps", "patch_size"}
ONLY_OF_CONCAT = frozenset({"flatten_inputs", "residual", "batch_ensemble", "num_ensemble_members"})
TODAYS_WORDS = {
    r"trainer\.optimizer\.lr": "trainer.learning_rate",
    r"trainer\.learning_rate_scheduler\.type": "trainer.learning_rate_scheduler.decay",
    r"trainer\.patience": "trainer.early_stop",
    r"trainer\.steps": "trainer.train_steps",
    r"trainer\.weight_decay": "trainer.optimizer.weight_decay",
    r"combiner\.k": "combiner.num_members",
    r"training": "trainer",
    **{rf".*encoder(\.conv_layers\[\d+\])?\.{old}": new for old, new in IMAGE_CONVOLUTION_WORDS.items()},
}


WITHOUT_SUCCESSOR = {
    r"input_features\[\d+\]\.preprocessing\.horizon": "It belongs to timeseries outputs; inputs have window_size.",
    r"output_features\[\d+\]\.preprocessing\.window_size": "It belongs to timeseries inputs; outputs have horizon.",
    r"backend\.credentials": "Remote storage takes its credentials from the environment, as fsspec reads them. Remove "
    "this one.",
}


def todays_word(path: str, message: str) -> str:
    """The message of a fault, with the word that stands for an unknown older one today."""
    if not message.startswith("Unknown parameter."):
        return message
    for old, text in WITHOUT_SUCCESSOR.items():
        if re.fullmatch(old, path):
            return f"Unknown parameter. {text}"
    word = next((new for old, new in TODAYS_WORDS.items() if re.fullmatch(old, path)), None)
    return message if word is None else f"Unknown parameter. Use {word}, and remove this one."


def move_optimizer_rate(config: Raw) -> None:
    """`optimizer.lr` is `trainer.learning_rate`; two different rates are left for the schema to refuse."""
    trainer = config.get("trainer")
    optimizer = trainer.get("optimizer") if isinstance(trainer, dict) else None
    if not isinstance(trainer, dict) or not isinstance(optimizer, dict) or "lr" not in optimizer:
        return
    if optimizer.get("type") == "adafactor":  # whose own rate it is
        return
    rate = optimizer["lr"]
    if rate is None or trainer.get("learning_rate", rate) == rate:
        del optimizer["lr"]
        if rate is not None:
            trainer["learning_rate"] = rate


def rename_moments_of_optimizer(config: Raw) -> None:
    """`beta1` and `beta2` are `betas`, `epsilon` is `eps`."""
    trainer = config.get("trainer")
    optimizer = trainer.get("optimizer") if isinstance(trainer, dict) else None
    if not isinstance(optimizer, dict):
        return
    if "epsilon" in optimizer and "eps" not in optimizer:
        optimizer["eps"] = optimizer.pop("epsilon")
    if not optimizer.keys().isdisjoint(USUAL_MOMENTS) and "betas" not in optimizer:
        optimizer["betas"] = [optimizer.pop(name, usual) for name, usual in USUAL_MOMENTS.items()]


def rename_schedule(config: Raw) -> None:
    """`learning_rate_scheduler.type` is its `decay`, and a bare word is it too."""
    trainer = config.get("trainer")
    if not isinstance(trainer, dict):
        return
    scheduler = trainer.get("learning_rate_scheduler")
    if isinstance(scheduler, str):
        scheduler = trainer["learning_rate_scheduler"] = {"type": scheduler}
    if not isinstance(scheduler, dict) or "type" not in scheduler:
        return
    if scheduler.get("decay", scheduler["type"]) == scheduler["type"]:
        word = scheduler.pop("type")
        scheduler["decay"] = None if word in ("none", "constant") else word


def rename_image_convolutions(config: Raw) -> None:
    """Image encoders had the words of convolutions over sequences."""
    for section in _image_encoders(config):
        layers = section.get("conv_layers")
        for part in [section, *(layers if isinstance(layers, list) else ())]:
            if isinstance(part, dict):
                for old, new in IMAGE_CONVOLUTION_WORDS.items():
                    if old in part and new not in part:
                        part[new] = part.pop(old)


def rename_text_encoders(config: Raw) -> None:
    """Families of pretrained networks that have no encoder of their own are read by that of any family."""
    for section in (holder.get("encoder") for holder in _inputs_of_type(config, "text")):
        if isinstance(section, dict) and section.get("type") in OF_ANY_FAMILY:
            section["type"] = "auto_transformer"


def rename_legacy_image_encoders(config: Raw) -> None:
    """`_resnet_legacy` is `resnet`, `_vit_legacy` is `vit`, with their options where these have today's."""
    for section in _image_encoders(config):
        if section.get("type") == "_resnet_legacy":
            section["type"] = "resnet"
            if section.get("resnet_size") in SIZES_OF_RESNET:
                section.setdefault("model_variant", section.pop("resnet_size"))
        elif section.get("type") == "_vit_legacy":
            section["type"] = "vit"
            _rename_vit(section)


def _rename_vit(section: Raw) -> None:
    """Sizes were options of the encoder, which pretrained weights have of their own."""
    if "pretrained_model" in section:
        section.setdefault("pretrained_model_name_or_path", section.pop("pretrained_model"))
    if not section.get("gradient_checkpointing"):  # which is an option of the trainer today
        section.pop("gradient_checkpointing", None)
    sizes = {option: section.pop(option) for option in sorted(ARCHITECTURE_OF_VIT & section.keys())}
    if sizes and section.get("use_pretrained", True) is False:
        section.setdefault("architecture", sizes)
    elif sizes:
        warn(f"encoder.{', '.join(sizes)} of vit have no effect and are left out: pretrained weights decide on them.")


def drop_type_of_defaults(config: Raw) -> None:
    """`defaults.number.type` repeats what it stands in."""
    defaults = config.get("defaults")
    for kind, section in defaults.items() if isinstance(defaults, dict) else ():
        if isinstance(section, dict) and section.get("type") == kind:
            del section["type"]


def move_cache_credentials(config: Raw) -> None:
    """`backend.cache_credentials` is `backend.credentials.cache`."""
    backend = config.get("backend")
    if isinstance(backend, dict) and "cache_credentials" in backend:
        given, credentials = backend.pop("cache_credentials"), backend.get("credentials")
        if given is not None:
            backend["credentials"] = {"cache": given, **(credentials if isinstance(credentials, dict) else {})}


def _image_encoders(config: Raw) -> Iterator[Raw]:
    """The encoder of each image feature, and the feature itself, where its options may stand too."""
    for holder in _inputs_of_type(config, "image"):
        yield holder
        if isinstance(holder.get("encoder"), dict):
            yield holder["encoder"]


def _inputs_of_type(config: Raw, kind: str) -> list[Raw]:
    """The input features of a type, and the section that they start from."""
    features, defaults = config.get("input_features"), config.get("defaults")
    found = [f for f in features if isinstance(f, dict)] if isinstance(features, list) else []
    found = [feature for feature in found if feature.get("type") == kind]
    of_type = defaults.get(kind) if isinstance(defaults, dict) else None
    return [*found, of_type] if isinstance(of_type, dict) else found


def decode_greedily_at_zero(config: Raw) -> None:
    """A temperature of 0 is greedy decoding."""
    generation = config.get("generation")
    if isinstance(generation, Mapping):
        config["generation"] = greedy_at_zero(generation)


def list_labels_of_rules(config: Raw) -> None:
    """The labels of a language model's category output may stand in its matching rules alone."""
    outputs = config.get("output_features")
    if config.get("model_type") != "llm" or not isinstance(outputs, list):
        return
    for output in outputs:
        if isinstance(output, dict) and output.get("type") == "category":
            _list_labels(output, output.get("decoder"), output.get("preprocessing") or {})


def _list_labels(output: Raw, decoder: Any, preprocessing: Any) -> None:
    rules = decoder.get("match") if isinstance(decoder, dict) else None
    if isinstance(rules, dict) and isinstance(preprocessing, dict) and not preprocessing.get("vocab"):
        fallback = decoder.get("fallback_label") or preprocessing.get("fallback_label")
        labels = dict.fromkeys([*rules, *([fallback] if isinstance(fallback, str) else ())])
        output["preprocessing"] = {**preprocessing, "vocab": list(labels)}


def fill_where_a_value_is_given(config: Raw) -> None:
    """A `fill_value` of a number without a strategy is meant to be filled in."""
    for holder in _inputs_of_type(config, "number"):
        section = holder.get("preprocessing")
        if isinstance(section, dict) and section.get("fill_value") is not None:
            section.setdefault("missing_value_strategy", "fill_with_const")


def name_combiner_of_options(config: Raw) -> None:
    """A combiner without a type whose options only `concat` has is that one."""
    section = config.get("combiner")
    if isinstance(section, dict) and "type" not in section and section.keys() & ONLY_OF_CONCAT:
        section["type"] = "concat"


SECTION_UPGRADES: tuple[Callable[[Raw], None], ...] = (
    move_optimizer_rate,
    rename_moments_of_optimizer,
    rename_schedule,
    rename_image_convolutions,
    rename_text_encoders,
    rename_legacy_image_encoders,
    drop_type_of_defaults,
    move_cache_credentials,
    decode_greedily_at_zero,
    list_labels_of_rules,
    fill_where_a_value_is_given,
    name_combiner_of_options,
)
