"""An epoch over image files, decoding and training: ours against a loop written by hand, in one run.

`python benchmarks/image.py [--images 512] [--repeats 3] [--workers 1]` prints the ratio of their CPU seconds, for files
that are decoded in every epoch and for those of `mode: lazy_cached`, whose pixels are on the disk after the first one.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

from ludwig.api import LudwigModel

FILE_SIDE, SIDE, BATCH_SIZE, CLASSES = 160, 64, 32, 4
NOTHING_SAVED = {f"skip_save_{what}": True for what in ("training_description", "training_statistics", "model")}
NOTHING_SAVED |= {f"skip_save_{what}": True for what in ("progress", "log", "processed_input")}


def write_images(folder: Path, count: int) -> pd.DataFrame:
    """Photograph-like files: smooth colours with some noise."""
    draw = np.random.default_rng(0)
    paths = []
    for place in range(count):
        coarse = torch.tensor(draw.uniform(0, 255, (1, 3, 6, 6)), dtype=torch.float32)
        smooth = interpolate(coarse, (FILE_SIDE, FILE_SIDE), mode="bicubic")[0].permute(1, 2, 0).numpy()
        noisy = (smooth + draw.normal(0, 5, smooth.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{place}.jpg", quality=90)
        paths.append(str(folder / f"{place}.jpg"))
    return pd.DataFrame({"photo": paths, "kind": draw.integers(0, CLASSES, count).astype(str)})


def config(epochs: int, workers: int, **preprocessing: Any) -> dict[str, Any]:
    size = {"height": SIDE, "width": SIDE, "num_channels": 3, "num_processes": workers}
    encoder = {"type": "stacked_cnn", "num_conv_layers": 2, "out_channels": 16, "output_size": 64}
    photo = {"name": "photo", "type": "image", "augmentation": [], "encoder": encoder}
    return {
        "input_features": [{**photo, "preprocessing": {**size, **preprocessing}}],
        "output_features": [{"name": "kind", "type": "category", "decoder": {"num_fc_layers": 0}}],
        "combiner": {"type": "concat", "num_fc_layers": 0},
        "preprocessing": {"split": {"type": "random", "probabilities": [1.0, 0.0, 0.0]}},
        "trainer": {
            "epochs": epochs,
            "batch_size": BATCH_SIZE,
            "learning_rate": 0.001,
            "optimizer": {"type": "adamw"},
            "gradient_clipping": {"clipglobalnorm": None},
            "skip_all_evaluation": True,
            "early_stop": -1,
        },
    }


def seconds_of_ours(table: pd.DataFrame, epochs: int, **options: Any) -> float:
    model = LudwigModel(config(epochs, **options))
    begin = time.process_time()
    model.train(dataset=table, output_directory=None, **NOTHING_SAVED)
    return time.process_time() - begin


def epoch_of_ours(table: pd.DataFrame, epochs: int, **options: Any) -> float:
    """What an epoch more costs, so that what every call of train() costs once drops out."""
    return (seconds_of_ours(table, 1 + epochs, **options) - seconds_of_ours(table, 1, **options)) / epochs


def decoded(path: str) -> Tensor:
    with Image.open(path) as image:
        pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
    resized = interpolate(pixels.unsqueeze(0).float(), (SIDE, SIDE), mode="bilinear", antialias=True)
    return resized[0].round().clamp(0, 255).to(torch.uint8)


def epoch_by_hand(table: pd.DataFrame, epochs: int) -> float:
    """The same network, decoder and optimizer, and nothing beside them."""

    def convolution(channels: int) -> list[nn.Module]:
        return [nn.Conv2d(channels, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)]

    side = SIDE // 4
    network = nn.Sequential(*convolution(3), *convolution(16), nn.Flatten())
    network.extend([nn.Linear(16 * side * side, 64), nn.ReLU(), nn.Linear(64, CLASSES)])
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.001, fused=True)
    paths, kinds = table["photo"].tolist(), torch.tensor(table["kind"].astype(int).to_numpy())
    begin = time.process_time()
    for _ in range(epochs):
        for rows in torch.randperm(len(paths)).split(BATCH_SIZE):
            images = torch.stack([decoded(paths[row]) for row in rows.tolist()])
            cross_entropy(network(images.float() / 255), kinds[rows]).backward()
            optimizer.step()
            optimizer.zero_grad()
    return (time.process_time() - begin) / epochs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = write_images(folder, options.images)
        cached = {"mode": "lazy_cached", "lazy_cache_dir": str(folder / "cache")}
        seconds_of_ours(table, 1, workers=options.workers, **cached)  # decodes them
        ratios: dict[str, list[float]] = {"lazy": [], "lazy_cached": []}
        for _ in range(options.repeats):
            by_hand = epoch_by_hand(table, 2)
            ratios["lazy"].append(epoch_of_ours(table, 2, workers=options.workers) / by_hand)
            ratios["lazy_cached"].append(epoch_of_ours(table, 2, workers=options.workers, **cached) / by_hand)
    for mode, found in ratios.items():
        print(f"mode {mode}: {statistics.median(found):.2f} of the loop by hand ({min(found):.2f} to {max(found):.2f})")


if __name__ == "__main__":
    main()
