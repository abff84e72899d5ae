"""Encoders of sets and bags: sums of embeddings, and what a model makes of them."""

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.columns.ragged import Padded
from ludwig.encoders import ENCODERS
from ludwig.features.labels import Vocabulary
from ludwig.features.members import MemberFacts

FACTS = MemberFacts(Vocabulary(("<UNK>", "a", "b"), (0, 3, 2)), 2, 4.0, ("<UNK>",))
MASK = torch.tensor([[True, True], [True, False], [False, False]])


def test_a_set_is_the_sum_of_its_members_and_a_bag_weighs_them_by_their_counts():
    of_set = ENCODERS.get("embed", "set").Config(embedding_size=5).build([FACTS])
    of_bag = ENCODERS.get("embed", "bag").Config().build([FACTS])
    assert of_bag.shape.size == 3  # the size of the vocabulary
    assert ENCODERS.get("embed", "bag").Config(force_embedding_size=True).build([FACTS]).shape.size == 50
    ids = torch.tensor([[1, 2], [2, 0], [0, 0]], dtype=torch.int8)
    one, two = of_set.table.weight[1], of_set.table.weight[2]
    torch.testing.assert_close(of_set(Padded(ids, MASK)).values, torch.stack([one + two, two, 0 * two]) / 2)
    counted = torch.stack([ids.int(), torch.tensor([[3, 1], [2, 0], [0, 0]])], dim=2)
    one, two = of_bag.table.weight[1], of_bag.table.weight[2]
    torch.testing.assert_close(of_bag(Padded(counted, MASK)).values, torch.stack([3 * one + two, 2 * two, 0 * two]) / 2)


def baskets(rows: int, seed: int) -> pd.DataFrame:
    """Whether `a` or `b` is in a set; how often `a` is in a bag; and the set of what a number exceeds."""
    draw = np.random.default_rng(seed)
    lists = [draw.choice([*"abcdefgh"], draw.integers(0, 7)).tolist() for _ in range(rows)]
    number = draw.uniform(0, 4, rows)
    above = [[name for place, name in enumerate("xyz", 1) if value > place] for value in number]
    return pd.DataFrame(
        {
            "tags": lists,
            "basket": [" ".join(cell) for cell in lists],
            "number": number,
            "either": [bool({*"ab"} & {*cell}) for cell in lists],
            "count": [cell.count("a") - 0.5 * cell.count("b") for cell in lists],
            "above": above,
        }
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    model = LudwigModel(
        {
            "input_features": [
                {"name": "tags", "type": "set"},
                {"name": "basket", "type": "bag"},
                {"name": "number", "type": "number"},
            ],
            "output_features": [
                {"name": "either", "type": "binary"},
                {"name": "count", "type": "number"},
                {"name": "above", "type": "set"},
            ],
            "trainer": {"train_steps": 200, "learning_rate": 0.01},
        }
    )
    results = model.train(baskets(800, 0), output_directory=str(tmp_path_factory.mktemp("run")))
    return model, f"{results.output_directory}/model"


def test_membership_counts_and_sets_of_labels_are_trained(trained):
    new = baskets(300, 1)
    found, predictions, _ = trained[0].evaluate(new, collect_predictions=True, collect_overall_stats=True)
    assert found["either"]["roc_auc"] > 0.98
    assert found["count"]["r2"] > 0.95
    assert found["above"]["jaccard"] > 0.9  # 0.58 where the most frequent labels are predicted for all rows
    assert found["above"]["overall_stats"]["subset_accuracy"] > 0.85
    truth = np.array([[label in cell for label in "xyz"] for cell in new.above])
    answers = np.array([[label in cell for label in "xyz"] for cell in predictions.above_predictions])
    union, shared = (truth | answers).sum(1), (truth & answers).sum(1)
    assert found["above"]["jaccard"] == pytest.approx(np.where(union, shared / np.maximum(union, 1), 1).mean())
    row = predictions.iloc[0]
    of_label = {label: row[f"above_probabilities_{label}"] for label in "xyz"}
    assert row.above_probabilities == pytest.approx([of_label[label] for label in row.above_predictions])
    assert all((share >= 0.5) == (label in row.above_predictions) for label, share in of_label.items())


def test_a_reload_predicts_the_same_also_for_unseen_missing_and_empty_cells(trained):
    model, folder = trained
    odd = baskets(6, 2)
    odd["tags"] = pd.Series([["new"], None, [], ["a", "new"], ["b"], ["a"]], dtype=object)
    odd["basket"] = ["new new", None, "", "a a new", "b", "a"]
    found = model.predict(odd)[0]
    pd.testing.assert_frame_equal(LudwigModel.load(folder).predict(odd)[0], found)
    assert np.isfinite(found["count_predictions"]).all()
    alone = pd.concat([model.predict(odd.iloc[[row]])[0] for row in range(6)])
    np.testing.assert_allclose(alone["count_predictions"], found["count_predictions"], rtol=1e-5, atol=1e-5)


def test_the_most_common_labels_make_a_weak_baseline():
    new = baskets(300, 1)
    best = max(
        np.mean(
            [len({*cell} & {*guess}) / max(len({*cell} | {*guess}), 1) if cell or guess else 1 for cell in new.above]
        )
        for guess in ("", "x", "xy", "xyz")
    )
    assert best < 0.65
