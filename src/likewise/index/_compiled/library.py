"""`Library`: a package of kernels, compiled once a machine and loaded once a process."""

from __future__ import annotations

import contextlib
import importlib
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from likewise.errors import CacheWarning
from likewise.index._compiled import marker
from likewise.index._compiled.announce import Announcer
from likewise.index._compiled.gate import step, watch
from likewise.index._compiled.jit import compiled_now, keep_no_more, kernels_of
from likewise.index._compiled.place import Place, place_of
from likewise.index._compiled.processor import instruction_set

#: Called with (steps done, steps in all).
Progress = Callable[[int, int], None]
#: Whoever compiles in another process for longer than this is not waited for any more.
PATIENCE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class WarmReport:
    """What `warm` found and did.

    Attributes:
        folder: where the compiled kernels are kept; None when no folder can be written.
        instructions: the instruction set they use.
        compiled: pieces of code that were compiled now; 0 when all were there.
        seconds: how long it took.
        problem: why they are not kept where they should be, and the remedy; empty if they are.

    Example:
        >>> WarmReport("kernels-0123456789abcdef", "avx2", 12, 31.5, "").compiled
        12
    """

    folder: str | None
    instructions: str
    compiled: int
    seconds: float
    problem: str

    def to_dict(self) -> dict[str, Any]:
        """The same as a dict of plain values.

        Example:
            >>> WarmReport(None, "plain", 0, 0.1, "").to_dict()["instructions"]
            'plain'
        """
        return asdict(self)


class Library:
    """The kernels of a package, by the convention in `likewise.index._compiled`.

    Args:
        package: its full name.
        modules: the names of its modules that hold kernels, in the order to load them.
    """

    def __init__(self, package: str, modules: tuple[str, ...]) -> None:
        self.package, self.modules = package, modules
        self._loading = threading.RLock()
        self._namespace: SimpleNamespace | None = None
        self._known: dict[Any, int] = {}
        watch(self)

    def after_fork(self) -> None:
        """The thread that was loading is not in the child; what is loaded is."""
        self._loading = threading.RLock()

    @property
    def ready(self) -> bool:
        """Whether the kernels can be used at once. Cost: none."""
        return self._namespace is not None

    @property
    def place(self) -> Place:
        """Where the compiled kernels are kept."""
        with step():  # finding it imports modules
            return place_of(self.package)

    def cached(self) -> bool:
        """Whether compiled kernels for this machine are on disk."""
        folder = self.place.folder
        return folder is not None and marker.is_complete(folder)

    def kernels(self, progress: Progress | None = None, *, quiet: bool = False) -> SimpleNamespace:
        """The modules as attributes of one object; loaded, and compiled if need be.

        Args:
            progress: called with (steps done, steps in all); what it raises interrupts.
            quiet: do not announce a compilation on stderr, nor warn that it cannot be kept.

        Cost: nothing when they are `ready`; some 0.1 s to load; else the compilation.
        """
        with self._loading:
            if self._namespace is None:
                if not quiet and self.place.problem:
                    warnings.warn(self.place.problem, CacheWarning, stacklevel=2)
                announcer = Announcer(quiet=quiet)
                self._namespace = self._load(progress or _no_progress, announcer)
            return self._namespace

    def warm(self, progress: Progress | None = None) -> WarmReport:
        """Compile everything for this machine, unless it was done, and load it."""
        started, before = time.perf_counter(), compiled_now(self.package)
        self.kernels(progress, quiet=True)
        return WarmReport(
            folder=None if self.place.folder is None else str(self.place.folder),
            instructions=instruction_set(),
            compiled=compiled_now(self.package) - before,
            seconds=round(time.perf_counter() - started, 3),
            problem=self.place.problem,
        )

    def late(self) -> list[str]:
        """Kernels that had to be compiled after the loading, for types nobody had foreseen.

        A search should never come to that: their ``warm_up`` lacks a call.
        """
        if self._namespace is None:
            return []
        grown = [k for k in kernels_of(self.package) if len(k.signatures) > self._known.get(k, 0)]
        return sorted(k.__name__ for k in grown)

    # -- loading ---------------------------------------------------------------------

    def _load(self, progress: Progress, announcer: Announcer) -> SimpleNamespace:
        folder = self.place.folder
        if folder is None:
            return self._run(_both(progress, announcer.compiling))
        if marker.is_complete(folder):
            with contextlib.suppress(_Damaged):
                return self._read(folder, progress)
            marker.remove_note(folder)
        with marker.locked(folder, timeout=PATIENCE_SECONDS, waiting=announcer.waiting) as mine:
            if marker.is_complete(folder):  # another process did it meanwhile
                with contextlib.suppress(_Damaged):
                    return self._read(folder, progress)
            progress = _both(progress, announcer.compiling)
            try:
                return self._compile(folder, progress, mine)
            except _Damaged:  # or a kernel that cannot be compiled, which is now told
                if mine:
                    marker.clear(folder)
                # What was loaded before the damage showed is not written again. So this leaves
                # no note, and the next process completes the rest.
                return self._run(progress)

    def _read(self, folder: Path, progress: Progress) -> SimpleNamespace:
        before = compiled_now(self.package)
        namespace = self._run(progress, reading=True)
        if compiled_now(self.package) > before:  # the note was not true: numba found less
            marker.remove_note(folder)
        else:
            marker.touch_note(folder)
        return namespace

    def _compile(self, folder: Path, progress: Progress, mine: bool) -> SimpleNamespace:
        if not mine:  # nothing may be written without the lock
            keep_no_more(self.package)
        started = time.perf_counter()
        namespace = self._run(progress, reading=True)  # what an interrupted process left
        if mine:
            with contextlib.suppress(OSError):  # a full disk: the next process compiles again
                marker.write_note(folder, time.perf_counter() - started)
                marker.remove_unused(folder.parent, folder, time.time())
        return namespace

    def _run(self, progress: Progress, *, reading: bool = False) -> SimpleNamespace:
        modules = dict(self._imported())
        with step():
            calls = [
                call for module in modules.values() for call in getattr(module, "warm_up", list)()
            ]
        for done, call in enumerate(calls):
            progress(done, len(calls))
            with step():
                try:
                    call()
                except Exception as error:
                    if reading:  # anything may come of a file with wrong bytes in it
                        raise _Damaged from error
                    raise
        progress(len(calls), len(calls))
        keep_no_more(self.package)
        self._known = {k: len(k.signatures) for k in kernels_of(self.package)}
        return SimpleNamespace(**modules)

    def _imported(self) -> Iterator[tuple[str, Any]]:
        with step():
            importlib.import_module("numba")  # the longest import by far is a step of its own
        for name in self.modules:
            with step():
                module = importlib.import_module(f"{self.package}.{name}")
            yield name, module


class _Damaged(Exception):
    """A kernel could not be loaded from its files."""


def _both(progress: Progress, notice: Progress) -> Progress:
    def both(done: int, total: int) -> None:
        notice(done, total)
        progress(done, total)

    return both


def _no_progress(done: int, total: int) -> None:
    pass
