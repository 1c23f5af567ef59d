"""Scoring postings: compiled once a machine, loaded behind the first answers, or in numpy.

`search` is the kernel when it is loaded and its plain twin until then; the results are the same.
The conventions are those of `likewise.index._compiled`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from likewise.index._compiled.behind import Behind
from likewise.index._compiled.library import Library, Progress, WarmReport
from likewise.index._postings import plain

#: The modules that hold kernels, in the order in which they are loaded.
KERNELS: tuple[str, ...] = (
    "scoring",
    "heap",
    "bounds",
    "sums",
    "lists",
    "settling",
    "search",
)

_library = Library(__name__, KERNELS)
_behind = Behind(_library)


def ready() -> bool:
    """Whether the kernels are loaded in this process. Cost: none."""
    return _library.ready


def searcher() -> Callable[..., int]:
    """The kernel, or its plain twin while it is being loaded.

    Warns:
        CacheWarning: an earlier call failed to load it.
    """
    if _library.ready:
        found: Any = _library.kernels().search
        return found.search  # type: ignore[no-any-return]
    _behind.start()
    return plain.search


def warm(progress: Progress | None = None) -> WarmReport:
    """Compile the kernels for this machine, unless it was done, and load them."""
    return _library.warm(progress)


__all__ = ["KERNELS", "ready", "searcher", "warm"]
