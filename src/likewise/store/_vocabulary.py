"""The different strings of a column, sorted, as one block of bytes that can be mapped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int32]

# Byte order of UTF-8 is code-point order, so it sorts as Python sorts strings; half a
# surrogate pair, which JSON can bring, keeps its place too.
ERRORS = "surrogatepass"


class Vocabulary:
    """n different strings in ascending order; string i is ``data[offsets[i]:offsets[i + 1]]``."""

    __slots__ = ("_view", "data", "offsets")

    def __init__(self, data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> None:
        self.data = data
        self.offsets = offsets
        self._view = memoryview(data)  # type: ignore[arg-type]

    @classmethod
    def of(cls, pieces: Sequence[bytes]) -> Vocabulary:
        """From encoded strings, sorted and different."""
        offsets = np.zeros(len(pieces) + 1, dtype=np.int64)
        np.cumsum([len(piece) for piece in pieces], out=offsets[1:])
        return cls(np.frombuffer(b"".join(pieces), dtype=np.uint8), offsets)

    @classmethod
    def encode(cls, strings: Sequence[str]) -> tuple[Vocabulary, Codes]:
        """The vocabulary of ``strings``, and the (n,) code of each."""
        ordered = sorted(set(strings))
        code_of = {text: code for code, text in enumerate(ordered)}
        codes = np.fromiter(map(code_of.__getitem__, strings), np.int32, len(strings))
        return cls.of([text.encode("utf-8", ERRORS) for text in ordered]), codes

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, code: int) -> bytes:
        return bytes(self._view[self.offsets[code] : self.offsets[code + 1]])

    def __iter__(self) -> Iterator[bytes]:
        data, offsets = self.data.tobytes(), self.offsets.tolist()
        return (data[offsets[i] : offsets[i + 1]] for i in range(len(self)))

    def span(self, text: str) -> tuple[int, int]:
        """How many strings are less than ``text``, and how many less or equal (bisection)."""
        wanted = text.encode("utf-8", ERRORS)
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self[middle] < wanted:
                low = middle + 1
            else:
                high = middle
        return low, low + (low < len(self) and self[low] == wanted)

    def containing(self, text: str) -> npt.NDArray[np.bool_]:
        """(n,) which strings have ``text`` in them. Cost: one pass over the bytes."""
        wanted = text.encode("utf-8", ERRORS)
        if not wanted:
            return np.ones(len(self), dtype=np.bool_)
        found = np.zeros(len(self), dtype=np.bool_)
        # No hit begins within a character of UTF-8, so bytes and characters agree.
        hits = (hit.start() for hit in re.finditer(re.escape(wanted), self._view))
        starts = np.fromiter(hits, np.int64)
        first = np.searchsorted(self.offsets, starts, side="right") - 1
        last = np.searchsorted(self.offsets, starts + len(wanted), side="left") - 1
        found[first[first == last]] = True
        # A hit that runs over the end of a string is none, and may have hidden a true one.
        for low, high in zip(first[first < last], last[first < last], strict=True):
            for code in range(low, high + 1):
                found[code] |= wanted in self[code]
        return found
