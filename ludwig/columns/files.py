"""A column of media that are decoded only when a batch needs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Decoder(Protocol):
    """Turns one source (a path, bytes, or None for a missing one) into a tensor; all have one shape and dtype."""

    def __call__(self, source: Any) -> Tensor: ...


@dataclass(frozen=True)
class Files:
    """The sources of N cells and how to read one."""

    sources: NDArray[np.object_]  # [N], paths or bytes
    decoder: Decoder

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def nbytes(self) -> int:
        return self.sources.nbytes

    def rows(self, index: Tensor) -> Files:
        return Files(self.sources[index.cpu().numpy()], self.decoder)

    def decoded(self) -> Tensor:
        """All cells decoded: [N, *shape]."""
        if len(self) == 0:  # what a missing one would look like tells the shape
            return self.decoder(None).unsqueeze(0)[:0]
        return torch.stack([self.decoder(source) for source in self.sources])
