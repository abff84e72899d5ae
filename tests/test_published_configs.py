"""Configs as users of the language write and publish them: they load, and what they render loads again."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest

from ludwig.config import load_config
from ludwig.config.reading import read_config

FILES = sorted((Path(__file__).parent / "published_configs").glob("*.yaml"))
WARNINGS = {"machine_translation": ["attention of italian"]}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_published_config_loads(file):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        config = load_config(read_config(file))
    texts = [str(warning.message) for warning in seen]
    expected = WARNINGS.get(file.stem, [])
    assert len(texts) == len(expected), texts
    assert all(re.search(words, text) for words, text in zip(expected, texts, strict=True)), texts
    rendered = config.to_dict()
    with warnings.catch_warnings(action="error"):
        assert load_config(rendered).to_dict() == rendered
