"""`MiniLMTokens`: one vector a token of a text, in its context, offline.

The model of `MiniLM` before the mean over its tokens. It was trained for that mean, not for
late interaction (O. Khattab and M. Zaharia, "ColBERT", SIGIR 2020), so its tokens are a fair
stand-in for a model that was, and no better.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from likewise._arguments import suggest_arguments
from likewise.encode.base import Float32Array, Progress
from likewise.encode.minilm import MiniLM
from likewise.encode.tokens import TokenEncoder
from likewise.errors import InvalidRow
from likewise.vectors import Bags


class MiniLMTokens(TokenEncoder):
    """all-MiniLM-L6-v2 by tokens: 384 numbers for each piece of a word, at length one.

    The last layer's vectors, without those of the two marks at the ends, which belong to no
    word. Reads the first 254 pieces of a text (about 190 English words). Questions and documents
    are encoded alike. Texts, backends and weights as in `MiniLM`.

    Args:
        backend: ``"auto"`` chooses by the amount of work; ``"numpy"`` or ``"torch"`` insists.

    Raises:
        MissingExtra: the extra ``text`` is not installed (or torch, when insisted on).
        InvalidArgument: no such backend.

    Cost: as `MiniLM`; 1,536 bytes a token come out.

    Example:
        >>> bags = MiniLMTokens().encode(["a kitten sleeps", "naps"])
        >>> bags.counts.tolist(), bags.dim
        ([3, 2], 384)
    """

    name = "minilm-tokens"
    dim = 384

    @suggest_arguments
    def __init__(self, backend: Literal["auto", "numpy", "torch"] = "auto") -> None:
        self._model = MiniLM(backend)

    def _identity(self) -> bytes:
        return b"tokens without marks\0" + self._model._identity()

    def _encode(self, texts: list[str], progress: Progress) -> Bags:
        bags: list[Float32Array] = [np.empty((0, self.dim), np.float32)] * len(texts)
        passes = self._model.passes(texts, progress, lambda model, packed: model.tokens(packed))
        for rows, packed, found in passes:
            found /= np.linalg.norm(found, axis=1, keepdims=True)
            lengths = np.repeat(
                [run.length for run in packed.runs], [run.sequences for run in packed.runs]
            )
            for row, bag in zip(rows, np.split(found, np.cumsum(lengths)[:-1]), strict=True):
                bags[row] = bag[1:-1]
        counts = [len(bag) for bag in bags]
        if 0 in counts:
            row = counts.index(0)
            raise InvalidRow(
                f"row {row}: expected a text with words or signs; no token is left of "
                f"{texts[row]!r:.60}; leave it out"
            )
        return Bags(np.concatenate(bags), np.cumsum([0, *counts], dtype=np.int64))
