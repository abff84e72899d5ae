"""Tensors as the bytes of a file in the safetensors format, straight from the memory where they are.

An eight-byte length, a JSON header with the place of each tensor, then the tensors without gaps
(https://huggingface.co/docs/safetensors). The library writes such files too; here the bytes can also be hashed while
they are written, and tensors may share memory.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

DTYPES = {
    torch.bool: "BOOL",
    torch.uint8: "U8",
    torch.int8: "I8",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.int16: "I16",
    torch.uint16: "U16",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int32: "I32",
    torch.uint32: "U32",
    torch.float32: "F32",
    torch.complex64: "C64",
    torch.int64: "I64",
    torch.uint64: "U64",
    torch.float64: "F64",
}
ALIGNMENT = 8  # of the header's end, so that what follows can be read in place


def content_of(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> list[memoryview]:
    """The parts of the file in their order; a tensor is copied only where it is on a device or has gaps.

    Args:
        metadata: Texts that go into the header.

    Raises:
        TypeError: The format has no name for a dtype.
    """
    ordered = sorted(tensors.items(), key=lambda entry: (-entry[1].itemsize, entry[0]))  # widest first: no gaps
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, tensor in ordered:
        if tensor.dtype not in DTYPES:
            raise TypeError(f"The tensor '{name}' is of {tensor.dtype}, which no safetensors file can hold.")
        begin, end = end, end + tensor.numel() * tensor.itemsize
        header[name] = {"dtype": DTYPES[tensor.dtype], "shape": [*tensor.shape], "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return [memoryview(len(text).to_bytes(8, "little") + text), *(_bytes_of(tensor) for _, tensor in ordered)]


def _bytes_of(tensor: Tensor) -> memoryview:
    flat = tensor.detach().cpu().contiguous().reshape(-1)  # [n]
    return flat.view(torch.uint8).numpy().data  # [n * itemsize]
