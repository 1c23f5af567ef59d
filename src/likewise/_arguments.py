"""Checks shared by every public function: names of arguments, ``k``, ``recall``, seeds."""

from __future__ import annotations

import functools
import inspect
import numbers
from collections.abc import Callable, Iterable
from difflib import SequenceMatcher, get_close_matches
from itertools import takewhile
from typing import Any, ParamSpec, TypeVar

import numpy as np

from likewise.errors import InvalidArgument, InvalidType, UnknownArgument

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)

# What users of other libraries type for our words.
FOREIGN_NAMES = {
    "top_k": "k",
    "topk": "k",
    "limit": "k",
    "n": "k",
    "n_results": "k",
    "n_neighbors": "k",
    "count": "k",
    "filter": "where",
    "filters": "where",
    "query_filter": "where",
    "expr": "where",
    "fusion": "fuse",
    "fields": "using",
    "field": "using",
    "max_distance": "radius",
    "threshold": "radius",
    "score_threshold": "min_score",
    "space": "metric",
    "distance": "metric",
    "dimension": "dim",
    "dimensions": "dim",
    "ndim": "dim",
    "n_dim": "dim",
    "embedding_function": "encoder",
    "model": "encoder",
    "seed": "random_state",
    "random_seed": "random_state",
    "threads": "n_jobs",
    "n_threads": "n_jobs",
    "num_threads": "n_jobs",
    "workers": "n_jobs",
}


def suggest_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Make a wrong keyword raise `UnknownArgument` with "did you mean …?".

    The check costs a set difference when keywords are given, nothing otherwise.
    """
    parameters = inspect.signature(function).parameters
    known = {
        name
        for name, p in parameters.items()
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and name != "self"
    }

    # A class is called by its own name.
    called = function.__qualname__.removesuffix(".__init__").rpartition(".")[2]

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs and not kwargs.keys() <= known:
            name = type(args[0]).__name__ if args and function.__name__ == "__init__" else called
            raise unknown_argument(name, sorted(set(kwargs) - known)[0], known)
        return function(*args, **kwargs)

    return checked


def suggest_fields(cls: C) -> C:
    """`suggest_arguments` for a dataclass: above its decorator."""
    cls.__init__ = suggest_arguments(cls.__init__)  # type: ignore[misc]
    return cls


def unknown_argument(function: str, name: str, known: set[str]) -> UnknownArgument:
    """The error for keyword ``name``, with the nearest name that ``function`` takes."""
    guess = FOREIGN_NAMES.get(name)
    if guess not in known:
        guess = nearest_name(name, known)
    hint = f"did you mean {guess!r}?" if guess else f"it takes {', '.join(sorted(known))}"
    return UnknownArgument(f"{function}() has no argument {name!r}; {hint}")


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """The one of ``known`` that ``name`` was probably meant to be; None where none is like it.

    People who err in a name mostly begin it right: each letter of a common beginning counts a
    tenth on top of difflib's ratio, up to four of them.

    Example:
        >>> nearest_name("fusion", {"using", "fuse", "k"}), nearest_name("xyz", {"using"})
        ('fuse', None)
    """
    close = sorted(get_close_matches(name, list(known), n=5))
    if not close:
        return None

    def likeness(other: str) -> float:
        common = sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(name, other, strict=False))
        )
        return SequenceMatcher(None, name, other).ratio() + min(4, common) / 10

    return max(close, key=likeness)


def check_k(k: Any) -> int:
    """``k`` as a positive int, or the error that says why not."""
    if type(k) is int and k > 0:  # the usual case: the look at abstract types costs more
        return k
    if isinstance(k, (bool, np.bool_)) or not isinstance(k, numbers.Integral):
        raise InvalidType(
            f"k must be a positive integer; got {k!r} of type {type(k).__name__}; "
            "for all rows within a distance use k=None with radius="
        )
    if k <= 0:
        raise InvalidArgument(f"k must be a positive integer; got {k}")
    return int(k)


def check_recall(recall: Any) -> float:
    """``recall`` as a float in (0, 1]."""
    if type(recall) is float and 0 < recall <= 1:
        return recall
    if isinstance(recall, (bool, np.bool_)) or not isinstance(recall, numbers.Real):
        raise InvalidType(f"recall must be a number in (0, 1]; got {recall!r}")
    number: Any = recall
    if not 0 < number <= 1:  # compared as it came: an integer may be beyond every float
        raise InvalidArgument(f"recall must be in (0, 1]; got {recall!s:.60}")
    return float(number)


def check_number(name: str, value: Any) -> float:
    """``value`` as a finite float; ``name`` is the argument's name for the message."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise InvalidType(f"{name} must be a number; got {value!r} of type {type(value).__name__}")
    try:
        number = float(value)
    except OverflowError:  # an integer beyond the largest float
        number = np.inf
    if not np.isfinite(number):
        raise InvalidArgument(f"{name} must be finite; got {value!s:.60}")
    return number


def check_count(name: str, value: Any, *, minimum: int = 1) -> int:
    """``value`` as an int of at least ``minimum``."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
        raise InvalidType(
            f"{name} must be an integer; got {value!r} of type {type(value).__name__}"
        )
    if value < minimum:
        raise InvalidArgument(f"{name} must be at least {minimum}; got {value}")
    return int(value)


def check_jobs(n_jobs: Any) -> int:
    """``n_jobs`` as a number of threads: None is 1, -1 is all cores."""
    if n_jobs is None:
        return 1
    if n_jobs == -1:
        import os

        return os.cpu_count() or 1
    return check_count("n_jobs", n_jobs)
