"""faiss, imported when it is used, with as many threads as the caller says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.errors import DamagedFile


def faiss() -> Any:
    """The module; importing it takes some tenths of a second."""
    import faiss as module

    return module


@contextmanager
def threads(count: int) -> Iterator[None]:
    """faiss works with ``count`` threads; other Python threads keep their own number."""
    module = faiss()
    before = module.omp_get_max_threads()
    if before == count:
        yield
        return
    module.omp_set_num_threads(count)
    try:
        yield
    finally:
        module.omp_set_num_threads(before)


def to_bytes(index: Any) -> npt.NDArray[np.uint8]:
    """A faiss index as bytes."""
    data: npt.NDArray[np.uint8] = faiss().serialize_index(index)
    return data


def from_bytes(data: npt.NDArray[np.uint8]) -> Any:
    """The inverse, in memory of its own.

    Raises:
        DamagedFile: the bytes are not those of an index.
    """
    try:
        return faiss().deserialize_index(np.array(data))
    except (RuntimeError, MemoryError) as error:
        raise DamagedFile("the index in it cannot be read; build it again") from error


def selector(mask: npt.NDArray[np.bool_]) -> tuple[Any, npt.NDArray[np.uint8]]:
    """faiss's form of a mask over ids, and the bits that must live as long."""
    bits = np.packbits(mask, bitorder="little")
    return faiss().IDSelectorBitmap(bits), bits
