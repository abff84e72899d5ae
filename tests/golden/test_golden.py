import json

import pandas as pd
import pytest

from ludwig.api import LudwigModel
from tests.golden.golden import GOLDEN, HERE, MODELS, losses, table


@pytest.mark.parametrize("name", ["ecd_schema.json", "files.json", "weights.json"])
def test_what_users_rely_on_is_as_written_down(name):
    written = json.loads((HERE / name).read_text(encoding="utf-8"))
    now = json.loads(json.dumps(GOLDEN[name]()))
    assert now == written, (
        f"{name} changed: if that is wanted, run `python -m tests.golden.golden` and tell it in the changelog"
    )


def test_a_small_model_trains_as_it_did():
    written = json.loads((HERE / "losses.json").read_text(encoding="utf-8"))
    for split, curve in losses().items():
        assert curve == pytest.approx(written[split], rel=1e-3)


@pytest.mark.parametrize("folder", MODELS, ids=lambda folder: folder.name)
def test_a_model_that_was_saved_long_ago_predicts_what_it_did(folder):
    loaded = LudwigModel.load(str(folder))
    expected = pd.read_json(folder / "predictions.json", orient="records")
    predicted, _ = loaded.predict(table())
    assert predicted.y_predictions.tolist() == expected.y_predictions.tolist()
    for name in ("y_probability", "z_predictions"):
        assert predicted[name].to_numpy() == pytest.approx(expected[name].to_numpy(), rel=1e-4)
