"""Compiled loops of learners, kept and loaded by the conventions of `likewise.index._compiled`."""

from __future__ import annotations

from types import SimpleNamespace

from likewise.index._compiled.library import Library, Progress, WarmReport

#: The modules that hold kernels, in the order in which they are loaded.
KERNELS: tuple[str, ...] = ("near",)

_library = Library(__name__, KERNELS)


def kernels() -> SimpleNamespace:
    """The modules of `KERNELS` as attributes; waits until they are loaded.

    Cost: nothing the second time; a few seconds to compile them, once a machine.
    """
    return _library.kernels()


def warm(progress: Progress | None = None) -> WarmReport:
    """Compile the kernels for this machine, unless it was done, and load them."""
    return _library.warm(progress)


def late() -> list[str]:
    """Names of the kernels that were compiled after the loading, for types not foreseen."""
    return _library.late()


__all__ = ["KERNELS", "kernels", "late", "warm"]
