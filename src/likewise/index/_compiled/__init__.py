"""Compiled kernels: made once a machine, loaded once a process, never while a module is imported.

Importing this package imports no numba. `kernels` gives the modules of `KERNELS`, compiling
them if this machine has not done so; `load_behind` does the same without anybody waiting.

Each module that `KERNELS` names keeps to this:

- Its compiled functions are decorated with `likewise.index._compiled.jit.kernel`, and call
  only functions of this package: these sources make the name of the folder that compiled
  code is kept in, and code of other places would go stale unseen.
- It may have a function ``warm_up()`` that returns a list of callables without arguments. Each
  calls one kernel on tiny arrays of the types that searches use; together they cover every
  kernel and every signature that is called from Python. Between two of them the work may be
  interrupted, so they should be small. What a search compiles all the same is in `late`.
- Which instructions it may use, it learns from `likewise.index._compiled.processor`.
- It is reached through `kernels`, not imported, except by its neighbours.

Several threads share work through `in_threads`.
"""

from __future__ import annotations

from types import SimpleNamespace

from likewise.index._compiled.behind import Behind
from likewise.index._compiled.library import Library, Progress, WarmReport
from likewise.index._compiled.threads import in_threads

#: The modules that hold kernels, in the order in which they are loaded.
KERNELS: tuple[str, ...] = (
    "space",
    "walk",
    "link",
    "reach",
    "rank",
    "scan",
    "search",
    "among",
    "hops",
    "parts",
    "window",
    "warming",
)

_library = Library(__name__, KERNELS)
_behind = Behind(_library)


def ready() -> bool:
    """Whether the kernels are loaded in this process. Cost: none."""
    return _library.ready


def cached() -> bool:
    """Whether they are compiled for this machine and need only be loaded.

    Cost: reads the sources and looks at each file the first time (some 50 ms).
    """
    return _library.cached()


def kernels(progress: Progress | None = None) -> SimpleNamespace:
    """The modules of `KERNELS` as attributes of one object; waits until they are loaded.

    Args:
        progress: called with (steps done, steps in all); what it raises interrupts.

    Warns:
        CacheWarning: what was compiled cannot be kept where it should be.

    Cost: nothing when they are `ready`; some 0.1 s to load; compiling them takes about a
    minute, once a machine, and is announced on stderr.
    """
    return _library.kernels(progress)


def load_behind() -> None:
    """Load the kernels in the background, once; another process compiles them if need be.

    Warns:
        CacheWarning: an earlier call failed to load them.
    """
    _behind.start()


def loading() -> bool:
    """Whether `load_behind` is at work: neither done nor given up. Cost: none."""
    return _behind.under_way


def compile_behind() -> None:
    """Have another process compile the kernels, unless it was done, and wait for nothing.

    For a process that is about to end: the next one finds them. Cost: that of `cached`, and of
    starting a process.
    """
    _behind.compile_elsewhere()


def warm(progress: Progress | None = None) -> WarmReport:
    """Compile the kernels for this machine, unless it was done, and load them.

    Args:
        progress: called with (steps done, steps in all); what it raises interrupts. What was
            compiled until then is kept.

    Returns:
        where they are kept, what was compiled, and what stands in the way of keeping it.

    Cost: about a minute, once a machine (and again when Likewise, numba or the processor
    changes); then some 0.1 s. `likewise warm` is the same on the command line.

    Example:
        >>> warm().compiled >= 0
        True
        >>> warm().compiled  # now they are there
        0
    """
    return _library.warm(progress)


def late() -> list[str]:
    """Names of the kernels that were compiled after the loading, for types not foreseen."""
    return _library.late()


__all__ = [
    "KERNELS",
    "Progress",
    "WarmReport",
    "cached",
    "compile_behind",
    "in_threads",
    "kernels",
    "late",
    "load_behind",
    "loading",
    "ready",
    "warm",
]
