"""What every index does before and after its own work: calls are checked, answers handed out."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np

from likewise._arguments import check_k, check_number, check_recall
from likewise.errors import InvalidArgument, InvalidFile, InvalidType
from likewise.index._protocol import Answer, Flat, Request
from likewise.index._selection import select
from likewise.index._slots import IdArray, Slots
from likewise.results import Neighbours, SearchInfo, join_rows

#: The recall aimed at when none is asked for.
DEFAULT_RECALL = 0.95


def read_request(
    k: Any, radius: Any, recall: Any, exact: Any, where: Any, slots: Slots, *, what: str = "rows"
) -> Request:
    """The arguments of a search, checked.

    Raises:
        InvalidArgument, InvalidType: what is wrong is named; ``what`` is what rows are called.
    """
    if k is None and radius is None:
        raise InvalidArgument(f"k=None asks for all {what} within a radius; give radius= too")
    if exact is not False and not isinstance(exact, (bool, np.bool_)):
        raise InvalidType(f"exact must be True or False; got {exact!r}")
    return Request(
        None if k is None else check_k(k),
        None if radius is None else check_number("radius", radius),
        DEFAULT_RECALL if recall is None else check_recall(recall),
        bool(exact),
        select(where, slots),
    )


def read_positions(ids: Any) -> IdArray:
    """(n,) positions of rows, as `delete` takes them.

    Raises:
        InvalidType: no integers.
    """
    given = np.atleast_1d(np.asarray(ids))
    if given.size and (given.dtype.kind not in "iu" or given.ndim != 1):
        raise InvalidType(f"ids must be integers; got an array of {given.dtype}, {given.shape}")
    return given.astype(np.int64)


def nothing(queries: int) -> Answer:
    """The answer where no row can match, or nobody asks."""
    reason = "no row can match" if queries else "there is no query"
    nobody = np.empty(0, dtype=np.int64)
    flat = Flat(nobody, np.empty(0), np.zeros(queries + 1, dtype=np.int64))
    return Answer(flat, "exact", 1.0, 0, reason)


def neighbours(answer: Answer, matching: int, slots: Slots, start: float) -> Neighbours:
    """What a hook answered, as the caller gets it; ``start`` is when the call began."""
    found = answer.rows
    ids, distances, offsets = found if isinstance(found, Flat) else join_rows(found)
    info = SearchInfo(
        answer.strategy,
        answer.recall,
        answer.scanned,
        perf_counter() - start,
        matching,
        answer.reason,
        answer.candidates,
    )
    return Neighbours(slots.to_positions(ids), distances, offsets, info)


def refuse_other_file(path: Any, header: dict[str, Any], name: str, version: int) -> None:
    """Only a file of the index ``name`` in this format can be loaded.

    Raises:
        InvalidFile: it holds another kind of index, or has another format.
    """
    if header.get("index") != name or header.get("format") != version:
        raise InvalidFile(
            f"{path}: expected an index {name!r} of format {version}; got "
            f"{header.get('index')!r} of format {header.get('format')!r}; load it with "
            "likewise.index.load, or build it again"
        )
