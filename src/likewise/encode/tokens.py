"""What every token encoder is: texts in, a bag of vectors each out.

Public methods check, hooks compute: a new one writes `_encode` and `_identity`, adds one line
to `likewise.encode.TOKEN_ENCODERS`, and inherits `likewise.testing.tokens`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from likewise.encode.base import Progress, check_texts, describe, fingerprint_of, silent
from likewise.errors import InvalidType
from likewise.vectors import Bags


class TokenEncoder(ABC):
    """Turns texts to bags of vectors of length one, for late interaction.

    Attributes:
        name: the name in the registry.
        dim: how many numbers a vector has.
        metric: the metric its vectors are made for.

    Example:
        >>> class Letters(TokenEncoder):
        ...     name, dim = "letters", 26
        ...     def _identity(self):
        ...         return b"1"
        ...     def _encode(self, texts, progress):
        ...         places = [[ord(c) - 97 for c in text if "a" <= c <= "z"] for text in texts]
        ...         ends = np.cumsum([0, *map(len, places)])
        ...         return Bags(np.eye(26, dtype=np.float32)[sum(places, [])], ends)
        >>> Letters().encode(["abba", "c"]).counts.tolist()
        [4, 1]
    """

    name: str
    dim: int
    metric: str = "cosine"

    @cached_property
    def fingerprint(self) -> str:
        """Identifies the vectors, as `Encoder.fingerprint` does."""
        return fingerprint_of(self.name, self._identity())

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Bags:
        """The bags of ``texts``, one a text, in the order given.

        A bag depends on its own text only, up to rounding. A text longer than the model's
        window is cut at the window's end.

        Args:
            texts: n strings; each must have a character that is not white space.
            progress: called with (done, n) after each piece of work, at last with (n, n). What
                it raises ends the encoding and reaches the caller.

        Returns:
            n bags of float32 vectors of length one.

        Raises:
            InvalidType: not a list of strings; the message names the row.
            InvalidRow: a text that is empty, blank, no Unicode, or of which no token is left.

        Example:
            >>> from likewise.encode import get_token_encoder
            >>> get_token_encoder("minilm-tokens").encode(["to be", "or not to be"])
            Bags(2 bags, 6 vectors of 384 numbers)
        """
        checked = check_texts(texts)
        if not checked:
            bags = Bags(np.empty((0, self.dim), np.float32), np.zeros(1, np.int64))
        else:
            bags = self._encode(checked, progress or silent)
        if progress is not None:
            progress(len(checked), len(checked))
        return bags

    def encode_query(self, text: str) -> Bags:
        """The one bag of a question; errors as in `encode`.

        Example:
            >>> from likewise.encode import get_token_encoder
            >>> get_token_encoder("minilm-tokens").encode_query("to be")[0].shape
            (2, 384)
        """
        if not isinstance(text, str):
            raise InvalidType(f"a query must be a str; got {describe(text)}")
        check_texts([text], what="the query")
        return self._encode_query(text)

    @abstractmethod
    def _identity(self) -> bytes:
        """Everything the vectors depend on; cheap to gather."""

    @abstractmethod
    def _encode(self, texts: list[str], progress: Progress) -> Bags:
        """Checked texts (at least one) to bags of float32 vectors of length one."""

    def _encode_query(self, text: str) -> Bags:
        """One checked text; encoders that mark questions in another way override this."""
        return self._encode([text], silent)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(dim={self.dim})"
