"""A saved model is complete: with each component it predicts the same after all that it was built from has gone.

The outside world is a folder with the table, the images and sounds that it names, word vectors, a vocabulary, and tiny
pretrained networks with their tokenizers. It is removed before a saved model is loaded.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import wave
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pandas as pd
import pytest

from ludwig.api import LudwigModel
from ludwig.combiners import COMBINERS
from ludwig.decoders import DECODERS
from ludwig.encoders import ENCODERS
from ludwig.features import FEATURES
from ludwig.features.pretrained_tokenizer import load_tokenizer
from ludwig.losses import LOSSES
from ludwig.models.manifest import seal
from ludwig.outputs import OUTPUTS
from ludwig.schema import Registry
from tests.contracts.pretrained import write_model
from tests.contracts.samples import ENCODER_OPTIONS, OPTIONS, column_of, needed_by_combiner

WIDTH = 6  # of word vectors: the size of the vocabulary too, as `sparse` needs it
FOREIGN = {  # options that name files of the outside world
    "pretrained_embeddings": "vectors.txt",
    "vocab_file": "words.txt",
    "pretrained_model_name_or_path": "bert",
    "base_model": "llama",
}
FILLED_IN = {"adapter_folder"}  # by the program, where a section names such a folder
OF_DOWNLOADS = {"model_cache_dir", "model_name"}  # where downloads go, and what other libraries call them
BESIDE = {"pretrained_model_name_or_path": {"tokenizer": "hf_tokenizer"}}  # what such an option needs to be read
SMALL = {
    "embedding_size": WIDTH,
    "num_filters": 3,
    "state_size": 3,
    "num_bins": 4,
    "num_frequencies": 4,
    "num_hash_buckets": 8,
    "num_members": 2,
    "out_channels": 4,
    "num_channels": 4,
    "fc_output_size": 4,
    "d_model": 8,
    "hidden_size": 8,
    "layer_size": 4,
    "n_layers": 2,
    "output_size": 4,
}
OF_THE_DATA = ("projector",)  # decoders whose output_size is that of the target
INPUTS = sorted({kind for kind, _, _ in ENCODERS} & {*FEATURES.names()})
TARGETS = sorted(name for kind, name, _ in OUTPUTS if kind == "ecd")


# -- the outside world


def cell_of(cell: Any, name: str, folder: Path) -> Any:
    """A cell as a file of text has it; an image or a sound as a path from the folder of that file."""
    if isinstance(cell, np.ndarray):
        from PIL import Image

        Image.fromarray(cell).save(folder / f"{name}.png")
        return f"{name}.png"
    if isinstance(cell, tuple):
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, cell[0], 0, "NONE", ""))
            file.writeframes((cell[1] * 32767).astype("<i2").tobytes())
        return f"{name}.wav"
    return " ".join(map(str, cell)) if isinstance(cell, list) else cell


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    cells = {kind: column_of(kind) for kind in INPUTS}
    cells |= {f"to_{kind}": column_of(kind, target=True) for kind in TARGETS}
    table = pd.DataFrame(
        {
            name: [cell_of(cell, f"{name}_{place}", folder) for place, cell in enumerate(own)]
            for name, own in cells.items()
        }
    )
    pd.concat([table, table.assign(split=1)]).fillna({"split": 0}).to_csv(folder / "table.csv", index=False)
    words = "abcdef"
    vectors = np.random.default_rng(0).normal(size=(len(words), WIDTH)).round(3)
    lines = [f"{word} {' '.join(map(str, row))}\n" for word, row in zip(words, vectors, strict=True)]
    (folder / "vectors.txt").write_text("".join(lines), encoding="utf-8")
    (folder / "words.txt").write_text("\n".join(words), encoding="utf-8")
    for family in ("bert", "llama"):
        write_model(folder / family, family, column_of("text"))
    return folder


@pytest.fixture
def world(original: Path, tmp_path: Path) -> Path:
    """A copy that may go."""
    shutil.copytree(original, tmp_path / "world")
    return tmp_path / "world"


# -- models


def section(registry: Registry[Any], kind: str, name: str, world: Path) -> dict[str, Any]:
    """The options of a component: small, and with all files that it may name."""
    known = {field.name for field in dataclasses.fields(registry.get(name, kind).Config)}
    options = {key: value for key, value in SMALL.items() if key in known and name not in OF_THE_DATA}
    if registry is ENCODERS and registry.get(name, kind).Config().form() == "sequence":
        options["reduce_output"] = "mean"  # as `concat` does not mix sequences with vectors
    own = ENCODER_OPTIONS.get((kind, name), {}) if registry is ENCODERS else {}
    own = own if "use_pretrained" in own else None
    files = {key: str(world / file) for key, file in FOREIGN.items() if key in known} if own is None else {}
    return {"type": name, **options, **files, **(own or {})}


def is_installed(kind: str, name: str) -> bool:
    """Whether what the encoder cannot do without is there."""
    config = ENCODERS.get(name, kind).Config(**ENCODER_OPTIONS.get((kind, name), {}))
    return "type" not in dict(config.faults_of_origins())


def inputs(world: Path, *kinds: str) -> list[dict[str, Any]]:
    """An input for each encoder of these types."""
    return [
        {"name": f"{kind}_{name}", "column": kind, "type": kind, "encoder": section(ENCODERS, kind, name, world)}
        for kind in kinds
        for name in ENCODERS.names(kind)
        if is_installed(kind, name)
    ]


def outputs(world: Path, kind: str) -> list[dict[str, Any]]:
    """An output for each decoder and each loss of the type."""
    parts = [("decoder", DECODERS, name) for name in DECODERS.names(kind)]
    parts += [("loss", LOSSES, name) for name in LOSSES.names(kind)]
    return [
        {
            "name": f"{kind}_{name}",
            "column": f"to_{kind}",
            "type": kind,
            "preprocessing": OPTIONS.get(kind, {}),
            part: section(registry, kind, name, world),
        }
        for part, registry, name in parts
    ]


def model_of(world: Path, **sections: Any) -> dict[str, Any]:
    return {
        "input_features": [{"name": "number", "type": "number"}],
        "output_features": [{"name": "to_number", "type": "number"}],
        "preprocessing": {"split": {"type": "fixed", "column": "split"}},
        "trainer": {"epochs": 1, "batch_size": 6, "learning_rate": 0.01},
        **sections,
    }


def refuse(*_: Any) -> None:
    raise AssertionError("a saved model starts from nothing")


def nothing_changes_when_the_world_goes(config: dict[str, Any], world: Path, original: Path, monkeypatch) -> None:
    saved, table = world.parent / "saved", str(original / "table.csv")
    model = LudwigModel(config)
    model.train(dataset=str(world / "table.csv"), output_directory=None)
    model.save(str(saved))
    expected, _ = model.predict(table)
    shutil.rmtree(world)
    load_tokenizer.cache_clear()
    for registry in (ENCODERS, COMBINERS, DECODERS, OUTPUTS):
        for _, _, component in registry:
            monkeypatch.setattr(component, "start", refuse)
    pd.testing.assert_frame_equal(LudwigModel.load(str(saved)).predict(table)[0], expected)
    path = saved / "model_hyperparameters.json"
    raw = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**raw, "input_features": raw["input_features"][::-1]}), encoding="utf-8")
    seal(saved)
    pd.testing.assert_frame_equal(LudwigModel.load(str(saved)).predict(table)[0], expected)


@pytest.mark.parametrize("kind", INPUTS)
def test_with_every_encoder(kind, world, original, monkeypatch):
    if kind == "audio":
        pytest.importorskip("soundfile")
    config = model_of(world, input_features=inputs(world, kind))
    nothing_changes_when_the_world_goes(config, world, original, monkeypatch)


READ_FROM_FILES = [
    (kind, field.name) for _, kind, cls in FEATURES for field in dataclasses.fields(cls.Config) if field.name in FOREIGN
]


@pytest.mark.parametrize(("kind", "option"), READ_FROM_FILES)
def test_with_every_file_that_a_column_is_read_by(kind, option, world, original, monkeypatch):
    preprocessing = {option: str(world / FOREIGN[option]), **BESIDE.get(option, {})}
    features = [{"name": kind, "type": kind, "preprocessing": preprocessing, "encoder": {"type": "embed"}}]
    nothing_changes_when_the_world_goes(model_of(world, input_features=features), world, original, monkeypatch)


def fits(name: str, features: list[dict[str, Any]]) -> bool:
    """Whether the combiner takes these inputs, all of them vectors or tokens."""
    names = [feature["name"] for feature in features]
    config = COMBINERS.get(name).Config(**needed_by_combiner(name, names))
    return not config.faults(["vector"] * len(names), names)


@pytest.mark.parametrize("name", COMBINERS.names())
def test_with_every_combiner(name, world, original, monkeypatch):
    columns = inputs(world, "number", "category")
    steps = {"name": "steps", "column": "text", "type": "text", "encoder": {"type": "embed", "reduce_output": None}}
    features = columns if fits(name, columns) else [*columns, steps]
    needed = needed_by_combiner(name, [feature["name"] for feature in features])
    combiner = {**section(COMBINERS, "*", name, world), **needed}
    config = model_of(world, input_features=features, combiner=combiner)
    nothing_changes_when_the_world_goes(config, world, original, monkeypatch)


@pytest.mark.parametrize("kind", TARGETS)
def test_with_every_decoder_and_every_loss(kind, world, original, monkeypatch):
    by_steps = OUTPUTS.get(kind, "ecd").Config.reads_steps
    given = {"input_features": [{"name": "text", "type": "text"}]} if by_steps else {}
    config = model_of(world, output_features=outputs(world, kind), **given)
    if kind == "image":  # its decoders read the maps of an image encoder
        config["input_features"] += [
            {"name": "image", "type": "image", "encoder": section(ENCODERS, "image", "unet", world)}
        ]
    nothing_changes_when_the_world_goes(config, world, original, monkeypatch)


def test_all_options_that_name_files_are_tried():
    odd = []
    for registry in (ENCODERS, COMBINERS, DECODERS, LOSSES, FEATURES):
        for _, name, cls in registry:
            for option, hint in get_type_hints(cls.Config).items():
                named = hint == str | None and re.search("pretrained|path|file|folder|model", option)
                if named and option not in {*FOREIGN, *FILLED_IN, *OF_DOWNLOADS}:
                    odd.append(f"{name}.{option}")
    assert odd == [], "add what these options name to the outside world of tests/contracts/test_saving.py"
