"""Loading behind a process that answers: it may end, fork or be asked at any moment."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from likewise.errors import CacheWarning
from likewise.index._compiled import behind
from likewise.index._compiled.behind import Behind, compiling_command
from likewise.index._compiled.library import Library
from tests.index._compiled.conftest import TOTALS, Kernels

BEHIND = (
    "import os, sys, time\nimport numpy as np\n"
    "from likewise.index._compiled import behind\n"
    "from likewise.index._compiled.behind import Behind\n"
    "behind.HEAD_START_SECONDS = 0.0\nloading = Behind(library)\n"
)
USE = "assert library.kernels(quiet=True).totals.squares(np.array([3.0, 4.0])) == 25.0\n"
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behind, "HEAD_START_SECONDS", 0.0)


def until(true: object, seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


@pytest.mark.usefixtures("at_once")
def test_another_process_compiles(kernels: Kernels) -> None:
    mine = Library(kernels.name, kernels.modules)
    loading = Behind(mine)
    loading.start()
    loading.start()
    assert loading.wait(60)
    assert mine.cached()
    assert mine.warm().compiled == 0
    from likewise.index._compiled.jit import compiled_now

    assert compiled_now(kernels.name) == 0, "this process compiled"
    loading.start()  # nothing to do


@pytest.mark.usefixtures("at_once")
def test_where_no_other_process_can_be_started(
    kernels: Kernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "")
    mine = Library(kernels.name, kernels.modules)
    assert compiling_command(mine) is None
    loading = Behind(mine)
    loading.start()
    assert loading.wait(60)


@pytest.mark.usefixtures("at_once")
def test_a_failure_is_told_once_and_not_tried_again(kernels: Kernels) -> None:
    kernels.write("totals", TOTALS.replace("total = 0.0", "total = unknown_name"))
    mine = Library(kernels.name, kernels.modules)
    loading = Behind(mine)
    loading.start()
    assert not loading.wait(60)
    with pytest.warns(CacheWarning, match=r"unknown_name[\s\S]*searches scan"):
        loading.start()
    loading.start()
    assert not mine.ready


def test_no_import_of_numba_before_the_head_start(kernels: Kernels) -> None:
    program = (
        "import sys, threading\nfrom likewise.index import _compiled\n"
        "from likewise.index._compiled import load_behind, ready\nload_behind()\n"
        "assert not ready() and 'numba' not in sys.modules\n"
        "print([t.daemon for t in threading.enumerate() if t.name == 'likewise-kernels'])"
    )
    started = time.monotonic()
    assert kernels.run(program) == "[True]"
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.1, 0.2, 0.3, 0.5])
def test_the_end_of_a_process_that_loads(kernels: Kernels, seconds: float) -> None:
    library = Library(kernels.name, kernels.modules)
    library.warm()
    kernels.run(BEHIND + f"loading.start(); time.sleep({seconds})")


@pytest.mark.parametrize("seconds", [0.05, 0.3, 0.6])
def test_the_end_of_a_process_that_compiles(kernels: Kernels, seconds: float) -> None:
    program = f"sys.executable = ''\nloading.start(); time.sleep({seconds})"
    kernels.run(BEHIND + program)
    kernels.run(BEHIND + USE)


def test_the_compiling_process_goes_on_alone(kernels: Kernels) -> None:
    program = "loading.start()\nwhile not loading.child: time.sleep(0.001)"
    started = time.monotonic()
    kernels.run(BEHIND + program)
    assert time.monotonic() - started < 30
    cache = kernels.folder / "cache"
    assert until(lambda: list(cache.glob("kernels-*/complete.json")))
    assert kernels.run("print(library.warm().compiled)") == "0"


@forks
@pytest.mark.parametrize("compiled", [True, False])
def test_forks_while_it_loads(kernels: Kernels, compiled: bool) -> None:
    if compiled:
        Library(kernels.name, kernels.modules).warm()
    program = (
        "import warnings; warnings.simplefilter('ignore', DeprecationWarning)\n"
        + ("" if compiled else "sys.executable = ''\n")
        + "loading.start()\nchildren = []\n"
        "for _ in range(6):\n"
        "    time.sleep(0.06)\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        signal = __import__('signal'); signal.alarm(20)\n"
        f"        {USE}"
        "        os._exit(7)\n"
        "    children.append(child)\n"
        f"{USE}"
        "print({os.waitstatus_to_exitcode(os.waitpid(c, 0)[1]) for c in children})"
    )
    assert kernels.run(BEHIND + program) == "{7}"


def test_the_command_finds_the_same_modules(kernels: Kernels) -> None:
    command = compiling_command(Library(kernels.name, kernels.modules))
    assert command is not None
    assert Path(command[0]).is_file()
    assert str(kernels.folder) in command[2]
