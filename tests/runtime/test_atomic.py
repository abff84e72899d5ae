"""Files and folders that are there whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import errno
import json
import math
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ludwig.error import StorageError
from ludwig.runtime import atomic
from ludwig.runtime.atomic import claimed, plain, storing, vacated, whereabouts, write_json, write_text, written_aside

LONG_AGO = 10_000  # seconds, more than anybody writes


class Dead(BaseException):
    """The process ends here."""


@pytest.fixture(params=["exchange", "two renames"])
def either_way(request, monkeypatch):
    """On systems that exchange two names at once, and on those that do not."""
    if request.param == "two renames":
        monkeypatch.setattr(atomic, "_exchanged", lambda one, other: False)
    elif sys.platform != "linux":
        pytest.skip("only Linux exchanges names")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_folder(path: Path, text: str) -> None:
    with written_aside(path) as aside:
        aside.mkdir()
        (aside / "text").write_text(text)


def number_of_a_dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def made_long_ago(path: Path) -> None:
    for each in [path, *path.rglob("*")]:
        os.utime(each, (each.stat().st_mtime - LONG_AGO,) * 2)


# -- writing


def test_a_file_and_its_folders_appear_and_are_replaced(tmp_path):
    path = tmp_path / "a" / "b.txt"
    for text in ("old", "new"):
        write_text(path, text)
        assert path.read_text() == text
    assert names(path.parent) == ["b.txt"]


def test_a_folder_appears_and_is_replaced_with_all_in_it(tmp_path, either_way):
    write_folder(tmp_path / "f", "old")
    (tmp_path / "f" / "other").write_text("only in the old one")
    write_folder(tmp_path / "f", "new")
    assert names(tmp_path / "f") == ["text"]
    assert (tmp_path / "f" / "text").read_text() == "new"
    assert names(tmp_path) == ["f"]


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt, OSError])
def test_what_fails_leaves_the_old_one_and_no_trace(fault, tmp_path):
    write_folder(tmp_path / "f", "old")
    write_text(tmp_path / "t", "old")
    for name in ("f", "t"):
        with pytest.raises(fault), written_aside(tmp_path / name) as aside:
            aside.mkdir() if name == "f" else aside.write_text("half")
            raise fault
    assert names(tmp_path) == ["f", "t"]
    assert (tmp_path / "f" / "text").read_text() == (tmp_path / "t").read_text() == "old"


def test_a_disk_that_fills_up_leaves_the_old_one_and_no_trace(tmp_path, monkeypatch):
    write_folder(tmp_path / "f", "old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space left"):
        patched.setattr(os, "fsync", full)
        write_folder(tmp_path / "f", "new")
    assert names(tmp_path) == ["f"]
    assert (tmp_path / "f" / "text").read_text() == "old"


def test_all_files_and_folders_are_on_the_disk_before_the_name_is_given(tmp_path, monkeypatch):
    synced: list[tuple[int, bool]] = []
    fsync = os.fsync

    def noting(handle: int) -> None:
        synced.append((os.fstat(handle).st_ino, path.exists()))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noting)
    path = tmp_path / "f"
    with written_aside(path) as aside:
        (aside / "deep").mkdir(parents=True)
        (aside / "deep" / "file").write_text("x")
    if os.name != "nt":
        inside = {each.stat().st_ino for each in (path, path / "deep", path / "deep" / "file")}
        assert {number for number, had_name in synced if not had_name} == inside
        assert [number for number, had_name in synced if had_name] == [tmp_path.stat().st_ino]


# -- dying


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_a_death_at_any_rename_leaves_the_old_one_or_the_new_one(renames, either_way, tmp_path, monkeypatch):
    path = tmp_path / "f"
    write_folder(path, "old")
    left, rename = [renames], Path.rename

    def dying(self: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0] < 0:
            raise Dead
        return rename(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", dying)
        patched.setattr(Path, "replace", dying)
        patched.setattr(atomic, "_remove", lambda path: None)  # the dead clear up nothing
        try:
            write_folder(path, "new")
        except Dead:
            assert (whereabouts(path) / "text").read_text() in ("old", "new")
    write_folder(path, "next")
    assert (path / "text").read_text() == "next"
    assert names(tmp_path) == ["f"]


def test_a_folder_whose_name_was_taken_away_is_found_and_gets_it_back(tmp_path):
    path = tmp_path / "f"
    write_folder(path, "old")
    path.rename(atomic._beside(path, "old"))
    assert not path.exists()
    assert (whereabouts(path) / "text").read_text() == "old"
    assert not path.exists()  # who reads changes nothing
    with pytest.raises(Dead), written_aside(path):
        raise Dead
    assert (path / "text").read_text() == "old"


def test_what_is_nowhere_is_where_it_would_be(tmp_path):
    assert whereabouts(tmp_path / "no" / "f") == tmp_path / "no" / "f"


# -- clearing up


def test_what_the_dead_left_is_cleared_up_and_nothing_else(tmp_path):
    dead, alive, host = number_of_a_dead_process(), os.getppid(), atomic._host()
    goes = [f".f.{host}-{dead}-{dead}.part", f".f.{host}-{dead}-7.old", atomic._beside(tmp_path / "f", "part").name]
    stays = [
        f".f.{host}-{alive}-{alive}.part",
        f".f.00000000-{dead}-{dead}.part",  # of another machine, where the number may be alive
        f".g.{host}-{dead}-{dead}.part",
        ".f.notes.part",
        ".f.backup.old",
        "f.old",
    ]
    for name in goes + stays:
        (tmp_path / name).mkdir()
        (tmp_path / name / "half").write_text("")
    (tmp_path / f".f.{host}-{dead}-8.part").write_text("a file")
    write_folder(tmp_path / "f", "new")
    assert names(tmp_path) == sorted([*stays, "f"])


def test_what_nobody_has_written_to_for_long_is_cleared_up(tmp_path):
    for name in (".f.00000000-1-1.part", ".f.123.part", ".f.00000000-2-2.part"):  # the second as older versions did
        (tmp_path / name).mkdir()
        (tmp_path / name / "half").write_text("")
        made_long_ago(tmp_path / name)
    os.utime(tmp_path / ".f.00000000-2-2.part" / "half")  # it is being written
    write_folder(tmp_path / "f", "new")
    assert names(tmp_path) == [".f.00000000-2-2.part", "f"]


def test_a_process_with_the_number_of_a_dead_one_writes_all_the_same(tmp_path):
    """As in a container that was killed while it wrote and starts again: its processes have the same numbers."""
    left = atomic._beside(tmp_path / "f", "part")
    left.mkdir()
    (left / "half").write_text("")
    write_folder(tmp_path / "f", "new")
    assert names(tmp_path) == ["f"]
    assert names(tmp_path / "f") == ["text"]


def test_signs_in_a_name_are_no_patterns(tmp_path):
    path = tmp_path / "a[1]*.csv"
    atomic._beside(path, "part").write_text("half")
    other = tmp_path / ".a1x.csv.1.part"
    other.write_text("")
    made_long_ago(other)
    write_text(path, "new")
    assert names(tmp_path) == [".a1x.csv.1.part", "a[1]*.csv"]


# -- several at once


def test_threads_that_write_the_same_file_leave_one_of_theirs(tmp_path):
    path = tmp_path / "t"
    texts = [letter * 100_000 for letter in "abcd"]
    faults: list[BaseException] = []

    def write(text: str) -> None:
        try:
            for _ in range(10):
                write_text(path, text)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=write, args=[text]) for text in texts]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert not path.exists() or path.read_text() in texts
    for thread in threads:
        thread.join()
    assert faults == []
    assert path.read_text() in texts
    assert names(tmp_path) == ["t"]


@pytest.mark.skipif(sys.platform != "linux", reason="names are exchanged on Linux alone")
def test_a_folder_is_never_gone_while_it_is_replaced(tmp_path):
    path = tmp_path / "f"
    write_folder(path, "old")
    if not atomic._exchanged(path, path):
        pytest.skip("this file system cannot exchange names")
    done = threading.Event()

    def replace() -> None:
        for number in range(60):
            write_folder(path, str(number))
        done.set()

    thread = threading.Thread(target=replace)
    thread.start()
    looks = 0
    while not done.is_set():
        looks += 1
        assert path.is_dir()
    thread.join()
    assert looks > 60


def test_a_vacated_name_goes_back_where_nobody_took_it(tmp_path):
    path = tmp_path / "f"
    write_folder(path, "old")
    with vacated(path):
        assert not path.exists()
        assert (whereabouts(path) / "text").read_text() == "old"
    assert (path / "text").read_text() == "old"
    with vacated(path):
        path.mkdir()
    assert names(path) == []
    assert names(tmp_path) == ["f"]


# -- JSON


def test_json_is_strict_and_sorted(tmp_path):
    value = {"b": math.nan, "a": (1, np.float32(0.5)), "c": {3: np.arange(2), "ü": np.inf}, "p": Path("x")}
    write_json(tmp_path / "v.json", value)
    text = (tmp_path / "v.json").read_text(encoding="utf-8")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    found = json.loads(text, parse_constant=refuse)
    assert found == {"a": [1, 0.5], "b": None, "c": {"3": [0, 1], "ü": None}, "p": "x"}
    assert list(found) == ["a", "b", "c", "p"]
    assert "ü" in text


@pytest.mark.parametrize("value", [None, True, 3, "text", 0.25, [], {}])
def test_plain_values_stay(value):
    assert plain(value) == value
    assert type(plain(value)) is type(value)


def test_numbers_are_given_to_names_that_are_taken(tmp_path):
    found = [claimed(tmp_path / "runs" / "run") for _ in range(3)]
    assert [path.name for path in found] == ["run", "run_0", "run_1"]
    assert all(path.is_dir() for path in found)


def test_two_at_once_never_get_the_same_folder(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: claimed(tmp_path / "run"), range(24)))
    assert len(set(found)) == 24


def test_what_the_system_says_against_a_place_is_made_plain(tmp_path):
    (tmp_path / "file").write_text("")
    text = r"Nothing can be written to '.*file': (File exists|Not a directory)"
    with pytest.raises(StorageError, match=text), storing(tmp_path / "file"):
        (tmp_path / "file" / "run").mkdir(parents=True)
    with pytest.raises(ValueError, match="its own"), storing(tmp_path):
        raise ValueError("its own")
