"""Bags in memory that can grow: as they are, or as codes of 8 or 4 bits a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.index._sampling import row_hashes
from likewise.vectors import Bags, Float32Array, spans

IdArray = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

#: How bags may be kept, with the largest whole number that a code takes, up or down.
STORAGES = {"float32": 0, "8-bit": 127, "4-bit": 7}
#: Arrays with one entry a bag; others have one a vector.
OF_BAGS = ("errors", "lengths", "keys")
#: Vectors coded at a time.
BLOCK = 1 << 14


class Growing:
    """An array that grows at its end, by doubling; a read-only one is used where it lies."""

    def __init__(self, array: npt.NDArray[Any]) -> None:
        self._buffer = np.array(array, order="C") if array.flags.writeable else array
        self._count = len(array)

    @property
    def array(self) -> npt.NDArray[Any]:
        """What there is: a view, which later changes leave as it is."""
        return self._buffer[: self._count]

    def extend(self, more: npt.NDArray[Any]) -> None:
        """Append ``more``."""
        needed = self._count + len(more)
        if needed > len(self._buffer):
            shape = (max(needed, 2 * self._count), *self._buffer.shape[1:])
            grown = np.empty(shape, dtype=self._buffer.dtype)
            grown[: self._count] = self.array
            self._buffer = grown
        self._buffer[self._count : needed] = more
        self._count = needed

    def cut(self, count: int) -> None:
        """Forget all but the first ``count``."""
        self._count = min(self._count, count)


class BagStore:
    """What an index keeps of its bags.

    A number x of a vector is coded as ``round(x / step)``, where the step of the vector is its
    largest absolute number over 127 (8 bits) or over 7 (4 bits, two numbers a byte). What it
    stands for is then stretched, so that the vector keeps its length.

    Args:
        storage: a key of `STORAGES`.
        originals: whether float32 vectors are kept beside codes.
        dim: numbers a vector.
        arrays: all there is to keep, by name.
    """

    def __init__(
        self, storage: str, originals: bool, dim: int, arrays: Mapping[str, npt.NDArray[Any]]
    ) -> None:
        self.storage, self.originals, self.dim = storage, originals, dim
        self._arrays = {name: Growing(array) for name, array in arrays.items()}

    @classmethod
    def of(cls, bags: Bags, storage: str, originals: bool) -> BagStore:
        """Of checked bags; read-only vectors (of a mapped file) are used where they lie."""
        whole = originals or storage == "float32"
        return cls(storage, whole, bags.dim, _arrays_of(bags, storage, whole))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def offsets(self) -> IdArray:
        """(n + 1,) as in `Bags`."""
        return self._arrays["offsets"].array

    @property
    def errors(self) -> Float64Array:
        """(n,) the farthest that a vector of each bag lies from what its code stands for."""
        return self._arrays["errors"].array

    @property
    def lengths(self) -> Float64Array:
        """(n,) the length of the longest vector of each bag, of its codes if those are longer."""
        return self._arrays["lengths"].array

    @property
    def keys(self) -> IdArray:
        """(n,) a hash of each bag, by which samples are drawn."""
        return self._arrays["keys"].array

    @property
    def nbytes(self) -> int:
        """Bytes of all that is kept."""
        return sum(growing.array.nbytes for growing in self._arrays.values())

    @property
    def bags(self) -> Bags:
        """The vectors as they came, or, without originals, as their codes stand for them."""
        if self.originals:
            return Bags(self._arrays["vectors"].array, self.offsets)
        return self.compared(np.arange(len(self)))

    def compared(self, slots: IdArray) -> Bags:
        """The bags at ``slots`` (ascending) as they are compared first: by codes if there are."""
        if len(slots) and slots[-1] - slots[0] + 1 == len(slots):
            offsets = self.offsets[slots[0] : slots[-1] + 2]
            at: Any = slice(offsets[0], offsets[-1])
            offsets = offsets - offsets[0]
        else:
            at, offsets = spans(self.offsets, slots)
        if self.storage == "float32":
            return Bags(self._arrays["vectors"].array[at], offsets)
        codes, steps = self._arrays["codes"].array[at], self._arrays["steps"].array[at]
        return Bags(decoded(codes, steps, self.storage, self.dim), offsets)

    def ranked(self, slot: int) -> Float32Array:
        """The (m, dim) vectors that the distance is of: the originals where they are kept."""
        if self.originals:
            start, stop = self.offsets[slot : slot + 2]
            return np.asarray(self._arrays["vectors"].array[start:stop])
        return self.compared(np.array([slot])).vectors

    def extend(self, bags: Bags) -> None:
        """Append checked bags."""
        more = _arrays_of(bags, self.storage, self.originals)
        more["offsets"] = more["offsets"][1:] + self.offsets[-1]
        before = {name: len(growing.array) for name, growing in self._arrays.items()}
        try:
            for name, growing in self._arrays.items():
                growing.extend(more[name])
        except BaseException:
            for name, growing in self._arrays.items():
                growing.cut(before[name])
            raise

    def cut(self, bags: int) -> None:
        """Forget all but the first ``bags``."""
        vectors = int(self.offsets[bags])
        for name, growing in self._arrays.items():
            count = bags if name in OF_BAGS else bags + 1 if name == "offsets" else vectors
            growing.cut(count)

    def kept(self, keep: IdArray) -> BagStore:
        """The bags at ``keep`` (ascending) alone, in memory of their own."""
        at, offsets = spans(self.offsets, keep)
        arrays = {
            name: growing.array[keep if name in OF_BAGS else at]
            for name, growing in self._arrays.items()
            if name != "offsets"
        }
        for array in arrays.values():
            array.flags.writeable = False  # nobody else has them: no second copy
        return BagStore(self.storage, self.originals, self.dim, {**arrays, "offsets": offsets})

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All there is, for a file."""
        return {name: growing.array for name, growing in self._arrays.items()}


def bytes_of(storage: str, originals: bool, dim: int, vectors: int, bags: int) -> int:
    """What a `BagStore` takes.

    Example:
        >>> bytes_of("8-bit", False, 384, 1000, 10)
        388328
    """
    a_vector = 4 * dim if originals or storage == "float32" else 0
    if storage != "float32":
        a_vector += 4 + (dim if storage == "8-bit" else (dim + 1) // 2)
    return vectors * a_vector + bags * 32 + 8


def coded(vectors: Float32Array, storage: str) -> tuple[npt.NDArray[np.uint8], Float32Array]:
    """Codes (t, bytes) and steps (t,) of vectors (t, dim)."""
    most = STORAGES[storage]
    steps = (np.abs(vectors).max(axis=1) / np.float32(most)).astype(np.float32)
    # The step of a tiny vector may be 0 in float32: then all of it is coded as 0.
    divisors = np.where(steps > 0, steps, np.float32(1))[:, None]
    with np.errstate(over="ignore"):
        codes = np.clip(np.rint(vectors / divisors), -most, most).astype(np.int8)
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    whole = np.linalg.norm(codes.astype(np.float64), axis=1)
    steps = np.divide(lengths, whole, out=np.zeros_like(lengths), where=whole > 0)
    if storage == "8-bit":
        return codes.view(np.uint8), steps.astype(np.float32)
    nibbles = np.zeros((len(codes), codes.shape[1] + codes.shape[1] % 2), dtype=np.uint8)
    nibbles[:, : codes.shape[1]] = codes + 8
    return nibbles[:, ::2] | (nibbles[:, 1::2] << 4), steps.astype(np.float32)


def decoded(
    codes: npt.NDArray[np.uint8], steps: Float32Array, storage: str, dim: int
) -> Float32Array:
    """(t, dim) what codes stand for."""
    if storage == "8-bit":
        whole = codes.view(np.int8).astype(np.float32)
    else:
        whole = np.empty((len(codes), 2 * codes.shape[1]), dtype=np.float32)
        whole[:, ::2] = codes & 15
        whole[:, 1::2] = codes >> 4
        whole = whole[:, :dim] - np.float32(8)
    whole *= steps[:, None]
    return np.ascontiguousarray(whole)


def _arrays_of(bags: Bags, storage: str, originals: bool) -> dict[str, npt.NDArray[Any]]:
    vectors, starts = bags.vectors, bags.offsets[:-1]
    lengths, errors = np.zeros((2, len(vectors)), dtype=np.float64)
    parts, steps = [], []
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK]
        exact = block.astype(np.float64)
        here = slice(start, start + len(block))
        lengths[here] = np.linalg.norm(exact, axis=1)
        if storage != "float32":
            codes, step = coded(block, storage)
            parts.append(codes)
            steps.append(step)
            stood_for = decoded(codes, step, storage, bags.dim).astype(np.float64)
            errors[here] = np.linalg.norm(exact - stood_for, axis=1)
            lengths[here] = np.maximum(lengths[here], np.linalg.norm(stood_for, axis=1))
    hashes = row_hashes(vectors, np.arange(len(vectors)))
    arrays: dict[str, npt.NDArray[Any]] = {
        "offsets": bags.offsets,
        "lengths": _each(np.maximum, lengths, starts),
        "errors": _each(np.maximum, errors, starts),
        "keys": _each(np.add, hashes, starts).view(np.int64),
    }
    if originals:
        arrays["vectors"] = vectors
    if storage != "float32":
        width = bags.dim if storage == "8-bit" else (bags.dim + 1) // 2
        arrays["codes"] = np.concatenate([np.empty((0, width), dtype=np.uint8), *parts])
        arrays["steps"] = np.concatenate([np.empty(0, dtype=np.float32), *steps])
    return arrays


def _each(ufunc: np.ufunc, values: npt.NDArray[Any], starts: IdArray) -> npt.NDArray[Any]:
    """``ufunc`` over the vectors of each bag; there may be no bag, but none is empty."""
    return np.asarray(ufunc.reduceat(values, starts)) if len(starts) else values[:0]
