"""The encoders of one feature type beside each other, on one real set each: quality and CPU seconds.

    python benchmarks/encoders.py texts              # reviews of food: AUC, accuracy, log-loss
    python benchmarks/encoders.py series             # the next 48 half-hours of electricity from 96: R2
    python benchmarks/encoders.py images --data DIR  # 10,000 images of Fashion-MNIST: accuracy
    python benchmarks/encoders.py texts --encoders ngrams,rnn '{type: rnn, cell_type: lstm}'

The sets and their loaders are those of `quality_media.py`. Every encoder has its default options, unless a section is
given as YAML; pretrained ones run where they are named, since they need weights.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from quality_media import SCORES, SETS, Kind, our_images, our_series, our_texts

from ludwig.encoders import ENCODERS

SET_OF = {"texts": "reviews", "series": "electricity_48_from_96", "images": "fashion"}
TYPES = {"texts": "text", "series": "timeseries", "images": "image"}
SYSTEMS: dict[Kind, Any] = {"texts": our_texts, "series": our_series, "images": our_images}


def from_scratch(kind: Kind) -> list[str]:
    """The encoders that need no weights of others."""
    feature = TYPES[kind]
    sections = {name: ENCODERS.get(name, feature).Config for name in ENCODERS.names(feature)}
    foreign = {"use_pretrained", "base_model"}
    return [n for n, section in sections.items() if not foreign & {f.name for f in dataclasses.fields(section)}]


def line_of(kind: Kind, section: dict[str, Any], frame: pd.DataFrame, seed: int) -> dict[str, Any]:
    """One encoder on one split."""
    task = SETS[SET_OF[kind]]
    splits = task.splits(frame, seed)
    began = time.process_time()
    answers = SYSTEMS[kind](task, splits, seed, section)
    seconds = time.process_time() - began
    scores = {name: f"{score:.3f}" for name, score in SCORES[kind](task, splits, answers).items()}
    options = ", ".join(f"{key}: {value}" for key, value in section.items() if key != "type")
    return {"encoder": section["type"], "options": options, "seed": seed, **scores, "CPU seconds": f"{seconds:.0f}"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=[*SET_OF])
    parser.add_argument("--encoders", nargs="*", help="names, or sections in YAML")
    parser.add_argument("--data", type=Path, default=Path("data"), help="the folder of the unpacked packages")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    given = parser.parse_args()
    words = [yaml.safe_load(word) for word in given.encoders or from_scratch(given.kind)]
    sections = [{"type": name} for word in words if isinstance(word, str) for name in word.split(",")]
    sections += [word for word in words if isinstance(word, dict)]
    frame = SETS[SET_OF[given.kind]].load(given.data)
    lines = []
    for section in sections:
        for seed in given.seeds:
            lines.append(line_of(given.kind, section, frame, seed))
            print(lines[-1], flush=True)
    print(pd.DataFrame(lines).to_markdown(index=False))


if __name__ == "__main__":
    main()
