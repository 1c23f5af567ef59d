"""NumPy files: ``.npy`` holds vectors, ``.npz`` vectors and columns beside them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.errors import InvalidFile
from likewise.store._json_values import load_value
from likewise.store.readers.record import Columns, Place, Record, Row, without_missing

Array = npt.NDArray[Any]

_VECTOR_NAMES = ("vector", "vectors", "X")
_ID_NAMES = ("id", "ids")
_BLOCK = 1024


def ids_beside(path: Path) -> Path:
    """The file with the ids of the ``.npy`` file ``path``: ``a.npy`` has ``a.ids.jsonl``."""
    return path.with_suffix(".ids.jsonl")


def read_npy(path: Path, columns: Columns) -> Iterator[Record]:
    """One record a row of an (n, dim) array of numbers.

    The ids are the lines of ``NAME.ids.jsonl`` beside ``NAME.npy`` where that file is (an
    export writes it), else the row numbers from 0. The array is mapped: memory is one block.

    Raises:
        InvalidFile: no ``.npy`` file, not two-dimensional, not numbers, or another number
            of ids than of rows.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:  # numpy's own words would advise unsafe loading
        raise InvalidFile(
            f"{path}: not a .npy file of numbers; write it with numpy.save"
        ) from error
    if not isinstance(array, np.ndarray):
        raise InvalidFile(f"{path}: holds several arrays; give it the suffix .npz")
    _check_vectors(array, str(path))
    ids = _ids(path, len(array))
    for number, vector in enumerate(rows_of(array)):
        row: Row = {"id": next(ids), "vector": vector}
        yield Record(
            Place(str(path), "record", number), (number + 1) / len(array), columns.apply(row)
        )


def read_npz(path: Path, columns: Columns) -> Iterator[Record]:
    """One record a row of the vectors in an ``.npz`` file.

    The array called ``vector``, ``vectors`` or ``X`` (or the one that ``columns`` names)
    holds the vectors; ``id`` or ``ids`` the ids, else they are the row numbers. Every other
    one-dimensional array of the same length is metadata; NaN and NaT in it are missing.
    Memory: the whole file, since the format is an archive.

    Raises:
        InvalidFile: no archive, no vectors, or an array of another length or shape.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive if columns.key(name) is not None}
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise InvalidFile(
            f"{path}: not an .npz file of plain arrays; write it with numpy.savez"
        ) from error
    arrays = _default_names(arrays, columns)
    count = _check_columns(arrays, path, columns)
    iterators = {name: rows_of(array) for name, array in arrays.items()}
    for number in range(count):
        row = without_missing({name: next(values) for name, values in iterators.items()})
        row = columns.apply(row)
        row.setdefault("id", number)
        yield Record(Place(str(path), "record", number), (number + 1) / count, row)


def rows_of(array: Array) -> Iterator[Any]:
    """The rows of ``array``: float32 vectors of a 2-d one, Python values of a 1-d one."""
    for start in range(0, len(array), _BLOCK):
        block = array[start : start + _BLOCK]
        if array.ndim == 2:
            yield from np.array(block)
        else:
            yield from _python_values(block)


def _python_values(block: Array) -> list[Any]:
    if block.dtype.kind == "M" and np.datetime_data(block.dtype)[0] not in ("D", "W", "M", "Y"):
        block = block.astype("datetime64[us]")  # nanoseconds would come out as integers
    elif block.dtype.kind == "M":
        block = block.astype("datetime64[D]")
    values: list[Any] = block.tolist()
    return values


def _ids(path: Path, count: int) -> Iterator[Any]:
    beside = ids_beside(path)
    if not beside.exists():
        yield from range(count)
        return
    with open(beside, "rb") as file:
        lines = sum(1 for _ in file)
    if lines != count:
        raise InvalidFile(
            f"{beside}: expected one id for each of the {count} rows of {path.name}; got {lines}; "
            "export both files again, or remove this one to number the rows"
        )
    with open(beside, "rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield load_value(line)
            except ValueError as error:
                raise InvalidFile(
                    f"{beside}, line {number}: expected an id as JSON; {error}"
                ) from error


def _check_vectors(array: Array, what: str) -> None:
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise InvalidFile(
            f"{what}: expected vectors as an (n, dim) array of numbers; "
            f"got shape {array.shape} of {array.dtype}"
        )


def _default_names(arrays: dict[str, Array], columns: Columns) -> dict[str, Array]:
    """The usual names for vectors and ids replaced by ours, unless the caller named others."""
    for role, names, chosen in (
        ("vector", _VECTOR_NAMES, columns.vector),
        ("id", _ID_NAMES, columns.id),
    ):
        found = [name for name in names if name in arrays and name not in columns.named]
        if chosen is None and found and role not in arrays:
            arrays = {role if name == found[0] else name: a for name, a in arrays.items()}
    return arrays


def _check_columns(arrays: dict[str, Array], path: Path, columns: Columns) -> int:
    keys = {name: columns.key(name) or "" for name in arrays}
    vectors = [n for n, key in keys.items() if key == "vector" or key.startswith("vectors.")]
    if not vectors:
        raise InvalidFile(
            f"{path}: expected the vectors in an array called {' or '.join(_VECTOR_NAMES)}; "
            f"got {', '.join(arrays) or 'nothing'}; name the one to take with vector="
        )
    for name in vectors:
        _check_vectors(arrays[name], f"{path}, array {name!r}")
    count = len(arrays[vectors[0]])
    for name, array in arrays.items():
        if len(array.shape) == 0 or len(array) != count or (array.ndim > 1 and name not in vectors):
            raise InvalidFile(
                f"{path}, array {name!r}: expected {count} values, one for each vector; got shape "
                f"{array.shape}; leave it out with rename={{{name!r}: None}}"
            )
    return count
