"""The note in a folder of compiled kernels that all of them are there, and the lock beside it.

numba replaces each file whole, but two processes that add to the index of one function may
give two pieces of code the same file name. So one process at a time compiles, under a lock
of the operating system, and leaves a note of what it made; whoever finds the note only reads.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

NOTE = "complete.json"
LOCK = "lock"
#: Folders of kernels that nobody has loaded for so long are removed.
UNUSED_SECONDS = 30 * 24 * 3600.0
_POLL_SECONDS = 0.05
_FOLDER = re.compile(r"kernels-[0-9a-f]{16}")

#: Locks held now. A forked child must let go of what it inherits (`forget_locks`).
_held: set[int] = set()


def is_complete(folder: Path) -> bool:
    """Whether every file that the note lists is there, at its size. Cost: a look at each."""
    return bool(read_note(folder))


def read_note(folder: Path) -> dict[str, Any]:
    """The note, or an empty dict when there is none or it is not true (any more)."""
    try:
        note: dict[str, Any] = json.loads((folder / NOTE).read_bytes())
        true = all((folder / name).stat().st_size == size for name, size in note["files"].items())
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return {}
    return note if true else {}


def write_note(folder: Path, seconds: float) -> None:
    """Note that all that lies in ``folder`` is complete, and took ``seconds`` to make."""
    files = {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*.nb[ic]"))
    }
    aside = folder / f"{NOTE}.{os.getpid()}"
    aside.write_text(json.dumps({"seconds": round(seconds, 1), "files": files}), encoding="utf-8")
    aside.replace(folder / NOTE)


def touch_note(folder: Path) -> None:
    """Remember that the kernels were used now; a folder that cannot be written stays as it is."""
    with contextlib.suppress(OSError):
        os.utime(folder / NOTE)


def remove_note(folder: Path) -> None:
    """Have the next process look at every kernel again."""
    with contextlib.suppress(OSError):
        (folder / NOTE).unlink()


def clear(folder: Path) -> None:
    """Remove what was compiled, the note first."""
    remove_note(folder)
    for path in folder.rglob("*.nb[ic]"):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(
    folder: Path, *, timeout: float, waiting: Callable[[], None] | None = None
) -> Iterator[bool]:
    """Hold the lock of ``folder`` in the block; gives whether it was got within ``timeout`` s.

    It vanishes with its holder, however that ends. ``waiting`` is called now and then meanwhile,
    and may raise. Where the file system has no locks, nobody is kept waiting and False comes.
    """
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError:
        yield False
        return
    _held.add(descriptor)
    got = False
    try:
        got = _wait_for(descriptor, time.monotonic() + timeout, waiting)
        yield got
    finally:
        if descriptor in _held:  # not in a child that was forked inside the block
            _held.discard(descriptor)
            if got:
                fcntl.flock(descriptor, fcntl.LOCK_UN)  # also for children that still have it
            os.close(descriptor)


def _wait_for(descriptor: int, until: float, waiting: Callable[[], None] | None) -> bool:
    if fcntl is None:
        return False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
        except OSError:  # no locks here
            return False
        if waiting is not None:
            waiting()
        time.sleep(_POLL_SECONDS)


def forget_locks() -> None:
    """In a forked child: close the parent's locks without giving them up for the parent."""
    for descriptor in list(_held):
        _held.discard(descriptor)
        with contextlib.suppress(OSError):
            os.close(descriptor)


def remove_unused(parent: Path, keep: Path, now: float) -> list[Path]:
    """Remove the folders of kernels in ``parent`` that were not used for `UNUSED_SECONDS`.

    Args:
        parent: the folder that holds them; what is not named like them is left alone.
        keep: one that stays in any case.
        now: seconds since the epoch.

    Returns:
        those removed.
    """
    removed = []
    for folder in sorted(parent.glob("kernels-*")):
        if folder == keep or not _FOLDER.fullmatch(folder.name) or folder.is_symlink():
            continue
        if folder.is_dir() and now - _last_used(folder) > UNUSED_SECONDS:
            with locked(folder, timeout=0) as mine:  # somebody may be at work there after all
                if mine:
                    remove_note(folder)
                    shutil.rmtree(folder, ignore_errors=True)
                    removed.append(folder)
    return removed


def _last_used(folder: Path) -> float:
    times = []
    for path in (folder, folder / NOTE, folder / LOCK):
        with contextlib.suppress(OSError):
            times.append(path.stat().st_mtime)
    return max(times, default=0.0)
