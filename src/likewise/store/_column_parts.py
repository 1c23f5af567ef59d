"""Columns joined and cut: the rows of several, or some rows of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from likewise.store._column import (
    BIG,
    DTYPES,
    LIST,
    STRING,
    Array,
    Column,
    offsets_of,
)
from likewise.store._vocabulary import Vocabulary


def concat(columns: Sequence[Column]) -> Column:
    """The rows of ``columns``, one after the other."""
    if len(columns) == 1:
        return columns[0]
    if not columns:
        return Column(np.zeros(0, dtype=np.uint8), {})
    parts = list(columns)
    arrays = {kind: _joined(parts, kind) for kind in DTYPES if any(kind in p.arrays for p in parts)}
    vocabulary, tables = Vocabulary.merge([part.vocabulary for part in parts])
    if STRING in arrays:
        arrays[STRING] = _recoded(parts, STRING, tables)
    big = tuple(sorted({value for part in parts for value in part.big}))
    if BIG in arrays:
        code_of = {value: code for code, value in enumerate(big)}
        arrays[BIG] = _recoded(
            parts, BIG, [np.array([code_of[v] for v in part.big], np.int32) for part in parts]
        )
    offsets, members = _joined_lists(parts)
    kinds = np.concatenate([part.kinds for part in parts])
    return Column(kinds, arrays, vocabulary, big, offsets, members)


def take(column: Column, indices: Array) -> Column:
    """The rows at ``indices``; strings and members that no row has any more are dropped."""
    if indices.dtype == np.bool_:
        indices = np.flatnonzero(indices)
    indices = indices.astype(np.int64, copy=False)
    kinds = column.kinds[indices]
    present = set(np.unique(kinds).tolist())
    arrays = {kind: a[indices] for kind, a in column.arrays.items() if kind in present}
    vocabulary, big = Vocabulary.of([]), ()
    if STRING in arrays:
        used, arrays[STRING] = _shrunk(arrays[STRING], kinds == STRING)
        vocabulary = column.vocabulary.subset(used)
    if BIG in arrays:
        used, arrays[BIG] = _shrunk(arrays[BIG], kinds == BIG)
        big = tuple(column.big[code] for code in used.tolist())
    offsets, members = _taken_lists(column, indices)
    return Column(kinds, arrays, vocabulary, big, offsets, members)


def _joined(parts: list[Column], kind: int) -> Array:
    return np.concatenate(
        [part.arrays.get(kind, np.zeros(len(part), dtype=DTYPES[kind])) for part in parts]
    )


def _recoded(parts: list[Column], kind: int, tables: list[Array]) -> Array:
    """The codes of ``kind`` translated by each part's table; zero where the kind is another."""
    pieces = []
    for part, table in zip(parts, tables, strict=True):
        codes = np.zeros(len(part), dtype=np.int32)
        rows = part.kinds == kind
        if rows.any():
            codes[rows] = table[part.arrays[kind][rows]]
        pieces.append(codes)
    return np.concatenate(pieces)


def _shrunk(codes: Array, rows: Array) -> tuple[Array, Array]:
    """The codes in use among ``rows``, and all codes counted anew among those."""
    used, new = np.unique(codes[rows], return_inverse=True)
    recoded = np.zeros(len(codes), dtype=np.int32)
    recoded[rows] = new
    return used, recoded


def _joined_lists(parts: list[Column]) -> tuple[Array | None, Column | None]:
    if all(part.members is None for part in parts):
        return None, None
    lengths = [
        np.zeros(len(part), np.int64) if part.offsets is None else np.diff(part.offsets)
        for part in parts
    ]
    members = concat([part.members for part in parts if part.members is not None])
    return offsets_of(np.concatenate(lengths)), members


def _taken_lists(column: Column, indices: Array) -> tuple[Any, Column | None]:
    if column.offsets is None or column.members is None or LIST not in column.kinds[indices]:
        return None, None
    starts, lengths = column.offsets[indices], np.diff(column.offsets)[indices]
    offsets = offsets_of(lengths)
    flat = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
    return offsets, take(column.members, flat)
