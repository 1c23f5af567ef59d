"""What all tests share: a folder for each example, and a process of its own for what forks."""

import os
import subprocess
import sys
from collections.abc import Generator
from typing import Any

import pytest

ALONE = "LIKEWISE_TEST_ALONE"

_broken: list[str] = []


@pytest.fixture(autouse=True)
def _examples_in_a_folder_of_their_own(request: pytest.FixtureRequest) -> None:
    if isinstance(request.node, pytest.DoctestItem):
        folder = request.getfixturevalue("tmp_path")
        request.getfixturevalue("monkeypatch").chdir(folder)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test marked ``alone`` runs in a fresh process.

    A fork takes only the thread that forks along: what other tests of a long run have started
    (threads of BLAS, OpenMP and torch) must not be there when it happens.
    """
    if pyfuncitem.get_closest_marker("alone") is None or ALONE in os.environ:
        return None
    call = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        [*call, pyfuncitem.nodeid],
        cwd=pyfuncitem.config.rootpath,
        env={**os.environ, ALONE: "1"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout, done.stdout
    return True


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Reports of failures with half a character in them, which a worker could not send."""
    return _sendable((yield))


def _sendable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_sendable(key): _sendable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_sendable(item) for item in value)
    return value if value is None or type(value) in (bool, int, float, bytes) else repr(value)


def pytest_internalerror(excrepr: object) -> None:
    """Kept for the last lines: with workers it is printed long before the end."""
    _broken.append(str(excrepr))


@pytest.hookimpl(wrapper=True)
def pytest_unconfigure() -> Generator[None, None, None]:
    yield
    if _broken and "PYTEST_XDIST_WORKER" not in os.environ:
        print(*(error[-4000:] for error in _broken[::-1]), sep="\n\n", flush=True)
