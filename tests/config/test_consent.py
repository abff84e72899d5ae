"""A saved model's file is no consent to foreign code."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from ludwig.api import LudwigModel
from ludwig.config.consent import refuse_foreign_code
from ludwig.error import ArtifactError


@pytest.mark.parametrize(
    "saved", [{"trust_remote_code": True}, {"input_features": [{"encoder": {"trust_remote_code": True}}]}]
)
def test_the_environment_of_the_process_consents_and_no_file(saved, monkeypatch):
    for value in (None, "0", "", "true"):
        monkeypatch.delenv("LUDWIG_TRUST_REMOTE_CODE", raising=False)
        if value is not None:
            monkeypatch.setenv("LUDWIG_TRUST_REMOTE_CODE", value)
        with pytest.raises(ArtifactError, match="LUDWIG_TRUST_REMOTE_CODE=1 if you trust the model"):
            refuse_foreign_code(saved)
    monkeypatch.setenv("LUDWIG_TRUST_REMOTE_CODE", "1")
    refuse_foreign_code(saved)


def test_what_asks_for_nothing_is_loaded():
    refuse_foreign_code({"trust_remote_code": False, "x": [{"trust_remote_code": "True"}, 1]})


def test_an_edited_file_is_refused_before_anything_is_read(tmp_path):
    inputs, outputs = [{"name": "x", "type": "number"}], [{"name": "y", "type": "number"}]
    model = LudwigModel({"input_features": inputs, "output_features": outputs, "trainer": {"epochs": 1}})
    model.train(pd.DataFrame({"x": range(30), "y": range(30)}), output_directory=None)
    model.save(str(tmp_path / "model"))
    file = tmp_path / "model" / "model_hyperparameters.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "trust_remote_code": True}))
    with pytest.raises(ArtifactError, match="trust"):
        LudwigModel.load(str(tmp_path / "model"))
