"""Nothing that cannot be printed ends a training."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ludwig.runtime.printing import Forgiving, standard_output

CONFIG = {
    "input_features": [{"name": "größe", "type": "number"}],
    "output_features": [{"name": "y", "type": "number"}],
    "trainer": {"epochs": 3},
}
TRAIN = "-m ludwig train -c c.json --dataset t.csv --output_directory out -l info -ssl"


@pytest.fixture
def folder(tmp_path) -> Path:
    pd.DataFrame({"größe": np.arange(60.0), "y": np.arange(60.0)}).to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "c.json").write_text(json.dumps(CONFIG))
    return tmp_path


WAYS = {"a reader that leaves": "| head -1", "a full disk": "> /dev/full", "closed": ">&-", "a file": "> said.txt"}
LOCALES = ["C.UTF-8", "C", "C", "C"]  # where letters are lost is what a stream does with what it writes


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full")
@pytest.mark.parametrize(("way", "locale"), [*zip(WAYS, LOCALES, strict=True)])
def test_training_goes_on_whatever_becomes_of_its_output(folder, way, locale):
    run = f"set -o pipefail; PYTHONIOENCODING={'utf-8' if 'UTF' in locale else 'ascii'} {sys.executable} {TRAIN}"
    environment = {"LC_ALL": locale, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        ["bash", "-c", f"{run} {WAYS[way]}"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert (folder / "out" / "experiment_run" / "training_report.json").exists()
    if way == "a file":
        said = (folder / "said.txt").read_bytes()
        assert b"\r" not in said
        assert b"The run is in" in said


def test_a_stream_that_fails_is_forgiven():
    class Fails(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

        flush = write

    for stream in (Fails(), None):
        out = Forgiving(stream)
        print("one", file=out)
        assert not out.isatty()
    closed = io.StringIO()
    closed.close()
    print("one", file=Forgiving(closed), flush=True)
    assert Forgiving(closed).isatty() is False


def test_letters_that_the_stream_lacks_are_question_marks():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)  # closes `raw` where nobody holds it
    print("größe \ud800", file=Forgiving(stream))
    assert raw.getvalue() == b"gr??e ?\n"


def test_the_stream_is_that_of_the_moment(capsys):
    print("here", file=standard_output())
    assert capsys.readouterr().out == "here\n"
