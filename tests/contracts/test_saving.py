"""A saved model is complete: with each component it predicts the same after all that it was built from has gone.

The outside world is a folder with the table, the images and sounds that it names, word vectors, a vocabulary and files
of a pretrained tokenizer. It is removed before a saved model is loaded.
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
from tests.contracts.samples import column_of

WIDTH = 6  # of word vectors: the size of the vocabulary too, as `sparse` needs it
FOREIGN = {  # options that name files of the outside world
    "pretrained_embeddings": "vectors.txt",
    "vocab_file": "words.txt",
    "pretrained_model_name_or_path": "tokenizer",
}
BESIDE = {"pretrained_model_name_or_path": {"tokenizer": "hf_tokenizer"}}  # what such an option needs to be read
SMALL = {
    "embedding_size": WIDTH,
    "num_filters": 3,
    "state_size": 3,
    "num_bins": 4,
    "num_frequencies": 4,
    "num_hash_buckets": 8,
    "num_members": 2,
    "fc_output_size": 4,
    "output_size": 4,
}
OF_THE_DATA = ("projector",)  # decoders whose output_size is that of the target
INPUTS = sorted({kind for kind, _, _ in ENCODERS})
TARGETS = sorted(name for kind, name, _ in OUTPUTS if kind == "ecd")


# -- the outside world


def cell_of(cell: Any, place: int, folder: Path) -> Any:
    """A cell as a file of text has it; an image or a sound as a path from the folder of that file."""
    if isinstance(cell, np.ndarray):
        from PIL import Image

        Image.fromarray(cell).save(folder / f"{place}.png")
        return f"{place}.png"
    if isinstance(cell, tuple):
        with wave.open(str(folder / f"{place}.wav"), "wb") as file:
            file.setparams((1, 2, cell[0], 0, "NONE", ""))
            file.writeframes((cell[1] * 32767).astype("<i2").tobytes())
        return f"{place}.wav"
    return " ".join(map(str, cell)) if isinstance(cell, list) else cell


def write_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(column_of("text"), trainers.WordLevelTrainer(special_tokens=["<pad>", "<unk>"]))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>").save_pretrained(folder)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    columns = {kind: [cell_of(cell, place, folder) for place, cell in enumerate(column_of(kind))] for kind in INPUTS}
    columns |= {f"to_{kind}": [cell_of(cell, 0, folder) for cell in column_of(kind, target=True)] for kind in TARGETS}
    table = pd.DataFrame(columns)
    pd.concat([table, table.assign(split=1)]).fillna({"split": 0}).to_csv(folder / "table.csv", index=False)
    words = "abcdef"
    vectors = np.random.default_rng(0).normal(size=(len(words), WIDTH)).round(3)
    lines = [f"{word} {' '.join(map(str, row))}\n" for word, row in zip(words, vectors, strict=True)]
    (folder / "vectors.txt").write_text("".join(lines), encoding="utf-8")
    (folder / "words.txt").write_text("\n".join(words), encoding="utf-8")
    write_tokenizer(folder / "tokenizer")
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
    return {"type": name, **options, **{key: str(world / file) for key, file in FOREIGN.items() if key in known}}


def inputs(world: Path, *kinds: str) -> list[dict[str, Any]]:
    """An input for each encoder of these types."""
    return [
        {"name": f"{kind}_{name}", "column": kind, "type": kind, "encoder": section(ENCODERS, kind, name, world)}
        for kind in kinds
        for name in ENCODERS.names(kind)
    ]


def outputs(world: Path, kind: str) -> list[dict[str, Any]]:
    """An output for each decoder and each loss of the type."""
    parts = [("decoder", DECODERS, name) for name in DECODERS.names(kind)]
    parts += [("loss", LOSSES, name) for name in LOSSES.names(kind)]
    return [
        {"name": f"{kind}_{name}", "column": f"to_{kind}", "type": kind, part: section(registry, kind, name, world)}
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


@pytest.mark.parametrize("name", COMBINERS.names())
def test_with_every_combiner(name, world, original, monkeypatch):
    combiner = section(COMBINERS, "*", name, world)
    config = model_of(world, input_features=inputs(world, "number", "category"), combiner=combiner)
    nothing_changes_when_the_world_goes(config, world, original, monkeypatch)


@pytest.mark.parametrize("kind", TARGETS)
def test_with_every_decoder_and_every_loss(kind, world, original, monkeypatch):
    config = model_of(world, output_features=outputs(world, kind))
    nothing_changes_when_the_world_goes(config, world, original, monkeypatch)


def test_all_options_that_name_files_are_tried():
    odd = []
    for registry in (ENCODERS, COMBINERS, DECODERS, LOSSES, FEATURES):
        for _, name, cls in registry:
            for option, hint in get_type_hints(cls.Config).items():
                if hint == str | None and re.search("pretrained|path|file|folder", option) and option not in FOREIGN:
                    odd.append(f"{name}.{option}")
    assert odd == [], "add what these options name to the outside world of tests/contracts/test_saving.py"
