"""A small column of every feature type, on which the contract tests try all components."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from ludwig.columns.frame import Frame
from ludwig.columns.ragged import Padded
from ludwig.combiners.base import COMBINERS, Source
from ludwig.combiners.sequence import CombinedSteps
from ludwig.encoders import ENCODERS, Encoder
from ludwig.features.base import FEATURES, Facts, Feature, at_origin
from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Form, Shape, Signal
from ludwig.schema import Registry
from tests.contracts.pretrained import folder_of

_PIXELS = np.random.default_rng(0).integers(0, 255, (6, 20, 20, 3)).astype(np.uint8)
_WAVES = np.random.default_rng(1).normal(0, 0.1, (6, 2400)).astype(np.float32)

COLUMNS: dict[str, list[Any]] = {
    "number": [1.5, -2.0, 0.5, 4.0, 3.0, 2.5],
    "binary": [True, False, True, True, False, False],
    "category": ["a", "b", "a", "c", "d", "e"],
    "vector": [[1.0, 2.0, 0.5], [0.0, 1.0, 2.0], [3.0, 1.0, 1.0], [2.0, 2.0, 2.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]],
    "anomaly": [0, 1, 0, 0, 1, 0],
    "category_distribution": [[0.5, 0.25, 0.25], [1, 0, 0], "0 0 1", "1 1 2", [0.0, 1.0, 0.0], [2, 1, 5]],
    "text": ["a b c d e f", "b c", "a", "c c a d", "f e", "d e f a b"],
    "sequence": ["a b c d e f", "b c", "a", "c c a d", "f e", "d e f a b"],
    "date": ["2020-01-31", "2021-02-28 10:30", "1999-12-31 23:59:59", "2020-02-29", "1970-01-01", "2021-07-04"],
    "set": [["a", "b"], ["a"], ["a", "b", "c"], ["c"], ["b"], ["a", "d"]],
    "bag": ["a b a", "b", "a c c c", "", "d b a a", "e"],
    "h3": [
        "8928308280fffff",
        "85283473fffffff",
        "8001fffffffffff",
        "8f2830828052d25",
        "85283473fffffff",
        "0x821c07fffffffff",
    ],
    "timeseries": ["1 2 3 4 5", "2 3", "5 4 3", "1 1 2", "4", "6 5 4 3"],
    "image": list(_PIXELS),
    "audio": [(8000, _WAVES[place, : 2400 - 400 * place]) for place in range(6)],
}
_MASKS = (_PIXELS[..., 0] // 100 * 50).astype(np.uint8)  # of the classes 0, 50 and 100
TARGETS = {**COLUMNS, "timeseries": ["1 2", "2 3", "5 4", "1 1", "4 2", "6 5"], "image": list(_MASKS)}
EXTREMES = [1e300, -1e300, 1e-300, 5e-324, -5e-324, 0.0, -0.0, 1.0, 1.0, -3.0, -3.0, 0.1, 1 / 3, 2.0**53, 1.7e9]
LONGER: dict[str, list[Any]] = {  # cells that a longer sample is drawn from besides those above
    "number": EXTREMES,
    "category": ["é", "Z", "z", "10", "9", "", " ", "\U0001f600", "zz"],
    "vector": [[0.0, -0.0, 1e300], [-0.0, 0.0, 1e300], [5e-324, 1.0, -1.0]],
    "text": ["b a", "é Z z", "10 9, 10", "", "\U0001f600 a"],
    "sequence": ["b a", "é Z z", "10 9 10", "", "\U0001f600 a"],
    "date": ["13/02/2020", "02/03/2020", "0001-01-01", "9999-12-31", "1700000000", "June 5, 2020", "10:30", ""],
    "set": ["b a", [], {"é", "Z"}, ("10", 9), "", np.array(["a", "a"]), "\U0001f600 a"],
    "bag": ["b a", ["é", "Z", "é"], "10 9 10", "", "\U0001f600 a"],
    "h3": ["8a2a1072b59ffff", "617700169958293503", ""],
    "category_distribution": ["0.1 0.2 0.7", [1e300, 1e-300, 0.0], "5 5 5"],
    "timeseries": ["1e300 -1e300 0.1", "5e-324", "nan nan nan nan nan nan nan", "0.1 0.2 nan 0.3"],
    "image": [pixels[: 5 + place, : 9 - place] for place, pixels in enumerate(_PIXELS)],
    "audio": [
        (16000, _WAVES[:2].T),
        (8000, _WAVES[0, :0]),
        (8000, (_WAVES[0] * 9999).astype(np.int16)),
        (8000, _WAVES[:2, :9]),
    ],
}
# A cell that cannot be of the type. Where a type has none here, every text is a cell of it.
UNREADABLE: dict[str, list[Any]] = {
    "number": ["many", "few"],
    "binary": ["perhaps", "perhaps"],
    "date": ["many", "few"],
    "h3": ["many", "8928308280ffff1"],
    "vector": ["1 many", "1 few"],
    "category_distribution": ["1 many", "1 few"],
    "anomaly": ["perhaps", "perhaps"],
    "timeseries": ["1 many", "1 few"],
    "image": [b"no image", b"nor this"],
    "audio": [(8000, np.array([0.0, np.nan])), (8000, np.array([np.inf]))],
}
LONGER_TARGETS = {
    **LONGER,
    "timeseries": ["1e300 -1e300", "5e-324 0.1", "nan nan"],
    "image": [*(mask[: 5 + place, : 9 - place] for place, mask in enumerate(_MASKS)), _MASKS[0] + 7],
}
OPTIONS: dict[str, dict[str, Any]] = {
    "category_distribution": {"vocab": ["a", "b", "c"]}
}  # of a type whose defaults do not fit its sample

# Networks of other libraries, small and from scratch: the options of encoders whose defaults are too large for a test.
_TRANSFORMER = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "patch_size": 8}
_STAGES = {"hidden_sizes": [8, 12, 16, 16], "depths": [1, 1, 1, 1]}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "vit": {**_TRANSFORMER, "intermediate_size": 24},
    "clip": {**_TRANSFORMER, "intermediate_size": 24},
    "siglip": {**_TRANSFORMER, "intermediate_size": 24},
    "dinov2": {**_TRANSFORMER, "mlp_ratio": 2},
    "swin_transformer": {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 2},
    "resnet": {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]},
    "regnet": {"layer_type": "x", "embedding_size": 8, **_STAGES, "groups_width": 4},
    "convnext": _STAGES,
    "convnextv2": _STAGES,
    "efficientnet": {"width_coefficient": 0.25, "depth_coefficient": 0.25, "hidden_dim": 320},
    "mobilenetv2": {"depth_multiplier": 0.25},
    "auto_transformer": {"model_type": "deit", **_TRANSFORMER, "intermediate_size": 24},
}
_FEW_LAYERS = {"mamba": {"n_layers": 1}, "mamba2": {"n_layers": 1}, "jamba": {"n_layers": 2, "attention_every_k": 2}}
ENCODER_OPTIONS: dict[tuple[str, str], dict[str, Any]] = {
    **{
        ("image", name): {"use_pretrained": False, "image_size": 32, "architecture": architecture}
        for name, architecture in ARCHITECTURES.items()
    },
    **{
        (kind, name): {**options, "d_model": 32, "num_heads": 2} if name != "mamba" else {**options, "d_model": 32}
        for kind in ("text", "sequence", "timeseries", "audio", "combined")
        for name, options in _FEW_LAYERS.items()
    },
}
_SPEECH = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "conv_dim": [8, 8],
    "conv_kernel": [40, 10],
    "conv_stride": [20, 5],
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
}
OF_SOUNDS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("wav2vec2", "hubert", "wavlm"), _SPEECH),
    "whisper": {
        "d_model": 16,
        "encoder_layers": 2,
        "encoder_attention_heads": 2,
        "encoder_ffn_dim": 24,
        "num_mel_bins": 16,
        "max_source_positions": 376,  # as many as the longest sound has by default
        "vocab_size": 8,
        **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"), 0),
    },
    "ast": {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "patch_size": 8,
        "frequency_stride": 8,
        "time_stride": 8,
        "max_length": 760,
        "num_mel_bins": 16,
    },
}
ENCODER_OPTIONS |= {
    ("audio", name): {"use_pretrained": False, "architecture": architecture} for name, architecture in OF_SOUNDS.items()
}


ALIKE = {"sequence": "text"}  # types whose columns are tensors of one sort, so that a class is tried with one of them


def tried(registry: Registry[Any]) -> list[tuple[str, str, type[Any]]]:
    """(kind, name, class) of all components, each class once for types that are alike."""
    table = {(kind, name): cls for kind, name, cls in registry}
    return [
        (kind, name, cls)
        for (kind, name), cls in sorted(table.items())
        if table.get((ALIKE.get(kind, ""), name)) is not cls
    ]


def column_of(kind: str, *, target: bool = False) -> pd.Series:
    """The sample of a feature type."""
    columns = TARGETS if target else COLUMNS
    assert kind in columns, f"add a sample of the type '{kind}' to tests/contracts/samples.py"
    return series_of(columns[kind]).infer_objects()


def series_of(cells: Sequence[Any]) -> pd.Series:
    """The cells as they are, in a column of objects."""
    column = pd.Series([None] * len(cells), dtype=object)
    for place, cell in enumerate(cells):
        column[place] = cell
    return column


def column_with_gaps(kind: str, *, target: bool = False) -> pd.Series:
    """The sample of a feature type with missing cells at both ends and in the middle."""
    cells = [*column_of(kind, target=target)]
    return series_of([None, *cells[:3], None, None, *cells[3:], None])


def longer_column_of(kind: str, seed: int, *, target: bool = False) -> pd.Series:
    """Cells of a feature type drawn at random, with duplicates, ties, extremes and missing cells."""
    cells = [*column_of(kind, target=target), *(LONGER_TARGETS if target else LONGER).get(kind, []), None]
    return series_of([cells[place] for place in np.random.default_rng(seed).integers(0, len(cells), 200)])


def feature_of(kind: str, *, target: bool = False, name: str = "f", **options: Any) -> Feature[Any, Any, Any]:
    """The data half of a feature type with its defaults, or with these options."""
    cls = FEATURES.get(kind)
    config = cls.TargetConfig if target else cls.Config
    return cls(config(**{**OPTIONS.get(kind, {}), **options}), name, target=target)


def fitted(feature: Feature[Any, Any, Any], column: pd.Series) -> Facts:
    """What a column teaches."""
    facts: Facts = feature.finish(feature.tally(feature.parse(column)))
    return facts


def learned(kind: str, *, target: bool = False, **options: Any) -> tuple[Feature[Any, Any, Any], Facts, Any]:
    """The feature, what its sample teaches, and the parsed cells."""
    feature, column = feature_of(kind, target=target, **options), column_of(kind, target=target)
    return feature, fitted(feature, column), feature.parse(column)


def batch_of(kind: str, rows: int, *, target: bool = False, **options: Any) -> Frame:
    """The first rows of the sample as a frame with the column `f`."""
    feature, facts, cells = learned(kind, target=target, **options)
    return Frame.of({"f": feature.encode(cells, facts).column}).rows(torch.arange(rows)).load(torch.device("cpu"))


# -- encoders

# A pretrained network is tried without its weights, which come from a hub, and small.
RANDOM = {"use_pretrained": False}
OF_NETWORKS: dict[str, Any] = {
    **dict.fromkeys(("hidden_size", "n_embd", "d_model", "dim", "pooler_hidden_size"), 16),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers"), 1),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads"), 2),
    **dict.fromkeys(("intermediate_size", "hidden_dim", "d_inner", "d_ff"), 32),
    **dict.fromkeys(("embedding_size", "d_kv", "attention_window", "position_buckets"), 8),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx"), 40),
}
FROM_FOLDERS = {"base_model": "llama", "pretrained_model_name_or_path": "bert"}  # where there is no usual network


def encoder_config(kind: str, name: str) -> Encoder.Config:
    """The section of an encoder, small where its defaults name networks of a hub."""
    cls = ENCODERS.get(name, kind).Config
    options = ENCODER_OPTIONS.get((kind, name)) or options_of(cls)
    config: Encoder.Config = cls(**options).described(at_origin)
    return config


def encoder_of(kind: str, name: str, columns: int = 1) -> Encoder:
    """An encoder as a fresh run begins with it: of that many columns, read as it requires, where it takes groups."""
    config = encoder_config(kind, name)
    facts = [facts_for_encoder(kind, **config.requires())] * (columns if config.grouped else 1)
    encoder: Encoder = config.build(facts)
    encoder.start(facts)
    return encoder


def options_of(config: type[Any]) -> dict[str, Any]:
    """What an encoder needs besides its defaults, which name networks of a hub."""
    fields = {field.name: field.default for field in dataclasses.fields(config)}
    folders = {name: family for name, family in FROM_FOLDERS.items() if fields.get(name, "") is None}
    named = {name: folder_of(family, tuple(COLUMNS["text"])) for name, family in folders.items()}
    if not RANDOM.keys() <= fields.keys():
        return named
    small = {name: size for name, size in OF_NETWORKS.items() if name in fields}
    return {**RANDOM, **small, **named}


# -- signals

LONGEST, PADDED_TO = 5, 8  # steps of a sequence
LENGTHS = [LONGEST, 1, 0, 3, 2, 4]  # a row of one step and one of none
ROWS = len(LENGTHS)
SKIPS = ((3, 20, 20), (4, 10, 10), (5, 5, 5), (6, 3, 3), (7, 2, 2))  # maps of an image, the finest first
SHAPES: dict[Form, Shape] = {
    "vector": Shape("vector", 5, skips=SKIPS),
    "tokens": Shape("tokens", 4, 3),
    "sequence": Shape("sequence", 6, LONGEST, skips=SKIPS),
    "members": Shape("members", 5, 3),
}
FORMS = tuple(SHAPES)


def token_ids(column: Padded) -> torch.Tensor:
    """The ids of a target that is a sequence of tokens, -1 behind its end."""
    return column.values.masked_fill(~column.mask, -1)


def signal_of(shape: Shape, rows: int, *, seed: int = 0, steps: int = PADDED_TO) -> Signal:
    """A signal of any form, the same for the same shape; what stands in the padding is large, so that it shows."""
    generator = torch.Generator().manual_seed(seed)
    if shape.form == "vector":
        values = torch.randn(len(LENGTHS), shape.size, generator=generator)[:rows]
        return Signal("vector", values, skips=_skips_of(shape, rows, generator))
    values = torch.randn(len(LENGTHS), shape.count, shape.size, generator=generator)[:rows]  # [B, C, H]
    if shape.form != "sequence":
        return Signal(shape.form, values)
    mask = torch.arange(steps) < torch.tensor(LENGTHS[:rows]).unsqueeze(1)  # [B, T]
    longer = torch.full((rows, steps, shape.size), float(10 * steps))
    longer[:, : shape.count] = values
    values = longer.where(mask.unsqueeze(-1), float(10 * steps))
    return Signal("sequence", values, mask, _skips_of(shape, rows, generator))


def _skips_of(shape: Shape, rows: int, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
    return tuple(torch.randn(len(LENGTHS), *skip, generator=generator)[:rows] for skip in shape.skips)


def variants(config: type[Any], **fixed: Any) -> list[dict[str, Any]]:
    """Options to try a component with: its defaults, a small one, and each of its switches turned."""
    fields = {field.name: field for field in dataclasses.fields(config)}
    small = {name: value for name, value in {"num_fc_layers": 2, "output_size": 6, **fixed}.items() if name in fields}
    switches = [name for name, field in fields.items() if isinstance(field.default, bool)]
    turned = [{**small, name: not fields[name].default} for name in switches]
    return [dict(each) for each in dict.fromkeys(map(tuple, ({}.items(), small.items(), *(t.items() for t in turned))))]


def named(options: dict[str, Any]) -> str:
    """How a test is called that tries these options."""
    return ",".join(f"{name}={value}" for name, value in options.items()) or "defaults"


# -- columns and inputs

COMBINED = "combined"  # what encoders serve beside feature types: the sequences of vectors of the combiner `sequence`


def facts_for_encoder(kind: str, **options: Any) -> Any:
    """What an encoder of that kind is built from; `options` of the preprocessing."""
    return CombinedSteps(LONGEST, SHAPES["sequence"].size) if kind == COMBINED else learned(kind, **options)[1]


def column_for_encoder(kind: str, rows: int, **options: Any) -> Any:
    """What an encoder of that kind reads, of one column; `options` of the preprocessing."""
    if kind != COMBINED:
        return batch_of(kind, rows, **options).column("f")
    signal = signal_of(SHAPES["sequence"], rows)
    assert signal.mask is not None
    return Padded(signal.values.masked_fill(~signal.mask.unsqueeze(-1), 0.0), signal.mask)


def sources_of(forms: Sequence[Form]) -> list[Source]:
    """A source of each form; the second one of tokens has categories."""
    found = []
    for place, form in enumerate(forms):
        columns = SHAPES[form].count if form == "tokens" else 1
        tokens = "category" if "tokens" in forms[:place] else "number"
        kind = {"tokens": tokens, "sequence": "text"}.get(form, "vector")
        found.append(Source(tuple(f"f{place}_{column}" for column in range(columns)), kind, SHAPES[form]))
    return found


def features_of(forms: Sequence[Form]) -> tuple[list[Form], list[str]]:
    """The form and the name of each input feature of these sources: a column of tokens is one by itself."""
    pairs = [(source.shape.form, name) for source in sources_of(forms) for name in source.features]
    return [form for form, _ in pairs], [name for _, name in pairs]


def needed_by_combiner(name: str, features: Sequence[str]) -> dict[str, Any]:
    """The options that have no default which fits: names of input features."""
    known = {field.name for field in dataclasses.fields(COMBINERS.get(name).Config)}
    return {"entity_1": [*features[:1]], "entity_2": [*features[1:]]} if "entity_1" in known else {}


# -- what outputs predict

CLASSES = ("a", "b", "c")


def prediction_of(kind: str) -> tuple[Prediction, torch.Tensor]:
    """A complete prediction of an output of this kind, as losses and metrics read it, and the target."""
    assert kind in PREDICTIONS, f"add a prediction of the kind '{kind}' to tests/contracts/samples.py"
    logits, target = PREDICTIONS[kind](torch.Generator().manual_seed(0))
    hidden = torch.randn(ROWS, 4, generator=torch.Generator().manual_seed(1))
    if kind in ("number", "vector", "timeseries"):
        return Prediction(logits, hidden, logits), target
    if kind in ("binary", "set"):
        return Prediction(logits, hidden, logits > 0, logits.sigmoid()), target
    classes = 1 if kind == "image" else -1
    return Prediction(logits, hidden, logits.argmax(classes), logits.softmax(classes)), target


def _tokens(draw: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(0, len(CLASSES), (ROWS, PADDED_TO), generator=draw)
    there = torch.arange(PADDED_TO) < torch.tensor([max(length, 1) for length in LENGTHS]).unsqueeze(1)
    return torch.randn(ROWS, PADDED_TO, len(CLASSES), generator=draw), ids.where(there, -1)


def _normal(*size: int) -> Callable[[torch.Generator], tuple[torch.Tensor, torch.Tensor]]:
    return lambda draw: (torch.randn(ROWS, *size, generator=draw), torch.randn(ROWS, *size, generator=draw))


PREDICTIONS: dict[str, Callable[[torch.Generator], tuple[torch.Tensor, torch.Tensor]]] = {
    "number": _normal(),
    "vector": _normal(len(CLASSES)),
    "timeseries": _normal(len(CLASSES)),
    "binary": lambda draw: (torch.randn(ROWS, generator=draw), torch.tensor([1, 0, 1, 1, 0, -1], dtype=torch.int8)),
    "category": lambda draw: (torch.randn(ROWS, 3, generator=draw), torch.tensor([0, 1, 2, 2, 0, -1])),
    "category_distribution": lambda draw: (
        torch.randn(ROWS, 3, generator=draw),
        torch.rand(ROWS, 3, generator=draw).softmax(-1),
    ),
    "set": lambda draw: (torch.randn(ROWS, 3, generator=draw), torch.randint(0, 2, (ROWS, 3), generator=draw)),
    "image": lambda draw: (
        torch.randn(ROWS, 3, 2, 2, generator=draw),
        torch.randint(-1, 3, (ROWS, 2, 2), generator=draw),
    ),
    "anomaly": lambda draw: (torch.rand(ROWS, generator=draw), torch.tensor([0, 1, 0, -1, 0, 1], dtype=torch.int8)),
    **dict.fromkeys(["text", "sequence", "llm"], _tokens),
}
