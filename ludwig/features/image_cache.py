"""Decoded images kept on disk, so that each file is decoded and resized once and not in every epoch.

C = channels, H, W = height and width in pixels
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ludwig.runtime.console import warn

DIGEST_SIZE = 16  # bytes before the pixels, of their digest
Shape = tuple[int, int, int]  # channels, height, width


def usual_folder() -> Path:
    """Where decoded images are kept unless a folder is named."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "ludwig" / "images"


class ImageCache:
    """A folder with one file for each image: the digest of its pixels, and its pixels.

    A file is found by the path, the size and the time of change of the image, and by how it was decoded; so an image
    that is replaced is decoded anew. It takes its name when it is whole, and one that is cut off or damaged does not
    have its digest; so a process that dies while it writes costs no more than its last image. Processes and threads
    may share a folder.
    """

    def __init__(self, folder: Path, shape: Shape, how: str) -> None:
        """`how`: what besides the shape decides about the pixels, such as the way of resizing."""
        self.folder, self.shape, self.how = folder, shape, how
        self.writes = True  # until the disk is full, or nothing may be written

    def place_of(self, source: str) -> Path | None:
        """The file of an image; None where the image is not there any more."""
        try:
            state = Path(source).stat()
        except OSError:
            return None
        identity = (str(Path(source).absolute()), state.st_size, state.st_mtime_ns, self.shape, self.how)
        name = blake2b(repr(identity).encode(errors="surrogatepass"), digest_size=DIGEST_SIZE).hexdigest()
        return self.folder / name[:2] / name

    def get(self, place: Path) -> Tensor | None:
        """The pixels [C, H, W]; None where they are not there, or not whole."""
        try:
            content = place.read_bytes()
        except OSError:
            return None
        digest, pixels = content[:DIGEST_SIZE], content[DIGEST_SIZE:]
        if len(pixels) != np.prod(self.shape) or _digest(pixels) != digest:
            return None
        return torch.frombuffer(bytearray(pixels), dtype=torch.uint8).view(self.shape)  # [C, H, W]

    def put(self, place: Path, pixels: Tensor) -> None:
        """Keeps the pixels [C, H, W]. Where that is not possible, the user is warned once, and nothing is kept."""
        if not self.writes:
            return
        content = pixels.contiguous().numpy().tobytes()
        aside = place.with_name(f"{place.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(_digest(content) + content)
            aside.replace(place)
        except OSError as error:
            self.writes = False
            with suppress(OSError):
                aside.unlink(missing_ok=True)
            warn(
                f"Decoded images cannot be kept in '{self.folder}', so files are decoded in every epoch ({error}). "
                "Set preprocessing.lazy_cache_dir to another folder."
            )


def _digest(pixels: bytes) -> bytes:
    return blake2b(pixels, digest_size=DIGEST_SIZE).digest()
