"""Pictures of explanations."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pandas as pd
import pytest

from ludwig.error import ArgumentError, MissingExtraError
from ludwig.explain import Explanation, save_importances, save_row

PNG = b"\x89PNG\r\n"


def explanation(inputs: int = 3, **changed: object) -> Explanation:
    names = tuple(f"Größe_{place} 漢字 $x$" for place in range(inputs))
    values = np.linspace(-1, 1, 2 * inputs, dtype=np.float32).reshape(2, inputs)
    whole = {"target": "y", "labels": ("no", "yes"), "feature_names": names, "attributions": values}
    return Explanation(**{**whole, "expected_values": np.array([0.25, 0.75]), **changed})


@pytest.mark.parametrize("inputs", [1, 3, 100])
def test_pictures_are_written_whatever_the_names(inputs, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    row = explanation(inputs)
    series = pd.Series(row.to_array()[1], [*row.feature_names], name="r2")
    paths = [save_importances(series, tmp_path / "new" / "a.png"), save_row(row, str(tmp_path / "b.png"), "no")]
    assert all(path.read_bytes().startswith(PNG) for path in paths)
    assert "matplotlib.pyplot" not in sys.modules


def test_what_cannot_be_drawn(tmp_path):
    for nothing in (None, pd.Series([np.nan]), pd.Series([], dtype=float)):
        with pytest.raises(ArgumentError, match="importances must be a Series"):
            save_importances(nothing, tmp_path / "a.png")
    with pytest.raises(ArgumentError, match="row that can be used"):
        save_row(explanation(attributions=np.full((2, 3), np.nan)), tmp_path / "a.png")
    with pytest.raises(ArgumentError, match=r"no label 'ye'. Did you mean 'yes'\?"):
        save_row(explanation(), tmp_path / "a.png", "ye")
    assert [*tmp_path.iterdir()] == []


def test_without_matplotlib_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"ludwig\[viz\]"):
        save_row(explanation(), tmp_path / "a.png")
    assert [*tmp_path.iterdir()] == []
