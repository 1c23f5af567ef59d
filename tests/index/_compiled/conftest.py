"""Packages of real kernels that a test writes, and programs that load them in processes."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[3] / "src"
BASE = """
from likewise.index._compiled.jit import kernel

@kernel(inline="always")
def square(number):
    return number * number
"""
TOTALS = """
import numpy as np
from likewise.index._compiled.jit import kernel
from {package}.base import square

@kernel
def squares(numbers):
    total = 0.0
    for number in numbers:
        total += square(number)
    return total

@kernel(fastmath=True)
def largest(numbers):
    best = numbers[0]
    for number in numbers:
        best = max(best, number)
    return best

def warm_up():
    single, double = np.ones(2, dtype=np.float32), np.ones(2)
    return [lambda: squares(single), lambda: squares(double), lambda: largest(single)]
"""
_numbers = itertools.count()


#: However slow the machine is, it is not worth a word.
PATIENT = "from likewise.index._compiled import announce\nannounce.MOMENT_SECONDS = 1e9\n"


@dataclass
class Kernels:
    """A package of kernels on disk, and the environment of programs that use it."""

    folder: Path
    name: str
    environment: dict[str, str] = field(default_factory=dict)
    modules: tuple[str, ...] = ("totals",)

    def write(self, module: str, text: str) -> None:
        """One of its modules."""
        path = self.folder / self.name / f"{module}.py"
        path.write_text(text.replace("{package}", self.name), encoding="utf-8")

    def start(self, program: str, **environment: str) -> subprocess.Popen[str]:
        """A process that has ``library`` and runs ``program``; warnings are errors in it."""
        start = (
            "from likewise.index._compiled.library import Library\n"
            f"library = Library({self.name!r}, {self.modules!r})\n"
        )
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-c", start + program],
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, program: str, **environment: str) -> str:
        """What such a process prints; it must end well and say nothing on stderr."""
        out, err, code = self.outcome(PATIENT + program, **environment)
        assert (code, err) == (0, "")
        return out.strip()

    def outcome(self, program: str, **environment: str) -> tuple[str, str, int]:
        """Its stdout, stderr and exit status."""
        process = self.start(program, **environment)
        out, err = process.communicate(timeout=120)
        return out, err, process.returncode


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernels]:
    """A package of three kernels, and a cache folder of its own, here and in its processes."""
    name = f"kernels_of_a_test_{next(_numbers)}"
    (tmp_path / name).mkdir()
    cache = tmp_path / "cache"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(SOURCE)]),
        "LIKEWISE_CACHE": str(cache),
        "TMPDIR": str(tmp_path / "tmp"),
    }
    (tmp_path / "tmp").mkdir()
    package = Kernels(tmp_path, name, environment)
    for module, text in (("__init__", ""), ("base", BASE), ("totals", TOTALS)):
        package.write(module, text)
    monkeypatch.setenv("LIKEWISE_CACHE", str(cache))
    monkeypatch.syspath_prepend(tmp_path)
    yield package
    for module in [m for m in sys.modules if m.partition(".")[0] == name]:
        del sys.modules[module]
