"""Semantic segmentation from a table to masks: circles and squares on noise."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import jaccard_score

from ludwig.api import LudwigModel
from ludwig.error import ConfigValidationError, InputDataError, LudwigWarning
from ludwig.inference.baseline import baselines
from ludwig.losses import LOSSES
from tests.contracts.samples import series_of

GREYS = np.array([0, 100, 200], np.uint8)
COLORS = np.array([[0, 0, 0], [255, 128, 0], [0, 0, 255]], np.uint8)
LEVELS = np.array([130, 60, 200])


def drawn(rows: int, seed: int, size: tuple[int, int] = (24, 24)) -> tuple[list[np.ndarray], np.ndarray]:
    """Images of a circle and a square on noise, and the class of each pixel."""
    draw, (height, width) = np.random.default_rng(seed), size
    down, across = np.mgrid[:height, :width]
    ids = np.zeros((rows, height, width), np.int64)
    for mask in ids:
        y, x, radius = draw.integers(5, height - 5), draw.integers(5, width - 5), draw.integers(4, 7)
        mask[(down - y) ** 2 + (across - x) ** 2 < radius**2] = 1
        top, left, side = draw.integers(0, height - 7), draw.integers(0, width - 7), draw.integers(5, 9)
        mask[top : top + side, left : left + side] = 2
    noisy = LEVELS[ids] + draw.normal(0, 20, ids.shape)
    return list(noisy.clip(0, 255).astype(np.uint8)), ids


def table(rows: int, seed: int = 0, values: np.ndarray = GREYS, size: tuple[int, int] = (24, 24)) -> pd.DataFrame:
    images, ids = drawn(rows, seed, size)
    return pd.DataFrame({"im": series_of(images), "mask": series_of(list(values[ids]))})


def config(
    epochs: int = 1, *, stages: int = 2, inputs: tuple[dict[str, Any], ...] = (), **output: Any
) -> dict[str, Any]:
    encoder = {"type": "unet", "out_channels": 8, "num_stages": stages}
    decoder = output.pop("decoder", {"num_stages": stages})
    return {
        "input_features": [{"name": "im", "type": "image", "encoder": encoder}, *inputs],
        "output_features": [{"name": "mask", "type": "image", "decoder": decoder, **output}],
        "preprocessing": {"split": {"type": "random", "probabilities": [0.8, 0.2, 0.0]}},
        "trainer": {"epochs": epochs, "batch_size": 8, "learning_rate": 0.01},
    }


def trained(data: pd.DataFrame, *args: Any, **options: Any) -> LudwigModel:
    model = LudwigModel(config(*args, **options))
    model.train(dataset=data, output_directory=None)
    return model


@pytest.fixture(scope="module")
def model() -> LudwigModel:
    return trained(table(80), 8)


@pytest.fixture(scope="module")
def unseen() -> pd.DataFrame:
    return table(20, seed=1)


def test_shapes_are_segmented_far_better_than_by_the_majority(model, unseen):
    """The combiner is not named, and the default one gives ensemble members, which decoders of pixels do not take."""
    assert model.config["combiner"]["type"] == "concat"
    found, statistics = model.predict(unseen)[0], model.evaluate(unseen, collect_overall_stats=True)[0]["mask"]
    masks, truth = (np.array(column.tolist()) for column in (found["mask_predictions"], unseen["mask"]))
    assert set(np.unique(masks)) <= set(GREYS)
    by_hand = jaccard_score(truth.ravel(), masks.ravel(), average=None)
    majority = jaccard_score(truth.ravel(), np.zeros_like(truth).ravel(), average="macro")
    assert majority < 0.35
    assert statistics["mean_iou"] > 0.8
    assert statistics["mean_iou"] == pytest.approx(by_hand.mean())
    assert statistics["pixel_accuracy"] == pytest.approx((masks == truth).mean())
    each = statistics["per_class_stats"]
    assert [each[str(value)]["iou"] for value in GREYS] == pytest.approx(by_hand.tolist())
    assert np.sum(statistics["confusion_matrix"]) == truth.size


def test_the_baseline_of_the_summary_is_the_majority(model, unseen):
    frame = model.preprocess(dataset=unseen).training_set.frame
    found = baselines(model.model, frame, {"test": frame})
    truth = np.array(unseen["mask"].tolist())[: len(frame)]
    assert found["linear"] == {}
    assert found["constant"]["test"]["mask"]["mean_iou"] < 0.35
    assert 0.5 < found["constant"]["test"]["mask"]["pixel_accuracy"] < 0.95
    assert truth.size


def test_saved_and_loaded_it_predicts_the_same_and_one_row_alone_as_among_others(model, unseen, tmp_path):
    expected = model.predict(unseen)[0]
    model.save(str(tmp_path / "saved"))
    again = LudwigModel.load(str(tmp_path / "saved"))
    pd.testing.assert_frame_equal(again.predict(unseen)[0], expected)
    pd.testing.assert_frame_equal(again.predict(unseen.iloc[3:4])[0], expected.iloc[3:4])
    assert again.predict(unseen.iloc[:0])[0].shape == (0, 1)
    as_dict = again.predict(unseen[["im"]], return_type=dict)[0]["mask"]["predictions"]
    assert as_dict.dtype == np.uint8
    assert as_dict.shape == (20, 24, 24)


@pytest.mark.parametrize("loss", LOSSES.names("image"))
def test_every_loss_trains(loss):
    model = LudwigModel(config(3, loss=loss))
    history = model.train(dataset=table(40), output_directory=None).train_stats
    losses = history.training["mask"]["loss"]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("decoder", [{"type": "fpn", "num_channels": 8}, {"type": "segformer", "hidden_size": 16}])
def test_other_decoders_train_on_images_of_odd_sizes_and_small_batches(decoder):
    """30 x 22 pixels are 15, 8, 4 and 2 x 11, 6, 3 and 2 at the four stages."""
    model = trained(table(9, size=(30, 22)), stages=4, decoder=decoder)
    found = model.predict(table(1, size=(30, 22)), return_type=dict)[0]["mask"]["predictions"]
    assert found.shape == (1, 30, 22)


def test_all_that_is_written_can_be_read_with_colours_and_images_of_files(tmp_path):
    Image = pytest.importorskip("PIL.Image")
    data = table(14, values=COLORS, size=(17, 30))
    for name in ("im", "mask"):
        for place, pixels in enumerate(data[name]):
            Image.fromarray(pixels).save(tmp_path / f"{name}{place}.png")
        data[name] = [f"{name}{place}.png" for place in range(len(data))]
    data.to_csv(tmp_path / "table.csv", index=False)
    sections = config(stages=4)
    sections["preprocessing"]["split"]["probabilities"] = [0.6, 0.2, 0.2]
    model = LudwigModel(sections)
    statistics, _, _, folder = model.experiment(
        dataset=str(tmp_path / "table.csv"), output_directory=str(tmp_path / "results")
    )
    assert set(statistics["mask"]["per_class_stats"]) == {"0 0 0", "0 0 255", "255 128 0"}
    saved = pd.read_parquet(Path(folder) / "predictions.parquet")["mask_predictions"]
    masks = np.array([[row.tolist() for row in mask] for mask in saved[0]]).reshape(17, 30, 3)
    assert {tuple(color) for color in masks.reshape(-1, 3)} <= {tuple(color) for color in COLORS.tolist()}
    shapes = json.loads((Path(folder) / "predictions.shapes.json").read_text(encoding="utf-8"))
    assert shapes == {"mask_predictions": [17, 30, 3]}
    flat = np.loadtxt(Path(folder) / "mask_predictions.csv", delimiter=",", ndmin=2)
    np.testing.assert_array_equal(flat[0].reshape(17, 30, 3), masks)
    json.loads((Path(folder) / "test_statistics.json").read_text(encoding="utf-8"))


def test_other_inputs_have_a_part_in_every_pixel():
    """The image is noise; a number alone decides which class the whole mask is of."""
    draw = np.random.default_rng(0)
    kinds = draw.integers(0, 2, 60)
    images = series_of(list(draw.integers(0, 255, (60, 8, 8)).astype(np.uint8)))
    masks = series_of([np.full((8, 8), 100 * kind, np.uint8) for kind in kinds])
    data = pd.DataFrame({"im": images, "mask": masks, "x": kinds + draw.normal(0, 0.1, 60)})
    model = trained(data, 6, stages=1, inputs=({"name": "x", "type": "number"},))
    assert model.evaluate(data)[0]["mask"]["pixel_accuracy"] > 0.95


def test_a_corrupt_mask_is_left_out_and_a_mask_of_another_shape_is_an_error():
    data = table(20)
    data.at[3, "mask"] = b"no image"
    with pytest.warns(LudwigWarning, match="masks that cannot be read|rows? dropped"):
        assert len(LudwigModel(config()).preprocess(dataset=data).training_set) <= 19
    data.at[3, "mask"] = np.zeros((24, 12), np.uint8)
    with pytest.raises(InputDataError, match="mask of 24 x 12 pixels in row 3, whose image has 24 x 24"):
        LudwigModel(config()).preprocess(dataset=data)


def test_class_weights_are_by_the_value_of_the_pixel():
    weights = {"0": 0.1, "200": 3.0}
    model = trained(table(16), loss={"type": "softmax_cross_entropy", "class_weights": weights})
    found = model.model.outputs["mask"].loss.cross_entropy.class_weights
    assert found.tolist() == pytest.approx([0.1, 1.0, 3.0])


def test_an_ensemble_of_networks_predicts_together(unseen):
    sections = {**config(), "ensemble_size": 2}
    model = LudwigModel(sections)
    model.train(dataset=table(16), output_directory=None)
    assert model.predict(unseen, return_type=dict)[0]["mask"]["predictions"].shape == (20, 24, 24)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"input_features": [{"name": "im", "type": "image"}]},
            r"output_features\[0\]\.decoder\.type.*'unet' reads the maps of an image encoder.*Set the encoder of an "
            "image input to unet",
        ),
        ({"combiner": {"type": "tabm"}}, r"output_features\[0\]\.decoder\.type.*needs a vector"),
        (
            {"output_features": [{"name": "mask", "type": "image", "decoder": {"num_stages": 5}}]},
            r"output_features\[0\]\.decoder\.num_stages: Must be at most 2",
        ),
        (
            {"output_features": [{"name": "mask", "type": "image", "decoder": {"type": "fpn"}}]},
            r"output_features\[0\]\.decoder\.num_levels: Must be at most 3",
        ),
    ],
)
def test_what_does_not_fit_is_found_before_data_is_read(changes, message):
    with pytest.raises(ConfigValidationError, match=message):
        LudwigModel({**config(), **changes})


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"augmentation": [{"type": "auto_augmentation"}]}, r"input_features\[0\]\.augmentation\[0\].*cannot follow"),
        ({"preprocessing": {"resize_method": "crop_or_pad"}}, r"resize_method: Must be crop_or_pad"),
    ],
)
def test_masks_are_cut_and_moved_as_their_images_are(section, message):
    sections = config()
    sections["input_features"][0] |= section
    with pytest.raises(ConfigValidationError, match=message):
        LudwigModel(sections)
