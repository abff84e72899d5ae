import io
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.columns.files import Files
from ludwig.error import InputDataError, LudwigWarning
from ludwig.features import image, image_decoding
from ludwig.features.image import ImageDecoder, ImageFacts, ImageFeature
from ludwig.features.pixels import pixels_of, shape_of

Image = pytest.importorskip("PIL.Image")
PIXELS = np.arange(5 * 6 * 3, dtype=np.uint8).reshape(5, 6, 3) * 2


@pytest.fixture
def folder(tmp_path):
    for name, pixels in (("a.png", PIXELS), ("b.png", PIXELS[:3])):
        Image.fromarray(pixels).save(tmp_path / name)
    Image.fromarray(PIXELS[:, :, 0]).save(tmp_path / "grey.png")
    return tmp_path


def learned(column: list, folder=None, **options: object):
    feature = ImageFeature(ImageFeature.Config(**options), "im", folder=folder)
    cells = feature.parse(pd.Series(column))
    facts = feature.finish(feature.tally(cells))
    return feature, facts, feature.encode(cells, facts)


def test_files_are_decoded_lazily(folder):
    _, facts, result = learned(["a.png", "a.png"], folder)
    assert isinstance(result.column, Files)
    assert facts == ImageFacts(3, 5, 6)
    np.testing.assert_array_equal(result.column.decoded().values[0].permute(1, 2, 0).numpy(), PIXELS)


@pytest.mark.parametrize("mode", ["lazy", "eager"])
def test_the_number_of_workers_changes_no_pixel(folder, mode):
    names = ["a.png", "b.png", "grey.png", None] * 3
    options = {"mode": mode, "missing_value_strategy": "fill_with_const", "fill_value": 9}
    found = [learned(names, folder, num_processes=count, **options)[2].column for count in (1, 2, 4)]
    if mode == "lazy":
        assert [column.decoder.workers for column in found] == [1, 2, 4]
        found = [column.decoded() for column in found]
    assert torch.equal(found[0].values, found[1].values)
    assert torch.equal(found[0].values, found[2].values)


def test_eager_files_and_arrays_lie_in_memory_as_bytes(folder):
    for column, place in (
        (["a.png"], folder),
        ([PIXELS], None),
        ([PIXELS.transpose(2, 0, 1)], None),
        ([PIXELS / 255], None),
    ):
        _, _, result = learned(column, place, mode="eager")
        np.testing.assert_allclose(result.column.values[0].permute(1, 2, 0).numpy(), PIXELS, atol=1)


def test_the_common_size_is_the_mean_of_a_sample_within_bounds(folder):
    assert learned(["a.png", "b.png"], folder)[1] == ImageFacts(3, 4, 6)
    assert learned(["a.png"], folder, infer_image_max_height=2)[1].height == 2
    assert learned(["a.png"], folder, height=7, width=9, num_channels=1)[1] == ImageFacts(1, 7, 9)


def test_the_sample_does_not_depend_on_the_order_and_reads_few_files(folder, monkeypatch):
    names = [f"{place}.png" for place in range(40)]
    for place, name in enumerate(names):
        Image.fromarray(PIXELS[: 1 + place % 5]).save(folder / name)
    read = []
    monkeypatch.setattr(image, "shape_of", lambda source: read.append(source) or shape_of(source))
    expected = learned(names, folder, infer_image_sample_size=7)[1]
    assert len(read) == 7
    assert learned(names[::-1], folder, infer_image_sample_size=7)[1] == expected
    moved = folder.rename(folder.with_name("moved"))
    assert learned(names, moved, infer_image_sample_size=7)[1] == expected


def test_the_shape_of_a_file_is_that_of_its_pixels(folder):
    for source in (str(folder / "a.png"), str(folder / "grey.png"), PIXELS, PIXELS.transpose(2, 0, 1), PIXELS[:, :, 0]):
        assert shape_of(source) == pixels_of(source).shape


def test_channels_are_taken_from_the_data():
    assert learned([PIXELS[:, :, 0]])[1].channels == 1
    assert learned([PIXELS[:, :, 0]], num_channels=3)[2].column.values.shape == (1, 3, 5, 6)


def test_a_cut_keeps_the_middle_and_pads_with_black():
    cut = ImageDecoder(3, 3, 8, "crop_or_pad")(PIXELS)
    np.testing.assert_array_equal(cut[:, :, 1:7].permute(1, 2, 0).numpy(), PIXELS[1:4])
    assert cut[:, :, [0, 7]].sum() == 0


def test_interpolation_keeps_a_plain_image_plain():
    plain = np.full((9, 5, 1), 77, np.uint8)
    assert (ImageDecoder(1, 4, 4, "interpolate")(plain) == 77).all()


def test_bytes_of_a_file_are_an_image():
    raw = io.BytesIO()
    Image.fromarray(PIXELS).save(raw, format="PNG")
    np.testing.assert_array_equal(pixels_of(raw.getvalue()), PIXELS)


def test_missing_images_take_a_neighbour_or_go(folder):
    _, _, result = learned(["a.png", None, "b.png"], folder)
    assert (result.column.decoded().values[1] == 0).all()  # black, and no picture of another row
    _, _, result = learned(["a.png", None, "b.png"], folder, missing_value_strategy="bfill")
    assert result.column.sources[1].endswith("b.png")
    _, _, result = learned(["a.png", None], folder, missing_value_strategy="drop_row")
    assert result.dropped.tolist() == [False, True]
    _, _, result = learned(["a.png", None], folder, missing_value_strategy="fill_with_const", fill_value=9)
    assert (result.column.decoded().values[1] == 9).all()


@pytest.fixture
def broken(folder):
    """Of two files one is no image, and one is cut off: its header can be read and its pixels cannot."""
    (folder / "broken.png").write_text("no image")
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "whole.png")
    (folder / "cut.png").write_bytes((folder / "whole.png").read_bytes()[:2000])
    return folder


BAD = {
    "no file": ("none.png", r"that name no image file \(relative paths begin .*\): 'none\.png'"),
    "no path": (3.5, "that are no path, no bytes of an image file and no array of pixels: 3.5"),
    "no image": ("broken.png", r"images that cannot be read, .*broken\.png' cannot be read as an image"),
    "cut off": ("cut.png", r"images that cannot be read, .*cut\.png' cannot be read as an image"),
}


@pytest.mark.parametrize("mode", ["lazy", "eager"])
@pytest.mark.parametrize("case", BAD)
def test_a_bad_cell_is_missing(broken, case, mode):
    cell, words = BAD[case]
    with pytest.warns(LudwigWarning, match=f"The input feature 'im' has .*{words}") as seen:
        _, facts, result = learned(["a.png", cell, "a.png"], broken, fill_value=9, mode=mode, height=5, width=6)
        pixels = [(result.column.decoded() if mode == "lazy" else result.column).values for _ in range(2)][-1]
    assert len(seen) == 1
    assert facts == ImageFacts(3, 5, 6)
    assert (pixels[1] == 9).all()
    np.testing.assert_array_equal(pixels[2].permute(1, 2, 0).numpy(), PIXELS)


@pytest.mark.parametrize("case", BAD)
def test_bad_cells_are_an_error_where_there_are_many_or_none_may_be(broken, case):
    cell, _ = BAD[case]
    (broken / "cut2.png").write_bytes((broken / "cut.png").read_bytes())
    (broken / "broken2.png").write_text("no image")
    other = cell.replace(".", "2.") if isinstance(cell, str) else 4.5
    for column, options in ((["a.png", cell, other], {}), (["a.png", cell], {"max_invalid_share": 0})):
        with (
            warnings.catch_warnings(action="ignore", category=LudwigWarning),  # of the first of them
            pytest.raises(InputDataError, match=r"The input feature 'im' has .*max_invalid_share"),
        ):
            learned(column, broken, mode="eager", **options)


def test_unreadable_images_have_no_size(broken):
    with pytest.warns(LudwigWarning):
        _, facts, _ = learned(["a.png", "broken.png", "b.png"], broken, mode="eager")
    assert facts == ImageFacts(3, 4, 6)  # the mean of 5 and 3
    parts = []
    feature = ImageFeature(ImageFeature.Config(), "im", folder=broken)
    for part in (["a.png"], ["broken.png", "b.png"]):
        parts.append(feature.tally(feature.parse(pd.Series(part))))
    assert feature.finish(parts[1].merge(parts[0])) == facts
    with pytest.raises(InputDataError, match=r"'im' has no image that can be read\. .*broken\.png' cannot be read"):
        learned(["broken.png"], broken)
    with pytest.raises(InputDataError, match="An image of 5 bytes cannot be read"):
        pixels_of(b"image")


def test_facts_survive_json():
    facts = ImageFacts(3, 5, 4)
    assert ImageFacts.from_json(facts.to_json()) == facts


@pytest.mark.parametrize("kind", [str, Path])
def test_paths_are_found_wherever_they_stand_in_the_column(folder, kind):
    name = sorted(path.name for path in folder.iterdir() if path.suffix == ".png")[0]
    column = [None] * 150 + [kind(name), None]
    _, _, result = learned(column, folder, missing_value_strategy="fill_with_const", height=2, width=2)
    assert isinstance(result.column, Files)  # decoded batch by batch, as paths among the first rows are
    assert result.column.sources[150] == str(folder / name)
    assert [place for place, source in enumerate(result.column.sources) if source is not None] == [150]


# -- images of more than 8 bits

GREYS = np.linspace(0, 65535, 30).reshape(5, 6)
EXPECTED = np.round(GREYS.astype(np.uint16) / 257)  # 65535 = 255 * 257


@pytest.mark.parametrize("form", ["png", "tif"])
def test_files_of_16_bits_are_scaled(folder, form):
    Image.fromarray(GREYS.astype(np.uint16)).save(folder / f"deep.{form}")
    assert shape_of(folder / f"deep.{form}") == (5, 6, 1)
    for channels in (None, 1, 3):
        pixels = pixels_of(folder / f"deep.{form}", channels)
        assert pixels.shape == (5, 6, channels or 1)
        np.testing.assert_allclose(pixels[:, :, 0], EXPECTED, atol=1)
        assert (pixels == pixels[:, :, :1]).all()


def test_a_dark_image_of_16_bits_stays_dark(folder):
    dark = np.full((4, 4), 200, np.uint16)
    Image.fromarray(dark).save(folder / "dark.png")
    assert (pixels_of(folder / "dark.png") == 1).all()  # 200 / 257
    np.testing.assert_array_equal(pixels_of(dark), pixels_of(folder / "dark.png"))
    assert (pixels_of(dark.astype(np.int64)) == 200).all()  # plain integers are bytes


def test_other_deep_images_are_read_by_their_range_or_refused(folder):
    Image.fromarray(GREYS.astype(np.int32)).save(folder / "int.tif")
    np.testing.assert_allclose(pixels_of(folder / "int.tif")[:, :, 0], EXPECTED, atol=1)
    Image.fromarray((GREYS / 65535).astype(np.float32)).save(folder / "float.tif")
    np.testing.assert_allclose(pixels_of(folder / "float.tif")[:, :, 0], GREYS / 257, atol=1)
    Image.fromarray((GREYS * 100).astype(np.int32)).save(folder / "huge.tif")
    with pytest.raises(InputDataError, match="numbers from 0 to 255"):
        pixels_of(folder / "huge.tif")


def test_flags_are_black_and_white():
    assert pixels_of(np.array([[True, False]])).tolist() == [[[255], [0]]]


UNFIT = [np.array([[np.nan, 1.0]]), np.array([[-1, 3]]), np.array([[0, 256]]), np.array([[-0.5, 0.5]])]


@pytest.mark.parametrize("array", UNFIT)
def test_arrays_beyond_bytes_are_refused(array):
    with pytest.raises(InputDataError, match="numbers from 0 to 255, or from 0 to 1"):
        pixels_of(array)


@pytest.mark.parametrize("shape", [(4,), (1, 2, 2, 3)])
def test_arrays_that_are_no_images_are_refused(shape):
    for read in (pixels_of, shape_of):
        with pytest.raises(InputDataError, match=r"must be \[height, width\] or \[height, width, channels\]"):
            read(np.zeros(shape, np.uint8))


# -- arrays in files, other formats, URLs


@pytest.mark.parametrize("array", [PIXELS, PIXELS.transpose(2, 0, 1), PIXELS / 255, PIXELS[:, :, 0]])
def test_files_of_numpy_are_arrays(folder, array):
    np.save(folder / "array.npy", array)
    for source in (str(folder / "array.npy"), (folder / "array.npy").read_bytes()):
        np.testing.assert_array_equal(pixels_of(source), pixels_of(array))
        assert shape_of(source) == shape_of(array)
    _, facts, result = learned(["array.npy"], folder)
    assert facts == ImageFacts(1 if array.ndim == 2 else 3, 5, 6)
    np.testing.assert_array_equal(result.column.decoded().values[0].permute(1, 2, 0).numpy(), pixels_of(array))


def test_damaged_files_of_numpy_and_those_with_objects_are_refused(folder):
    np.save(folder / "array.npy", PIXELS)
    whole = (folder / "array.npy").read_bytes()
    np.save(folder / "objects.npy", np.array([{}], dtype=object))
    for raw in (whole[:40], whole[:-3], (folder / "objects.npy").read_bytes()):
        (folder / "bad.npy").write_bytes(raw)
        for source in (str(folder / "bad.npy"), raw):
            with pytest.raises(InputDataError, match="cannot be read as an array of numpy"):
                pixels_of(source)


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4)])
def test_tiffs_have_all_their_channels(folder, mode, channels):
    pixels = np.arange(5 * 6 * channels, dtype=np.uint8).reshape(5, 6, channels)
    Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels, mode).save(folder / "image.tif")
    _, facts, result = learned(["image.tif"], folder)
    assert facts == ImageFacts(channels, 5, 6)
    np.testing.assert_array_equal(result.column.decoded().values[0].permute(1, 2, 0).numpy(), pixels)


def test_a_jpeg_is_read_as_pillow_reads_it(folder):
    Image.fromarray(PIXELS).save(folder / "image.jpg")
    np.testing.assert_array_equal(pixels_of(folder / "image.jpg"), np.array(Image.open(folder / "image.jpg")))


@pytest.mark.parametrize("name", ["a.png", "with space é.png"])
def test_urls_of_files_are_paths(folder, name):
    Image.fromarray(PIXELS).save(folder / name)
    url = (folder / name).as_uri()
    for column in ([url], [url.replace("file:", "FILE:")], [url.replace("file://", "file://localhost")]):
        _, _, result = learned(column)
        np.testing.assert_array_equal(result.column.decoded().values[0].permute(1, 2, 0).numpy(), PIXELS)


# -- standardisation


def test_standardised_images_are_of_three_channels():
    facts = learned([PIXELS[:, :, 0]], standardize_image="imagenet1k")[1]
    assert facts == ImageFacts(3, 5, 6, standardize_image="imagenet1k")
    assert ImageFacts.from_json(facts.to_json()) == facts
    assert ImageFacts.from_json({"num_channels": 3, "height": 5, "width": 6}) == ImageFacts(3, 5, 6)  # older models
    with pytest.raises(ValueError, match="standardize_image is called 'other'"):
        ImageFacts.from_json({**facts.to_json(), "standardize_image": "other"})
    assert ImageFeature.Config(standardize_image="clip", num_channels=1).faults() != []
    assert ImageFeature.Config(standardize_image="clip", num_channels=3).faults() == []


# -- decoded images on disk


def cached(column, folder, **options):
    return learned(column, folder, mode="lazy_cached", lazy_cache_dir=str(folder / "cache"), **options)[2].column


def kept(folder):
    return sorted(path for path in (folder / "cache").rglob("*") if path.is_file())


def test_each_image_is_decoded_once(folder, monkeypatch):
    decoded = []
    monkeypatch.setattr(
        image_decoding, "pixels_of", lambda source, channels: decoded.append(source) or pixels_of(source, channels)
    )
    expected = learned(["a.png", "b.png"], folder)[2].column.decoded().values
    decoded.clear()
    for _ in range(3):
        column = cached(["a.png", "b.png", None], folder)  # in later runs too
        assert torch.equal(column.decoded().values[:2], expected)
        assert (column.decoded().values[2] == 0).all()
    assert len(decoded) == len(kept(folder)) == 2
    cached(["a.png"], folder, height=3, width=3).decoded()
    cached(["a.png"], folder, height=3, width=3, resize_method="crop_or_pad").decoded()
    assert len(decoded) == len(kept(folder)) == 4


def test_an_image_that_is_replaced_is_decoded_anew(folder):
    before = cached(["a.png"], folder).decoded().values
    Image.fromarray(255 - PIXELS).save(folder / "a.png")
    assert torch.equal(cached(["a.png"], folder).decoded().values, 255 - before)


@pytest.mark.parametrize("damage", ["empty", "cut off", "another pixel", "longer"])
def test_damaged_ones_are_decoded_anew(folder, damage):
    expected = cached(["a.png"], folder).decoded().values
    (file,) = kept(folder)
    raw = file.read_bytes()
    changed = bytes([raw[-1] ^ 1])
    file.write_bytes(
        {"empty": b"", "cut off": raw[:-1], "another pixel": raw[:-1] + changed, "longer": raw + b"x"}[damage]
    )
    assert torch.equal(cached(["a.png"], folder).decoded().values, expected)
    assert file.read_bytes() == raw


def test_a_writer_that_dies_leaves_nothing_that_is_read(folder, monkeypatch):
    def dies(self, target):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dies)
        with pytest.raises(KeyboardInterrupt):
            cached(["a.png"], folder).decoded()
    np.testing.assert_array_equal(cached(["a.png"], folder).decoded().values[0].permute(1, 2, 0).numpy(), PIXELS)


def test_without_a_place_to_write_images_are_decoded_all_the_same(folder):
    (folder / "cache").write_text("a file")
    column = cached(["a.png", "b.png"], folder)
    with pytest.warns(LudwigWarning, match="cannot be kept in .*lazy_cache_dir") as seen:
        column.decoded()
        column.decoded()
    assert len(seen) == 1


def test_images_that_cannot_be_read_are_not_kept(broken):
    column = cached(["a.png", "cut.png"], broken, height=5, width=6)
    with pytest.warns(LudwigWarning, match="cannot be read"):
        values = column.decoded().values
    assert (values[1] == 0).all()
    assert len(kept(broken)) == 1


def test_the_usual_folder_is_that_of_the_users_caches(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    learned(["a.png"], folder, mode="lazy_cached")[2].column.decoded()
    assert len([path for path in (tmp_path / "caches" / "ludwig" / "images").rglob("*") if path.is_file()]) == 1
    assert ImageFeature.Config(lazy_cache_dir="somewhere").faults() != []


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1", "I;16"])
def test_images_of_pillow_are_read_as_their_files(folder, mode):
    plain = Image.fromarray(PIXELS)
    picture = plain.convert("L").convert("I;16") if mode == "I;16" else plain.convert(mode)
    path = folder / "pillow.png"
    picture.save(path)
    feature = ImageFeature(ImageFeature.Config(), "i")
    one, other = (pixels_of(feature.parse(pd.Series([cell])).values[0]) for cell in (picture, str(path)))
    np.testing.assert_array_equal(one, other)


def test_tensors_are_read_as_arrays():
    cells = ImageFeature(ImageFeature.Config(), "i").parse(pd.Series([torch.from_numpy(PIXELS)], dtype=object))
    np.testing.assert_array_equal(pixels_of(cells.values[0]), PIXELS)
