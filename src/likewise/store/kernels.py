"""Search kernels for whoever builds graphs: waited for where there is time, else done without.

Without kernels a segment is sealed without a graph, and scanned; somebody who has them builds
its graph later. So nothing of a collection ever depends on them but its speed.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

from likewise.errors import CacheWarning
from likewise.index import _compiled

Progress = Callable[[int, int], None]

_POLL_SECONDS = 0.05


def load_now(rows: int = 0, progress: Progress | None = None) -> bool:
    """Load the kernels, and compile them if need be, which is announced on stderr.

    For `seal`, `compact`, `repair` and `recall`, whose callers wait. Gives whether they are
    there; ``progress`` is called with (0, ``rows``) meanwhile, and may raise to interrupt.

    Warns:
        CacheWarning: they cannot be had.
    """
    if _compiled.ready():
        return True
    interrupted = False

    def heard(done: int, total: int) -> None:
        nonlocal interrupted
        interrupted = True  # unless it returns
        if progress is not None:
            progress(0, rows)
        interrupted = False

    try:
        _compiled.kernels(heard)
    except Exception as error:
        if interrupted:
            raise
        _warn(error)
        return False
    return True


def load_patiently(check: Callable[[], None]) -> bool:
    """The same for a thread that nobody waits for: another process compiles, announcing nothing.

    ``check`` is called now and then, and may raise to leave.
    """
    _compiled.load_behind()
    while _compiled.loading():
        check()
        time.sleep(_POLL_SECONDS)
    if not _compiled.ready():
        _compiled.load_behind()  # warns, if nobody was told before
    return _compiled.ready()


def load_at_hand() -> bool:
    """The same for a process that is about to end: only what is compiled already.

    If nothing is, another process compiles it, for those to come.
    """
    if _compiled.ready():
        return True
    try:
        if _compiled.cached():
            return load_now()
        _compiled.compile_behind()
    except Exception as error:
        _warn(error)
    return False


def _warn(error: Exception) -> None:
    warnings.warn(
        f"the compiled search kernels cannot be loaded ({error!r}); rows are kept without a "
        "graph, and scanned; `likewise warm` shows why",
        CacheWarning,
        stacklevel=3,
    )
