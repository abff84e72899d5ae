"""Preprocessed data is found again by what it was made from, and by nothing else."""

import copy
import os
import time

import numpy as np
import pandas as pd
import pytest

from ludwig.api import LudwigModel
from ludwig.data.cache import cache_file
from ludwig.data.cache_folder import DAY, Limits, caches_in, prune
from ludwig.data.preprocess import Preprocessing
from ludwig.error import InputDataError, LudwigWarning


def name_of(source, folder, data_format=None):
    file = cache_file({"dataset": source}, data_format, [], Preprocessing(), 42, folder)
    return file.path.name


def image(value):
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[32, 32] = value  # in the middle, which numpy leaves out when it prints
    return pixels


PAIRS = {  # two columns that are to be told apart
    "pixels of large arrays": ([image(0)], [image(9)]),
    "a word and a missing cell": (["nan", "a"], [np.nan, "a"]),
    "None and its word": (["None", "a"], [None, "a"]),
    "where cells end": (["a", "b c"], ["a b", "c"]),
    "where lists end": ([[1], [2, 3]], [[1, 2], [3]]),
    "lists in lists": ([["a", "b"]], [["a b"]]),
    "numbers": ([1.0, 2.0], [1.0, np.nextafter(2.0, 3.0)]),
    "dates": (pd.to_datetime(["2020-01-01"]), pd.to_datetime(["2020-01-02"])),
    "categories": (pd.Categorical(["a", "b"]), pd.Categorical(["b", "a"])),
    "bytes": ([b"ab"], [b"ac"]),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_tables_in_memory_are_told_apart_by_each_cell(pair, tmp_path):
    one, two = (pd.DataFrame({"x": pd.Series(cells)}) for cells in PAIRS[pair])
    assert name_of(one, tmp_path) == name_of(copy.deepcopy(one), tmp_path)
    assert name_of(one, tmp_path) != name_of(two, tmp_path)


def test_the_names_of_columns_count(tmp_path):
    one = pd.DataFrame({"x": [1], "y": [1]})
    assert name_of(one, tmp_path) != name_of(one.rename(columns={"y": "z"}), tmp_path)


def test_a_file_read_in_another_format_is_other_data(tmp_path):
    (tmp_path / "t.txt").write_text("a,b\tc\n1,2\t3\n")
    assert name_of(tmp_path / "t.txt", None) == name_of(tmp_path / "t.txt", None, "csv")
    assert name_of(tmp_path / "t.txt", None) != name_of(tmp_path / "t.txt", None, "tsv")


# -- the file itself


def model(**backend: object) -> LudwigModel:
    return LudwigModel(
        {
            "input_features": [{"name": "x", "type": "number"}, {"name": "t", "type": "text"}],
            "output_features": [{"name": "y", "type": "number"}],
            "trainer": {"epochs": 1},
            "backend": {"type": "local", **backend},
        }
    )


@pytest.fixture
def table(tmp_path) -> str:
    data = pd.DataFrame({"x": np.arange(60.0), "t": ["one two", "three", "four five six"] * 20, "y": np.arange(60.0)})
    data.to_csv(tmp_path / "t.csv", index=False)
    return str(tmp_path / "t.csv")


def preprocessed(table: str, **backend: object) -> dict[str, list[float]]:
    data = model(**backend).preprocess(table, skip_save_processed_input=False)
    frame = data.training_set.frame
    return {"x": frame.columns(("x",)).flatten().tolist(), "t": frame.column("t").values.tolist()}


def test_a_changed_byte_anywhere_is_found_and_the_data_made_anew(table, tmp_path):
    expected = preprocessed(table)
    (file,) = tmp_path.glob("*.hdf5")
    whole = file.read_bytes()
    for place in np.random.default_rng(0).choice(len(whole), 25, replace=False).tolist():
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.warns(LudwigWarning, match="cached data is not used, and is made anew"):
            assert preprocessed(table) == expected
    assert preprocessed(table) == expected  # the file was written again
    for content in (b"", whole[: len(whole) // 2], b"no HDF5"):
        file.write_bytes(content)
        with pytest.warns(LudwigWarning, match="made anew"):
            assert preprocessed(table) == expected


def test_damaged_data_that_is_named_is_an_error(table, tmp_path):
    preprocessed(table)
    (file,) = tmp_path.glob("*.hdf5")
    whole = file.read_bytes()
    model().train(str(file), output_directory=None)
    file.write_bytes(whole[:-40] + b"?" + whole[-39:])
    with pytest.raises(InputDataError, match="damaged"):
        model().train(str(file), output_directory=None)


def test_a_run_goes_on_where_nothing_can_be_cached(table, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.warns(LudwigWarning, match=r"not cached: .* cannot be written to .*backend\.cache_dir"):
        model(cache_dir=str(tmp_path / "file" / "caches")).train(table, output_directory=str(tmp_path / "out"))


def test_a_file_that_the_config_names_counts(table, tmp_path):
    words = tmp_path / "words.txt"

    def ids() -> list[list[int]]:
        one = model()
        text = {"name": "t", "type": "text", "preprocessing": {"vocab_file": str(words)}}
        one.config = {**one.user_config, "input_features": [text]}
        return one.preprocess(table, skip_save_processed_input=False).training_set.frame.column("t").values.tolist()

    words.write_text("one\ntwo\n")
    first = ids()
    words.write_text("five\nsix\nfour\nthree\n")
    assert ids() != first


def test_images_in_memory_are_read_anew_when_their_files_change(tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    data = pd.DataFrame({"im": [f"{place}.png" for place in range(20)], "y": np.arange(20.0)})
    data.to_csv(tmp_path / "t.csv", index=False)
    image_section = {"name": "im", "type": "image", "preprocessing": {"mode": "eager"}}

    def pixel(grey: int) -> int:
        for name in data["im"]:
            pillow.fromarray(np.full((4, 4), grey, np.uint8)).save(tmp_path / name)
        one = model()
        one.config = {**one.user_config, "input_features": [image_section]}
        frame = one.preprocess(str(tmp_path / "t.csv"), skip_save_processed_input=False).training_set.frame
        return int(frame.columns(("im",)).flatten()[0])

    assert (pixel(10), pixel(200)) == (10, 200)


# -- how much is kept


def cached(folder, name: str, size: int, age: float) -> None:
    path = folder / f"{name}.{'0' * 15}{name}.hdf5"
    path.write_bytes(b"x" * size)
    os.utime(path, (time.time() - age, time.time() - age))


def test_the_least_recently_used_go_first(tmp_path):
    for name, age in (("a", 30), ("b", 20), ("c", 10), ("d", 0)):
        cached(tmp_path, name, 100, age * DAY / 24)
    (tmp_path / "data.hdf5").write_bytes(b"x" * 1000)  # not ours
    newest = caches_in(tmp_path)[0].path
    assert [one.path.name[0] for one in caches_in(tmp_path)] == ["d", "c", "b", "a"]
    assert [path.name[0] for path in prune(tmp_path, Limits(gigabytes=250e-9), newest)] == ["b", "a"]
    assert prune(tmp_path, Limits(days=0.5), newest) == []
    cached(tmp_path, "e", 100, 2 * DAY)
    assert [path.name[0] for path in prune(tmp_path, Limits(days=1), newest)] == ["e"]
    assert prune(tmp_path, Limits(gigabytes=0), newest) != []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d." + "0" * 15 + "d.hdf5", "data.hdf5"]


def test_a_run_prunes_the_folder_that_it_writes_to_and_reading_is_use(table, tmp_path):
    preprocessed(table)
    (file,) = tmp_path.glob("*.hdf5")
    os.utime(file, (0, 0))
    preprocessed(table)
    assert time.time() - file.stat().st_mtime < DAY
    cached(tmp_path, "f", 10, 400 * DAY)
    data = pd.read_csv(table)
    data.assign(x=1.5 * data["x"]).to_csv(tmp_path / "u.csv", index=False)
    preprocessed(str(tmp_path / "u.csv"))
    assert len(caches_in(tmp_path)) == 2
    assert file.exists()
