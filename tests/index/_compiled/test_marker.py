"""The note that all is there, the lock, and the end of folders that nobody uses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from likewise.index._compiled import marker

HOLDER = """
import sys
from pathlib import Path
from likewise.index._compiled import marker
with marker.locked(Path(sys.argv[1]), timeout=0) as mine:
    print(mine, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A complete one."""
    path = tmp_path / "kernels-0123456789abcdef"
    (path / "inner").mkdir(parents=True)
    (path / "inner" / "squares.nbi").write_bytes(b"index")
    (path / "inner" / "squares.1.nbc").write_bytes(b"code")
    marker.write_note(path, 12.34)
    return path


def test_the_note_is_true(folder: Path) -> None:
    assert marker.is_complete(folder)
    assert marker.read_note(folder)["seconds"] == 12.3
    assert len(marker.read_note(folder)["files"]) == 2


def test_nothing_is_there(tmp_path: Path) -> None:
    assert not marker.is_complete(tmp_path)
    assert not marker.is_complete(tmp_path / "missing")


@pytest.mark.parametrize("junk", [b"", b"{", b"[]", b"null", b"{}", b'{"files": 3}', b"\xff"])
def test_a_note_that_cannot_be_read(folder: Path, junk: bytes) -> None:
    (folder / marker.NOTE).write_bytes(junk)
    assert not marker.is_complete(folder)


def test_a_file_that_is_gone_or_cut(folder: Path) -> None:
    code = folder / "inner" / "squares.1.nbc"
    code.write_bytes(b"co")
    assert not marker.is_complete(folder)
    code.unlink()
    assert not marker.is_complete(folder)


def test_clear(folder: Path) -> None:
    marker.clear(folder)
    assert not list(folder.rglob("*.nb*"))
    assert not marker.is_complete(folder)


def hold(folder: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    return holder


def test_one_process_at_a_time(folder: Path) -> None:
    calls: list[float] = []
    with hold(folder) as holder:
        with marker.locked(folder, timeout=0.2, waiting=lambda: calls.append(1)) as mine:
            assert not mine
        assert calls
        holder.send_signal(signal.SIGKILL)  # the lock ends with its holder
    with marker.locked(folder, timeout=10) as mine:
        assert mine
        with marker.locked(folder, timeout=0) as again:
            assert not again


def test_waiting_can_be_interrupted(folder: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with hold(folder) as holder:
        with (
            pytest.raises(KeyboardInterrupt),
            marker.locked(folder, timeout=60, waiting=interrupt),
        ):
            pytest.fail("it was another's")
        holder.kill()
    with marker.locked(folder, timeout=10) as mine:
        assert mine


def test_no_folder_no_lock(tmp_path: Path) -> None:
    with marker.locked(tmp_path / "missing", timeout=60) as mine:
        assert not mine


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_does_not_keep_the_lock(folder: Path) -> None:
    end, start = os.pipe()
    with marker.locked(folder, timeout=0) as mine:
        assert mine
        child = os.fork()
        if child == 0:
            os.close(start)
            os.read(end, 1)  # until the parent has seen enough
            os._exit(0)
    try:
        with marker.locked(folder, timeout=0) as again:
            assert again
    finally:
        os.close(start)
        os.close(end)
        os.waitpid(child, 0)


def test_old_folders_go(folder: Path) -> None:
    now = time.time()
    old, held, kept, other = (
        folder.parent / name
        for name in ("kernels-" + "a" * 16, "kernels-" + "b" * 16, "kernels-" + "c" * 16, "mine")
    )
    for path in (old, held, kept, other):
        path.mkdir()
        (path / marker.NOTE).write_text("{}")
    (folder.parent / ("kernels-" + "d" * 16)).symlink_to(other)
    later = now + marker.UNUSED_SECONDS + 60
    with marker.locked(held, timeout=0):
        assert marker.remove_unused(folder.parent, kept, now) == []
        os.utime(folder / marker.NOTE, (later, later))  # it was used
        assert marker.remove_unused(folder.parent, kept, later) == [old]
    assert not old.exists()
    assert all(path.exists() for path in (folder, held, kept, other))
