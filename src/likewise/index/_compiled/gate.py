"""Forks wait for the end of a step: a child born inside one would inherit numba half-way.

Only the thread that forks lives on in the child. Whatever lock of the import system or of
numba's compiler another thread held would be held there for ever. So loading goes step by
step, and a fork happens between two steps.
"""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401
import logging  # noqa: F401
import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from likewise.index._compiled.marker import forget_locks

# Other modules lock something before a fork, too: the two above do, and numba needs loggers.
# The last to be registered is the first to be asked, so they must be there before this one:
# else a fork would hold their lock, and wait for a step that waits for it.

#: A fork waits no longer than this for a step, lest some other module does the same.
FORK_SECONDS = 60.0


class Forkable(Protocol):
    """Something that has to begin anew in a child."""

    def after_fork(self) -> None:
        """Called in the child, right after the fork."""


class _Gate:
    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._fork_waits = self._held_for_fork = False

    @contextmanager
    def step(self) -> Iterator[None]:
        if self._fork_waits:  # locks are not fair: let it go first
            time.sleep(0.005)
        with self._lock:
            yield

    def before_fork(self) -> None:
        self._fork_waits = True
        self._held_for_fork = self._lock.acquire(timeout=FORK_SECONDS)

    def in_parent(self) -> None:
        self._fork_waits = False
        if self._held_for_fork:
            self._lock.release()

    def in_child(self) -> None:
        self._lock = threading.RLock()
        self._fork_waits = False
        forget_locks()
        for thing in list(_watched):
            thing.after_fork()


_gate = _Gate()
_watched: weakref.WeakSet[Forkable] = weakref.WeakSet()
#: A context in which no fork happens: one step of loading.
step = _gate.step


def watch(thing: Forkable) -> None:
    """Have ``thing.after_fork()`` called in every forked child, as long as it lives."""
    _watched.add(thing)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_gate.before_fork,
        after_in_parent=_gate.in_parent,
        after_in_child=_gate.in_child,
    )
