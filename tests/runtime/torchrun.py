"""Starts a script as one process, or as several that torchrun connects over gloo."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_workers(script: Path, workers: int, folder: Path, *arguments: object) -> None:
    """Runs `script folder arguments...` in a new folder; its errors fail the test."""
    folder.mkdir()
    start = [sys.executable]
    if workers > 1:
        start += ["-m", "torch.distributed.run", "--nproc_per_node", str(workers), "--master_addr", "127.0.0.1"]
        start += ["--master_port", str(_free_port())]
    command = [*start, str(script), str(folder), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
