"""Python threads for kernels that run without the interpreter's lock."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")
R = TypeVar("R")

_pools: list[ThreadPoolExecutor] = []


def in_threads(jobs: int, task: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """``[task(item) for item in items]``, with ``jobs`` threads at work.

    The results are in the order of ``items``, whatever the threads do. The caller is one of
    the threads, so calls may be nested, and come from several threads at once.

    Args:
        jobs: at least 1; no more threads than processors help.
        task: called once an item; the work is shared only while it runs without the
            interpreter's lock, as kernels do.
        items: pieces of work, best several for each thread.

    Raises:
        what ``task`` raises, for the first of the items that failed. Pieces not begun are left
        out then, and also after Ctrl-C; those begun are waited for.

    Example:
        >>> in_threads(2, lambda number: number * number, range(5))
        [0, 1, 4, 9, 16]
    """
    pieces = list(items)
    helpers = min(jobs, len(pieces)) - 1
    if helpers < 1:
        return [task(piece) for piece in pieces]
    work = _Work(task, pieces)
    futures = [_pool().submit(work.take) for _ in range(helpers)]
    try:
        work.take()
    finally:
        work.stopped = True  # no new pieces: all are taken, or something was raised
        # Those cancelled count as done only when a thread of the pool comes by, and all of
        # them may be waiting here.
        wait([future for future in futures if not future.cancel()])
    return work.results()


class _Work(Generic[T, R]):
    def __init__(self, task: Callable[[T], R], pieces: Sequence[T]) -> None:
        self._task, self._pieces = task, pieces
        self._next = itertools.count()  # one step of it is atomic
        self._done: list[Any] = [None] * len(pieces)
        self._failed: dict[int, BaseException] = {}
        self.stopped = False

    def take(self) -> None:
        while not self.stopped:
            place = next(self._next)
            if place >= len(self._pieces):
                return
            try:
                self._done[place] = self._task(self._pieces[place])
            except Exception as error:
                self._failed[place] = error
                self.stopped = True

    def results(self) -> list[R]:
        if self._failed:
            raise self._failed[min(self._failed)]
        return cast(list[R], self._done)


def _pool() -> ThreadPoolExecutor:
    if not _pools:
        _pools.append(ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="likewise"))
    return _pools[0]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.clear)  # its threads stay in the parent
