"""Older spellings: each file of legacy_configs has a config as it was written then, and as it is written today."""

from __future__ import annotations

import copy
import re
import warnings
from pathlib import Path

import pytest
import yaml

from ludwig.config import load_config
from ludwig.config.reading import read_yaml
from ludwig.config.upgrade import UPGRADES
from ludwig.error import ConfigValidationError, LudwigWarning

FILES = sorted((Path(__file__).parent / "legacy_configs").glob("*.yaml"))
WARNINGS = {  # what is reported of words that have no counterpart
    "audio_reading": ["audio has no lazy_cached", "prefetch_size of call", "lazy_cache_dir of call"],
    "embeddings_of_numbers": ["encoder.embedding_size of call .* numbers"],
    "legacy_vit_with_pretrained_weights": ["hidden_size, num_hidden_layers of vit"],
    "options_of_generators": ["attention of german .* reduce_output"],
    "padding_of_series": ["padding of load .* mask", "padding_value of load", "tokenizer of load", "limit of peak"],
    "padding_of_tokens": ["padding of clicks .* mask"],
    "reading_of_images": ["requires_equal_dimensions of photo", "prefetch_size of photo"],
    "search_by_another_library": ["ray is not available", "trial_driver_resources of", "verbose of the search_alg"],
    "sequence_length_above_the_limit": ["max_sequence_length of clicks is raised from 200 to 300"],
}


def both(file: Path) -> tuple[dict, dict]:
    old, today = (read_yaml(text, file.name) for text in re.split(r"^---$", file.read_text(), flags=re.MULTILINE))
    return old, today


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_older_spelling_means_what_todays_means(file):
    old, today = both(file)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        upgraded = load_config(old)
    texts = [str(warning.message) for warning in seen]
    expected = WARNINGS.get(file.stem, [])
    assert len(texts) == len(expected), texts
    assert all(any(re.search(words, text) for text in texts) for words in expected), texts
    assert all(issubclass(warning.category, LudwigWarning) for warning in seen)
    with warnings.catch_warnings(action="error"):
        assert upgraded == load_config(today)


def test_every_upgrade_is_tried():
    idle = {upgrade.__name__ for upgrade in UPGRADES}
    for file in FILES:
        config, _ = both(file)
        with warnings.catch_warnings(action="ignore"):
            for upgrade in UPGRADES:
                before = copy.deepcopy(config)
                upgrade(config)
                if config != before:
                    idle.discard(upgrade.__name__)
    assert idle == set(), "add a file to tests/legacy_configs"


def test_credentials_are_of_the_environment():
    config = yaml.safe_load("""
        input_features: [{name: age, type: number}]
        output_features: [{name: survived, type: binary}]
        backend: {type: local, cache_credentials: {s3: {client_kwargs: {region_name: eu}}}}
    """)
    with pytest.raises(ConfigValidationError, match=r"backend\.credentials: .* from the environment"):
        load_config(config)


def test_options_of_a_trained_architecture_are_not_lost_unseen():
    encoder = {"type": "_resnet_legacy", "resnet_size": 20}
    inputs = [{"name": "photo", "type": "image", "encoder": encoder}]
    with pytest.raises(ConfigValidationError, match=r"encoder\.resnet_size: Unknown parameter"):
        load_config({"input_features": inputs, "output_features": [{"name": "y", "type": "number"}]})
