"""Tensor files are what the safetensors library reads."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load

from ludwig.runtime.tensor_file import DTYPES, content_of


def written(tensors: dict[str, torch.Tensor]) -> bytes:
    return b"".join(content_of(tensors))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_library_reads_every_dtype(dtype):
    tensor = torch.tensor([[0, 1, 1], [1, 0, 1]]).to(dtype)
    found = load(written({"a": tensor}))["a"]
    assert (found.dtype, found.shape) == (dtype, (2, 3))
    assert found.to(torch.complex64).tolist() == [[0, 1, 1], [1, 0, 1]]


def test_the_library_reads_every_shape():
    numbers = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4)
    block = torch.from_numpy(numbers)
    tensors = {
        "whole": block,
        "again": block,
        "row": block[1, 2],
        "turned": block.permute(2, 0, 1),
        "one": block[0, 0, 0],
    }
    found = load(written({**tensors, "every other": block[..., ::2], "none": torch.empty(0, 3), "ünicode": block}))
    expected = {
        "whole": numbers,
        "again": numbers,
        "row": numbers[1, 2],
        "turned": numbers.transpose(2, 0, 1),
        "one": numbers[0, 0, 0],
        "every other": numbers[..., ::2],
        "none": np.empty((0, 3), np.float32),
        "ünicode": numbers,
    }
    assert found.keys() == expected.keys()
    for name, tensor in found.items():
        np.testing.assert_array_equal(tensor.numpy(), expected[name], strict=True)


def test_there_may_be_nothing():
    assert load(written({})) == {}


def test_every_tensor_can_be_read_in_place():
    """Whatever the names and sizes, each begins at a multiple of the width of its numbers."""
    for length in range(1, 12):
        sizes = {torch.uint8: 3, torch.float64: 1, torch.bfloat16: 5, torch.float32: 7}
        data = written({f"{'n' * length}{dtype}": torch.zeros(size, dtype=dtype) for dtype, size in sizes.items()})
        header_length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + header_length])
        for name, entry in header.items():
            width = next(dtype.itemsize for dtype in sizes if name.endswith(str(dtype)))
            assert (8 + header_length + entry["data_offsets"][0]) % width == 0


def test_weights_are_not_copied():
    weight = torch.zeros(5, requires_grad=True)
    _, part = content_of({"w": weight})
    with torch.no_grad():
        weight[0] = 1.0
    assert bytes(part[:4]) == np.float32(1.0).tobytes()


def test_a_dtype_that_the_format_does_not_know_is_reported():
    with pytest.raises(TypeError, match=r"'odd' is of torch\.complex128"):
        content_of({"odd": torch.zeros(2, dtype=torch.complex128)})
