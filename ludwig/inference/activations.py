"""Activations: what layers of a network give for the rows of a frame.

N = rows of the dataset, B = rows of a batch
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten_with_path

from ludwig.columns.frame import Frame
from ludwig.data.loader import batches
from ludwig.error import ArgumentError, StorageError, nearest
from ludwig.models.base import Model
from ludwig.nn.signal import Signal

IN_MEMORY_BYTES = 2**30  # of all activations of a call; more of them are mapped from files
PART = "::"  # between the name of a layer and one of several tensors that it gives
SHOWN = 8  # names that a message shows


@dataclass(frozen=True)
class Point:
    """Where activations are read: a layer, or what the model itself gives under the name."""

    name: str
    layer: nn.Module | None = None
    part: str = ""  # of several tensors that the layer gives


def points_of(model: Model, names: object) -> list[Point]:
    """The points of these names, in their order.

    Raises:
        ArgumentError: They are no list of names, or one is not known.
    """
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        raise ArgumentError(f"layer_names must be a list of names, of one at least. Received: {names!r:.100}.")
    own, layers = model.activation_names(), {name: layer for name, layer in model.named_modules() if name}
    return [_point_of(name, own, layers) for name in names]


def _point_of(name: object, own: Sequence[str], layers: Mapping[str, nn.Module]) -> Point:
    if isinstance(name, str):
        if name in own:
            return Point(name)
        layer, _, part = name.partition(PART)
        if layer in layers:
            return Point(name, layers[layer], part)
    raise ArgumentError(
        f"There is no layer '{name!s:.100}'.{nearest(name, [*own, *layers])} The names are those of "
        f"model.model.named_modules(), and {', '.join(own[:SHOWN])}{', ...' if len(own) > SHOWN else ''}."
    )


def collect(
    model: Model, frame: Frame, kept: NDArray[np.bool_], points: Sequence[Point], batch_size: int, device: torch.device
) -> list[tuple[str, Tensor]]:
    """The activations at the points, by their names and in their order: [N, ...].

    Sequences are padded to the longest one of the frame, so that all batches have one shape. Beyond IN_MEMORY_BYTES the
    tensors are mapped from temporary files that have no name: they are gone with the last tensor, or the process.

    Args:
        kept: Which rows of the dataset the frame has: [N]. The others are NaN, or 0 in what are no floats.

    Raises:
        ArgumentError: A layer is not called once in a forward pass, or gives no tensor of rows.
        StorageError: The temporary files do not fit on the disk.
    """
    columns = {point.name: _Column(point.name) for point in points}
    model.eval()
    try:
        for found in _of_dataset(model, frame, kept, points, batch_size, device):
            for name, values in found.items():
                columns[name].add(values)
            if sum(column.nbytes for column in columns.values()) > IN_MEMORY_BYTES:
                for column in columns.values():
                    column.spill()
        tensors = {name: column.tensor() for name, column in columns.items()}
    finally:
        for column in columns.values():
            column.close()
    return [(point.name, tensors[point.name]) for point in points]


def _of_dataset(
    model: Model, frame: Frame, kept: NDArray[np.bool_], points: Sequence[Point], batch_size: int, device: torch.device
) -> Iterator[dict[str, Tensor]]:
    """The activations of neighbouring rows of the dataset, in its order."""
    widths, places = frame.widths(), np.flatnonzero(kept)
    done = 0
    for batch in batches(frame, batch_size, device) if len(frame) else [frame.load(device)]:
        found = _activations(model, batch.padded(widths), points)
        until = done + len(batch)
        begin = places[done - 1] + 1 if done else 0
        end = places[until - 1] + 1 if until < len(frame) else len(kept)
        yield {name: _spread(values, places[done:until] - begin, end - begin) for name, values in found.items()}
        done = until


def _spread(values: Tensor, places: NDArray[np.int64], rows: int) -> Tensor:
    """The rows at their places among those of the dataset, which are NaN or 0."""
    if len(values) == rows:
        return values
    whole = values.new_full((rows, *values.shape[1:]), torch.nan if values.is_floating_point() else 0)
    whole[torch.from_numpy(places)] = values
    return whole


# -- one batch


def _activations(model: Model, batch: Frame, points: Sequence[Point]) -> dict[str, Tensor]:
    """By the names of the points: [B, ...], on the CPU."""
    calls: dict[str, list[Tensor]] = {point.name: [] for point in points}
    with torch.inference_mode(), _untranslated(model), _hooked(points, calls):
        own = model.activations(batch)
    found = {}
    for point in points:
        if point.layer is None:
            if point.name not in own:
                raise ArgumentError(f"The model gives no '{point.name}' for rows without targets.")
            found[point.name] = own[point.name].detach().to("cpu", copy=True)  # and not what it is a part of
        else:
            found[point.name] = _only_call(point.name, calls[point.name])
        shape = list(found[point.name].shape)
        if shape[:1] != [len(batch)]:
            raise ArgumentError(
                f"The layer '{point.name}' gives the shape {shape} for {len(batch)} rows, so it has no activations of "
                "single rows. Choose a layer around it."
            )
    return found


def _only_call(name: str, calls: Sequence[Tensor]) -> Tensor:
    if len(calls) == 1:
        return calls[0]
    if calls:
        raise ArgumentError(
            f"The layer '{name}' is called {len(calls)} times in a forward pass, as one that several inputs or steps "
            "share, so its activations are ambiguous. Choose a layer around it, or <input>::encoded."
        )
    raise ArgumentError(
        f"The layer '{name}' is not called in a forward pass, as a list of layers is not, or one that only training "
        "uses. Choose a layer inside of it, or one that computes something."
    )


@contextmanager
def _hooked(points: Sequence[Point], calls: Mapping[str, list[Tensor]]) -> Iterator[None]:
    """Inside the block the calls of the layers are recorded; no hook stays."""
    with ExitStack() as hooks:
        for point in {point.name: point for point in points}.values():
            if point.layer is not None:
                hook = point.layer.register_forward_hook(_recorder(point, calls[point.name]))
                hooks.callback(hook.remove)
        yield


def _recorder(point: Point, calls: list[Tensor]) -> Any:
    def record(layer: nn.Module, given: Any, output: Any) -> None:
        values = _part_of(point, output).detach()
        calls.append(values.to("cpu", copy=True))  # a later layer may work in place

    return record


def _part_of(point: Point, output: Any) -> Tensor:
    """The tensor of a layer's output that the point means."""
    leaves, _ = tree_flatten_with_path(output)
    parts = {".".join(map(_key, path)): leaf for path, leaf in leaves if isinstance(leaf, Tensor)}
    if point.part in parts:
        return parts[point.part]
    if not point.part and isinstance(output, Signal):
        return output.values
    if not point.part and len(parts) == 1:
        return next(iter(parts.values()))
    layer = point.name.partition(PART)[0]
    names = [f"{layer}{PART}{part}" if part else layer for part in parts]
    if not names:
        raise ArgumentError(f"The layer '{layer}' gives no tensor. Choose a layer inside of it.")
    hint = nearest(point.name, names) if point.part else ""
    raise ArgumentError(
        f"'{point.name}' is none of the tensors that this layer gives.{hint} "
        f"Choose one of: {', '.join(names[:SHOWN])}{', ...' if len(names) > SHOWN else ''}."
    )


def _key(key: Any) -> str:
    """One step of a path through dataclasses, lists and dicts."""
    return str(next(getattr(key, name) for name in ("name", "idx", "key") if hasattr(key, name)))


def _untranslated(model: nn.Module) -> AbstractContextManager[Any]:
    """Inside the block a network that torch.compile translated runs as it was written, as hooks need it."""
    compiled = any(part._compiled_call_impl is not None for part in model.modules())
    return torch.compiler.set_stance("force_eager") if compiled else nullcontext()


# -- all batches


@dataclass
class _Column:
    """The rows of one point, as parts in memory or one after the other in a file without a name."""

    name: str
    rows: int = 0
    nbytes: int = 0
    like: Tensor | None = None  # of no rows
    parts: list[Tensor] = field(default_factory=list)
    file: IO[bytes] | None = None

    def add(self, values: Tensor) -> None:
        """Takes in the rows of one more batch.

        Raises:
            ArgumentError: They have another shape than those before.
        """
        self.like = values[:0] if self.like is None else self.like
        if self.like.shape[1:] != values.shape[1:]:
            raise ArgumentError(
                f"The layer '{self.name}' gives rows of the shape {list(self.like.shape[1:])} in one batch and "
                f"{list(values.shape[1:])} in another, as sequences do that are generated or read from files. Choose a "
                "layer behind their reduction, or a batch_size of all rows."
            )
        self.rows, self.nbytes = self.rows + len(values), self.nbytes + values.nbytes
        if self.file is None:
            self.parts.append(values)
        else:
            self._write(values)

    def spill(self) -> None:
        """From now on the rows go to a file."""
        if self.file is None:
            self.file = tempfile.TemporaryFile()  # noqa: SIM115  (`close` closes it)
            for part in self.parts:
                self._write(part)
            self.parts = []

    def _write(self, values: Tensor) -> None:
        assert self.file is not None
        try:
            self.file.write(values.contiguous().view(-1).view(torch.uint8).numpy().data)
            self.file.flush()
        except OSError as error:
            raise StorageError(
                f"The activations of '{self.name}' do not fit into '{tempfile.gettempdir()}': "
                f"{error.strerror or error}. Free some space, set TMPDIR to another folder, or give fewer rows."
            ) from None

    def tensor(self) -> Tensor:
        """All rows: [N, ...]."""
        assert self.like is not None
        if self.file is None or self.nbytes == 0:
            return torch.cat(self.parts) if self.parts else self.like.clone()
        content = mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_COPY)  # which the tensor keeps open
        return torch.frombuffer(content, dtype=self.like.dtype).view(self.rows, *self.like.shape[1:])

    def close(self) -> None:
        """The file is open no longer, but for what has mapped it."""
        if self.file is not None:
            with suppress(OSError):  # what did not fit on the disk does not now either
                self.file.close()
