"""`kernel`: the decorator of every compiled function, which knows where its code is kept."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, overload

from likewise.errors import InvalidArgument
from likewise.index._compiled.place import place_of

F = TypeVar("F", bound=Callable[..., Any])

_decorating = threading.RLock()
_kernels: dict[str, weakref.WeakSet[Any]] = {}
_closed: set[str] = set()


@overload
def kernel(function: F, /) -> F: ...
@overload
def kernel(*, parallel: bool = False, **options: Any) -> Callable[[F], F]: ...


def kernel(function: Any = None, /, *, parallel: bool = False, **options: Any) -> Any:
    """numba's ``njit`` for the functions of a package of kernels.

    They run without the interpreter's lock, and are cached in the folder of their package
    (`likewise.index._compiled.place`). Compiled for the types of their arguments at the first
    call, which a package's ``warm_up`` makes.

    Args:
        function: what to compile; it may call kernels of its own package and no others.
        parallel: refused.
        options: as ``numba.njit`` takes them (``fastmath``, ``inline``, ``error_model``, ...),
            but for ``nogil`` and ``cache``, which are set here.

    Raises:
        InvalidArgument: ``parallel=True``: numba's threads may not be entered by several
            Python threads at once; share the work with `in_threads` instead.

    Example:
        >>> @kernel(fastmath=True)
        ... def total(numbers):
        ...     result = 0.0
        ...     for number in numbers:
        ...         result += number
        ...     return result
        >>> import numpy as np
        >>> total(np.array([1.0, 2.5]))
        3.5
    """
    if parallel:
        raise InvalidArgument(
            "a kernel must not be parallel=True: numba's threads may not be entered by several "
            "Python threads at once; share the work with in_threads"
        )
    if function is None:
        return lambda inner: _compiled(inner, options)
    return _compiled(function, options)


def _compiled(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    import numba

    package = function.__module__.rpartition(".")[0]
    # The public way to place a cache is a setting for all of numba that is read while a
    # function is decorated. It is set only for that moment, so that other code is not
    # disturbed, and functions that are made later, one a dimension, say, are placed as well.
    folder = _folder(function, package)
    config: Any = numba.config
    with _decorating:
        before = config.CACHE_DIR
        config.CACHE_DIR = folder or before
        try:
            made = numba.njit(function, nogil=True, cache=bool(folder), **options)
        finally:
            config.CACHE_DIR = before
    if hasattr(made, "signatures"):  # not when NUMBA_DISABLE_JIT leaves it in Python
        _kernels.setdefault(package, weakref.WeakSet()).add(made)
    return made


def _folder(function: Callable[..., Any], package: str) -> str:
    # A function from no file (a prompt, an archive) has no place; numba would choose another.
    if package in _closed or not os.path.isfile(function.__code__.co_filename):
        return ""
    folder = place_of(package).folder
    return "" if folder is None else str(folder)


def kernels_of(package: str) -> Iterator[Any]:
    """The kernels of ``package`` that were decorated so far."""
    yield from list(_kernels.get(package, ()))


def compiled_now(package: str) -> int:
    """How many pieces of code this process compiled for ``package``, not finding them cached."""
    return sum(sum(k.stats.cache_misses.values()) for k in kernels_of(package))


def keep_no_more(package: str) -> None:
    """Write nothing to the cache from here on.

    After the loading nobody holds the lock under which it may be written. What is compiled
    for unforeseen types later, and kernels that are made later, stay in memory.
    """
    _closed.add(package)
    for one in kernels_of(package):
        cache = getattr(one, "_cache", None)  # the switch is public, the way to it is not
        if cache is not None:
            cache.disable()
