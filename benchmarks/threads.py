"""One thread each, for us and for every peer, said before any library is loaded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: What the libraries at work here read when they are loaded.
VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "TOKIO_WORKER_THREADS",
    "LANCE_CPU_THREADS",
    "PARLAY_NUM_THREADS",
)


def pin(threads: int) -> None:
    """Allow so many threads; call it before numpy is imported (child processes inherit it)."""
    for name in VARIABLES:
        os.environ[name] = str(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def pinned() -> str:
    """What is in force, for the report."""
    return os.environ.get(VARIABLES[0], "not pinned")


@contextmanager
def one_core() -> Iterator[bool]:
    """Keep every thread of this process on one core meanwhile; yields whether that is so.

    Libraries keep threads from work done before, so each is moved, not only the caller's.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield False
        return
    before = os.sched_getaffinity(0)
    _move({max(before)})
    try:
        yield True
    finally:
        _move(before)


def _move(cores: set[int]) -> None:
    for task in Path("/proc/self/task").iterdir():
        try:
            os.sched_setaffinity(int(task.name), cores)
        except ProcessLookupError:  # it has ended meanwhile
            continue
