import io
import json

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.error import InputDataError, LudwigWarning
from ludwig.features.image import ImageFacts, ImageFeature
from ludwig.features.masks import IGNORED, ValueTally, refuse_misfits
from tests.contracts.samples import series_of

Image = pytest.importorskip("PIL.Image")
GREY = np.array([[0, 128, 255], [255, 0, 0]], np.uint8)
COLORS = np.array([[0, 0, 0], [255, 0, 0], [0, 128, 255]], np.uint8)


def feature_of(folder=None, **options: object) -> ImageFeature:
    return ImageFeature(ImageFeature.TargetConfig(**options), "mask", target=True, folder=folder)


def fitted(masks: list, folder=None, **options: object):
    feature = feature_of(folder, **options)
    cells = feature.parse(series_of(masks))
    facts = feature.finish(feature.tally(cells))
    return feature, facts, feature.encode(cells, facts)


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="png")
    return file.getvalue()


@pytest.mark.parametrize("how", ["array", "bytes", "path"])
def test_grey_values_become_ids_in_their_order_and_come_back(how, tmp_path):
    (tmp_path / "m.png").write_bytes(png(GREY))
    feature, facts, encoded = fitted([{"array": GREY, "bytes": png(GREY), "path": "m.png"}[how]], tmp_path)
    assert facts == ImageFacts(1, 2, 3, ((0,), (128,), (255,)))
    assert ImageFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts
    assert encoded.column.values.dtype == torch.int8
    assert encoded.column.values.tolist() == [[[0, 1, 2], [2, 0, 0]]]
    again = feature.decode({"predictions": encoded.column.values.numpy()}, facts)["predictions"]
    np.testing.assert_array_equal(again[0], GREY)


@pytest.mark.parametrize("as_file", [False, True])
def test_colours_become_ids_and_come_back_exactly(as_file):
    ids = np.random.default_rng(0).integers(0, 3, (5, 7))
    masks = [COLORS[ids], COLORS[ids[::-1]]]
    feature, facts, encoded = fitted([png(mask) for mask in masks] if as_file else masks)
    assert facts.palette == ((0, 0, 0), (0, 128, 255), (255, 0, 0))
    again = feature.decode({"predictions": encoded.column.values.numpy()}, facts)["predictions"]
    assert again.dtype == np.uint8
    np.testing.assert_array_equal(again, np.stack(masks))


@pytest.mark.parametrize(
    "mask",
    [
        np.array([[0, 1000], [40000, 0]], np.uint16),
        np.array([[0, 1], [2, 0]], np.int64),
        np.array([[0.0, 1.0], [2.0, 0.0]]),
        np.array([[False, True], [True, False]]),
    ],
    ids=["16 bits", "int64", "float", "bool"],
)
def test_values_of_arrays_are_not_scaled(mask):
    feature, facts, encoded = fitted([mask])
    again = feature.decode({"predictions": encoded.column.values.numpy()}, facts)["predictions"][0]
    np.testing.assert_array_equal(again, mask)


def test_a_file_of_16_bits_keeps_its_ids():
    ids = np.array([[0, 300], [5, 0]], np.uint16)
    assert fitted([png(ids)])[1].palette == ((0,), (5,), (300,))


def test_values_below_zero_nan_and_unknown_ones_are_ignored():
    feature, facts, _ = fitted([GREY])
    odd = [np.array([[0.0, -3.0, np.nan], [7.0, 128.0, 255.0]])]
    ids = feature.encode(feature.parse(series_of(odd)), facts).column.values
    assert ids.tolist() == [[[0, IGNORED, IGNORED], [IGNORED, 1, 2]]]


def test_resizing_takes_the_nearest_pixel_and_cutting_ignores_the_outside():
    big = np.kron(GREY, np.ones((4, 4), np.uint8))
    assert fitted([big], height=2, width=3)[2].column.values.tolist() == [[[0, 1, 2], [2, 0, 0]]]
    cut = fitted([GREY], height=4, width=3, resize_method="crop_or_pad")[2].column.values[0]
    assert cut.tolist() == [[IGNORED] * 3, [0, 1, 2], [2, 0, 0], [IGNORED] * 3]


def test_missing_masks_are_dropped_or_filled():
    assert fitted([GREY, None])[2].dropped.tolist() == [False, True]
    kept = {"missing_value_strategy": "fill_with_const"}
    assert (fitted([GREY, None], **kept)[2].column.values[1] == IGNORED).all()
    assert (fitted([GREY, None], fill_value=128, **kept)[2].column.values[1] == 1).all()


def test_a_corrupt_mask_is_one_that_is_missing_and_many_are_an_error():
    with pytest.warns(LudwigWarning, match="output feature 'mask' has masks that cannot be read"):
        assert fitted([GREY, b"no image", GREY])[2].dropped.tolist() == [False, True, False]
    with pytest.warns(LudwigWarning), pytest.raises(InputDataError, match="more than 1 masks that cannot be read"):
        fitted([GREY, b"no image", b"nor this"])
    with pytest.raises(InputDataError, match="no image that can be read"):
        fitted([b"no image"])


def test_values_may_be_ids_and_are_then_not_looked_for():
    _, facts, encoded = fitted([GREY // 255], num_classes=4, infer_image_num_classes=False)
    assert facts.palette == ((0,), (1,), (2,), (3,))
    assert encoded.column.values.tolist() == [[[0, 0, 1], [1, 0, 0]]]
    faults = ImageFeature.TargetConfig(infer_image_num_classes=False).faults()
    assert [name for name, _ in faults] == ["num_classes"]


@pytest.mark.parametrize(
    ("masks", "options", "message"),
    [
        ([GREY * 0], {}, "masks of one value only"),
        ([GREY], {"num_classes": 2}, "masks of 3 distinct values, and num_classes is 2.*PNG"),
        ([np.arange(300, dtype=np.uint16).reshape(15, 20)], {}, "more than 254 distinct values"),
        ([GREY, np.array([[0.5, 1.0]])], {"max_invalid_share": 0.0}, "whole numbers up to 65535"),
    ],
)
def test_masks_that_cannot_be_classes_are_one_clear_error(masks, options, message):
    with pytest.raises(InputDataError, match=message):
        fitted(masks, **options)


def test_the_values_of_parts_are_those_of_the_whole_in_any_order():
    masks = [*(np.random.default_rng(seed).integers(0, 400, (30, 30)) for seed in range(4)), COLORS[GREY % 3]]
    whole = ValueTally.of(masks, 2)
    parts = [ValueTally.of([mask], 1) for mask in masks]
    for order in ([0, 1, 2, 3, 4], [4, 2, 0, 3, 1]):
        merged = parts[order[0]]
        for place in order[1:]:
            merged = merged.merge(parts[place])
        assert merged.codes == whole.codes


def test_a_mask_follows_the_size_of_its_image_and_must_fit_it():
    feature, facts, _ = fitted([GREY])
    cells, images = feature.parse(series_of([GREY])), feature.parse(series_of([np.zeros((20, 30), np.uint8)]))
    followed = feature.following(facts, cells, ImageFacts(3, 40, 60), images)
    assert followed == ImageFacts(1, 40, 60, facts.palette)
    own = feature_of(height=10, width=15)
    assert own.following(facts, cells, ImageFacts(3, 40, 60), images).height == 10
    with pytest.raises(InputDataError, match="mask of 2 x 3 pixels in row 0, whose image has 9 x 3.*ratio"):
        refuse_misfits([GREY], [np.zeros((9, 3))], "output feature 'mask'", exact=False)
    with pytest.raises(InputDataError, match="the size of its image"):
        feature_of(resize_method="crop_or_pad").following(facts, cells, ImageFacts(3, 40, 60), images)


def test_a_table_of_paths_is_read_from_its_folder(tmp_path):
    (tmp_path / "m.png").write_bytes(png(GREY))
    feature = feature_of(tmp_path)
    with pytest.warns(LudwigWarning, match="no image file"):
        cells = feature.parse(pd.Series(["m.png", "absent.png"]))
    assert cells.missing().tolist() == [False, True]
