"""What a forked child must not inherit: locks that a thread of the parent holds.

Only the thread that forks lives on in the child; whatever another one held would stay held
for ever. So every lock of the store is a `Mutex`, and each thing that cannot be shared with
the parent is watched, and told.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from types import TracebackType
from typing import Protocol


class Forkable(Protocol):
    """Something that has to begin anew in a child."""

    def after_fork(self) -> None:
        """Called in the child, right after the fork."""


_watched: weakref.WeakSet[Forkable] = weakref.WeakSet()


def watch(thing: Forkable) -> None:
    """Have ``thing.after_fork()`` called in every forked child, as long as it lives."""
    _watched.add(thing)


def _in_child() -> None:
    for thing in list(_watched):
        thing.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


class Mutex:
    """A re-entrant lock, for ``with`` only, that is free in a forked child.

    Example:
        >>> mutex = Mutex()
        >>> with mutex, mutex:
        ...     print("mine")
        mine
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        watch(self)

    def after_fork(self) -> None:
        """Nobody holds it in the child."""
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A fork inside the block leaves the child a new lock, which it never took.
        with contextlib.suppress(RuntimeError):
            self._lock.release()
