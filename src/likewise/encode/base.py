"""What every encoder is: objects in, vectors of one length out.

Public methods check, hooks compute: a new encoder writes `_encode` and `_identity`, adds
one line to `likewise.encode.ENCODERS`, and inherits `likewise.testing.encoder`.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.errors import InvalidRow, InvalidType

Float32Array = npt.NDArray[np.float32]

#: Called with how many texts are done and how many there are; may raise to interrupt.
Progress = Callable[[int, int], None]


class Encoder(ABC):
    """Turns texts to vectors of length one.

    Attributes:
        name: the name in the registry.
        dim: how many numbers a vector has.
        metric: the metric its vectors are made for.
        nested: whether the first numbers of a vector are trained to tell the most (Matryoshka), so
            that searches by ``dims=`` take them as they are.

    Example:
        An encoder of your own needs two hooks.

        >>> class Length(Encoder):
        ...     name, dim = "length", 2
        ...     def _identity(self):
        ...         return b"1"
        ...     def _encode(self, texts, progress):
        ...         rows = np.array([[len(text), 1.0] for text in texts], dtype=np.float32)
        ...         return rows / np.linalg.norm(rows, axis=1, keepdims=True)
        >>> Length().encode(["a", "abc"]).shape
        (2, 2)
    """

    name: str
    dim: int
    metric: str = "cosine"
    nested: bool = False

    @cached_property
    def fingerprint(self) -> str:
        """Identifies the vectors: equal fingerprints encode a text alike, to rounding.

        The name, a colon, and 16 hexadecimal digits of the SHA-256 of all that the vectors
        depend on. A collection keeps it, and refuses another encoder.
        """
        return fingerprint_of(self.name, self._identity())

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Float32Array:
        """The vectors of ``texts``, one row a text, in the order given.

        A vector depends on its own text only: the rest of the batch changes it by rounding
        at most. A text longer than the model's window is cut at the window's end.

        Args:
            texts: n strings; each must have a character that is not white space.
            progress: called with (done, n) after each piece of work, at last with (n, n). What
                it raises ends the encoding and reaches the caller.

        Returns:
            (n, dim) float32, rows of length one.

        Raises:
            InvalidType: not a list of strings; the message names the row.
            InvalidRow: a text that is empty, blank, or no Unicode (lone surrogates).

        Example:
            >>> from likewise.encode import get_encoder
            >>> get_encoder("hashing").encode(["to be", "or not to be"]).shape
            (2, 256)
        """
        checked = check_texts(texts)
        if not checked:
            vectors = np.empty((0, self.dim), dtype=np.float32)
        else:
            vectors = self._encode(checked, progress or silent)
        if progress is not None:
            progress(len(checked), len(checked))
        return vectors

    def encode_query(self, text: str) -> Float32Array:
        """The (dim,) float32 vector of one question; errors as in `encode`.

        Example:
            >>> from likewise.encode import get_encoder
            >>> get_encoder("hashing").encode_query("to be").shape
            (256,)
        """
        if not isinstance(text, str):
            raise InvalidType(f"a query must be a str; got {describe(text)}")
        check_texts([text], what="the query")
        return self._encode_query(text)

    @abstractmethod
    def _identity(self) -> bytes:
        """Everything the vectors depend on; cheap to gather."""

    @abstractmethod
    def _encode(self, texts: list[str], progress: Progress) -> Float32Array:
        """Checked texts (at least one) to (n, dim) float32 rows of length one."""

    def _encode_query(self, text: str) -> Float32Array:
        """One checked text; encoders that mark questions in another way override this."""
        row: Float32Array = self._encode([text], silent)[0]
        return row

    def __repr__(self) -> str:
        return f"{type(self).__name__}(dim={self.dim})"


def fingerprint_of(name: str, identity: bytes) -> str:
    """``name``, a colon, and 16 hexadecimal digits of the SHA-256 of ``identity``."""
    return f"{name}:{hashlib.sha256(identity).hexdigest()[:16]}"


def check_texts(texts: Any, *, what: str | None = None, blank: bool = False) -> list[str]:
    """``texts`` as a list of strings that can be encoded, or the error naming the row.

    ``blank`` allows texts without a character, which have no direction but can have no terms.
    """
    if isinstance(texts, (str, bytes)):
        raise InvalidType(
            f"texts must be a list of strings; got one {type(texts).__name__}; "
            "put it in a list, or use encode_query"
        )
    try:
        checked = list(texts)
    except TypeError:
        raise InvalidType(f"texts must be a list of strings; got {describe(texts)}") from None
    for row, text in enumerate(checked):
        if not isinstance(text, str):
            raise InvalidType(
                f"{what or f'row {row}'} must be a str to encode; got {describe(text)}"
            )
        if not blank and (not text or text.isspace()):
            raise InvalidRow(
                f"{what or f'row {row}'}: expected a text to encode; got "
                f"{'only white space' if text else 'an empty one'}; "
                "leave it out or bring a vector"
            )
        if not text.isascii():
            _refuse_surrogates(text, what or f"row {row}")
    return checked


def _refuse_surrogates(text: str, what: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidRow(
            f"{what}: expected Unicode text; got a lone surrogate {text[error.start]!r} at "
            f"character {error.start}; decode the source with errors='replace'"
        ) from None


def describe(value: object) -> str:
    shown = repr(value)
    return f"{shown if len(shown) <= 40 else shown[:37] + '...'} of type {type(value).__name__}"


def silent(done: int, total: int) -> None:
    """Nobody asked for progress."""
