"""Recognise the language of 2,255 short announcements; print accuracy on unseen ones, and that of a linear model."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.fft import dct
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ludwig.api import LudwigModel

HERE = Path(__file__).parent
SOUNDS = Path("usr") / "share" / "asterisk" / "sounds"
LANGUAGES = {"en": "English", "es": "Spanish", "fr": "French", "it": "Italian"}
COEFFICIENTS = 20


def recordings(folder: Path) -> pd.DataFrame:
    """Files and their languages, with a split: 64% for training, 16% for validation, 20% for the test."""
    files = sorted((folder / SOUNDS).rglob("*.wav"))
    if not files:
        raise SystemExit(
            f"This example reads recordings of Debian packages, and {folder / SOUNDS} has none. Get them with:\n"
            "  for l in en es fr it; do apt-get download asterisk-core-sounds-$l-wav; done\n"
            "  for f in asterisk-core-sounds-*.deb; do dpkg -x $f FOLDER; done\n"
            "  python examples/spoken_languages/run.py FOLDER"
        )
    language = [LANGUAGES[file.relative_to(folder / SOUNDS).parts[0][:2]] for file in files]
    draw = np.random.default_rng(0).permutation(len(files)) / len(files)
    return pd.DataFrame(
        {"recording": [str(file) for file in files], "language": language, "split": np.digitize(draw, [0.64, 0.8])}
    )


def cepstral_statistics(path: str) -> np.ndarray:
    """Means and standard deviations of mel-frequency cepstral coefficients, what a linear model reads."""
    import soundfile

    samples, rate = soundfile.read(path)
    window, shift = rate // 40, rate // 100
    samples = np.pad(samples, (0, max(window - len(samples), 0)))
    frames = np.lib.stride_tricks.sliding_window_view(samples, window)[::shift] * np.hamming(window)
    power = np.abs(np.fft.rfft(frames, 512)) ** 2
    corners = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + rate / 1400), 42) / 2595) - 1)
    hertz = np.fft.rfftfreq(512, 1 / rate)[:, None]
    up, down = (hertz - corners[:-2]) / np.diff(corners[:-1]), (corners[2:] - hertz) / np.diff(corners[1:])
    log_mel = np.log(power @ np.minimum(up, down).clip(0) + 1e-8)
    cepstra = dct(log_mel, norm="ortho", axis=1)[:, :COEFFICIENTS]
    return np.concatenate([cepstra.mean(0), cepstra.std(0)])


def linear_accuracy(table: pd.DataFrame) -> float:
    """Of logistic regression on these statistics, fitted on training and validation rows."""
    statistics = np.stack([cepstral_statistics(path) for path in table["recording"]])
    seen, unseen = table["split"] < 2, table["split"] == 2
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(statistics[seen], table["language"][seen])
    return float(model.score(statistics[unseen], table["language"][unseen]))


def main() -> None:
    table = recordings(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("/"))
    model = LudwigModel(str(HERE / "config.yaml"))
    model.train(
        training_set=table[table["split"] == 0],
        validation_set=table[table["split"] == 1],
        experiment_name="spoken_languages",
        skip_save_processed_input=True,
    )
    unseen = table[table["split"] == 2].reset_index(drop=True)
    predicted, _ = model.predict(unseen)
    accuracy = (predicted["language_predictions"].astype(str) == unseen["language"]).mean()
    print(f"Accuracy on {len(unseen)} unseen recordings: {accuracy:.3f}")
    print(f"Logistic regression on cepstral coefficients: {linear_accuracy(table):.3f}")


if __name__ == "__main__":
    main()
