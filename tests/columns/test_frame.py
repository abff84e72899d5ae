"""The data as tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ludwig.columns import Decoder, Dense, Files, Frame, Ragged
from ludwig.columns.store import load_frames, save_frames
from ludwig.error import InputDataError


def ragged(rows: list[list[int]]) -> Ragged:
    offsets = torch.tensor([0, *np.cumsum([len(row) for row in rows])])
    return Ragged(torch.tensor([cell for row in rows for cell in row], dtype=torch.int16), offsets)


class Read(Decoder):
    def __call__(self, source: int | None) -> torch.Tensor:
        return torch.full((2,), source or 0, dtype=torch.uint8)


@pytest.fixture
def frame() -> Frame:
    return Frame.of(
        {
            "a": Dense(torch.tensor([1.0, 2.0, 3.0])),
            "k": Dense(torch.tensor([7, 8, 9], dtype=torch.int8)),
            "b": Dense(torch.tensor([4.0, 5.0, 6.0])),
            "v": Dense(torch.arange(6.0).view(3, 2)),
            "t": ragged([[1, 2, 3], [], [4]]),
        }
    )


def test_columns_of_one_dtype_and_shape_share_a_block(frame):
    assert [block.names for block in frame.blocks] == [("a", "b"), ("k",), ("v",)]
    assert frame.names == ("a", "b", "k", "v", "t")
    assert frame.columns(("a", "b")).data_ptr() == frame.blocks[0].values.data_ptr()  # a view


def test_columns_come_in_the_order_in_which_they_are_named(frame):
    assert frame.columns(("b", "a")).tolist() == [[4, 1], [5, 2], [6, 3]]
    assert frame.columns(("b",)).tolist() == [[4], [5], [6]]
    assert frame.columns(("k", "a")).tolist() == [[7, 1], [8, 2], [9, 3]]  # of two blocks
    assert frame.column("v").tolist() == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize("index", [[2, 0], [1, 1, 1], [0, 1, 2], []])
def test_rows_are_those_of_the_index(frame, index):
    part = frame.rows(torch.tensor(index, dtype=torch.int64))
    assert len(part) == len(index)
    assert part.column("a").tolist() == [[1.0, 2.0, 3.0][i] for i in index]
    padded = part.column("t")
    texts = [row[there].tolist() for row, there in zip(padded.values, padded.mask, strict=True)]
    assert texts == [[[1, 2, 3], [], [4]][i] for i in index]


def test_some_columns_are_reordered_and_the_others_stay(frame):
    found = frame.reordered(("b", "t"), torch.tensor([2, 0, 1]))
    assert found.columns(("a", "b")).tolist() == [[1, 6], [2, 4], [3, 5]]
    assert found.column("k").tolist() == [7, 8, 9]
    assert found.column("t").mask.sum(1).tolist() == [1, 3, 0]
    assert frame.columns(("a", "b")).tolist() == [[1, 4], [2, 5], [3, 6]]  # it stays as it was


def test_a_slice_is_the_same_as_its_rows(frame):
    one, two = frame.slice(1, 9), frame.rows(torch.tensor([1, 2]))
    assert one.columns(("a", "b")).tolist() == two.columns(("a", "b")).tolist()
    assert one.column("t").values.tolist() == two.column("t").values.tolist()


def test_ragged_rows_are_padded_to_a_multiple_of_eight():
    padded = ragged([[1] * 9, [2]]).padded()
    assert padded.values.shape == padded.mask.shape == (2, 16)
    assert padded.mask.sum(1).tolist() == [9, 1]
    assert padded.values[1].tolist() == [2] + [0] * 15
    assert ragged([[], []]).padded().mask.sum() == 0


def test_files_are_decoded_for_a_batch_and_not_before():
    frame = Frame.of({"f": Files(np.array([5, None, 7], dtype=object), Read()), "a": Dense(torch.zeros(3))})
    assert not frame.is_in_memory
    batch = frame.rows(torch.tensor([2, 1])).load(torch.device("cpu"))
    assert batch.column("f").tolist() == [[7, 7], [0, 0]]
    assert batch.is_in_memory


def test_columns_must_be_of_one_length():
    with pytest.raises(ValueError, match="of one length"):
        Frame.of({"a": Dense(torch.zeros(2)), "b": Dense(torch.zeros(3))})
    with pytest.raises(LookupError, match="no dense column 'z'"):
        Frame.of({"a": Dense(torch.zeros(2))}).columns(("z",))


def test_a_frame_comes_back_from_its_file(frame, tmp_path):
    path = tmp_path / "frames.hdf5"
    empty = frame.rows(torch.tensor([], dtype=torch.int64))
    save_frames(path, {"training": frame, "test": empty}, {"facts": "ü"})
    frames, attributes = load_frames(path, lambda found: {})
    assert attributes == {"facts": "ü"}
    back = frames["training"]
    for name in ("a", "b", "k", "v"):
        assert torch.equal(back.column(name), frame.column(name))
        assert back.column(name).dtype == frame.column(name).dtype
    assert torch.equal(back.column("t").values, frame.column("t").values)
    assert len(frames["test"]) == 0
    back.columns(("a",))[0] = 99  # the file is never written to
    assert load_frames(path, lambda found: {})[0]["training"].column("a")[0] == 1


def test_columns_of_any_name_and_missing_files_come_back(tmp_path):
    names = ["a/b", "a", "/", "%2F", "Größe", "x y"]
    texts = {name: ragged([[place], [place, place + 1]]) for place, name in enumerate(names)}
    files = Files(np.array(["/d/ü.png", None], dtype=object), Read())
    save_frames(tmp_path / "f.hdf5", {"training": Frame.of({**texts, "i/j": files})}, {})
    back = load_frames(tmp_path / "f.hdf5", lambda told: {"i/j": files.decoder})[0]["training"]
    assert back.names == (*names, "i/j")
    for place, name in enumerate(names):
        assert back.others[name].values.tolist() == [place, place, place + 1]
    assert back.others["i/j"].sources.tolist() == ["/d/ü.png", None]


def test_another_file_is_reported(tmp_path):
    (tmp_path / "x.hdf5").write_text("no hdf5")
    with pytest.raises(InputDataError, match="cannot be read as preprocessed data"):
        load_frames(tmp_path / "x.hdf5", lambda found: {})
