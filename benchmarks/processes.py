"""Fresh processes, timed from their start to their answer."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class ProcessFailed(Exception):
    """A program of a benchmark failed; the message is what it said."""


def seconds_to_answer(program: str, *arguments: str) -> float:
    """Seconds from the start of a fresh interpreter to the first line that ``program`` prints.

    What follows (closing, leaving) is waited for, but not counted.
    """
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")])
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        text=True,
    ) as process:
        if process.stdout is None:
            raise ProcessFailed("the process has no output")
        answer = process.stdout.readline()
        seconds = time.perf_counter() - started
        _, complaint = process.communicate()
    if process.returncode or not answer.strip():
        raise ProcessFailed(f"exit status {process.returncode}: {complaint.strip()[-2000:]}")
    return seconds
