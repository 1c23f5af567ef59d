"""The files of the TEXMEX benchmarks: each vector stands after its own length."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from likewise.errors import InvalidFile
from likewise.store.readers.record import Columns, Place, Record, broken


def read_fvecs(path: Path, columns: Columns) -> Iterator[Record]:
    """One record a vector of 32-bit floats; ids are the record numbers from 0.

    The format is an int32 dimension and then the values, little-endian, for each vector
    (H. Jegou, M. Douze, C. Schmid, "Product quantization for nearest neighbor search",
    IEEE TPAMI 2011). The file is mapped: memory is one vector.
    """
    return _read(path, columns, np.dtype("<f4"))


def read_bvecs(path: Path, columns: Columns) -> Iterator[Record]:
    """One record a vector of bytes, as in `read_fvecs`."""
    return _read(path, columns, np.dtype("u1"))


def _read(path: Path, columns: Columns, dtype: np.dtype[Any]) -> Iterator[Record]:
    size = path.stat().st_size
    if size == 0:
        return
    data = np.memmap(path, dtype=np.uint8, mode="r")
    dim = _dim(data, 0)
    width = 4 + dim * dtype.itemsize
    if size < 4 or dim <= 0 or width > size:
        raise InvalidFile(
            f"{path}: expected vectors, each after its number of dimensions; the first says {dim}, "
            f"which does not fit a file of {size} bytes"
        )
    for number, start in enumerate(range(0, size, width)):
        place, fraction = Place(str(path), "record", number), min((start + width) / size, 1.0)
        if start + width > size:
            why = f"the file breaks off: expected {width} bytes, got {size - start}"
            yield broken(place, fraction, why, None)
            return
        found = _dim(data, start)
        if found != dim:  # where the next record starts is anybody's guess
            raise InvalidFile(f"{place}: expected {dim} dimensions as in record 0; got {found}")
        values = np.frombuffer(data[start + 4 : start + width].tobytes(), dtype=dtype)
        row = {"id": number, "vector": values.astype(np.float32)}
        yield Record(place, fraction, row=columns.apply(row))


def _dim(data: np.ndarray[Any, np.dtype[np.uint8]], start: int) -> int:
    return int.from_bytes(data[start : start + 4].tobytes(), "little", signed=True)
