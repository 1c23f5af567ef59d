"""`Spectrum`: a kernel of texts, by the n-grams that they share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from likewise._arguments import check_count, suggest_arguments
from likewise.errors import InvalidArgument, InvalidType
from likewise.kernels._rows import FloatArray
from likewise.kernels.base import Kernel
from likewise.kernels.feature_maps import FeatureMap
from likewise.kernels.parameters import Float64Array
from likewise.kernels.things._counts import CountRows, counted

#: low, high, unit: what counts depend on.
Key = tuple[int, int, str]


class TextRows:
    """Texts, with their n-grams once they were counted."""

    def __init__(self, texts: list[str], counts: dict[Key, CountRows] | None = None) -> None:
        self.texts = texts
        self.counts = {} if counts is None else counts

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, at: Any) -> TextRows:
        texts = self.texts[at] if isinstance(at, slice) else [self.texts[i] for i in at]
        return TextRows(texts, {key: rows[at] for key, rows in self.counts.items()})


class Spectrum(Kernel):
    """``k(s, t) = sum over n-grams u of count_u(s) count_u(t)``, normalised by default.

    Args:
        n: the length of an n-gram, or (shortest, longest).
        unit: ``"char"`` or ``"word"``: what an n-gram is made of. N-grams are those of
            scikit-learn's ``CountVectorizer``: runs of white space count as one space, words
            are runs of letters, digits and underscores; case counts.
        normalised: divide by the root of k(s, s) k(t, t). A text that is too short for any n-gram
            then has 1 with its like and 0 with others.

    Rows: strings.

    Features: counts of n-grams, hashed to n_features places with signs.

    Cost: a pass over the texts, and one sparse matrix product.

    Source: C. Leslie, E. Eskin and W. S. Noble, "The spectrum kernel: a string kernel for SVM
    protein classification", Pacific Symposium on Biocomputing, 2002.

    Example:
        >>> Spectrum(n=2)(["banana", "bandana", "cherry"]).round(3).tolist()
        [[1.0, 0.825, 0.0], [0.825, 1.0, 0.0], [0.0, 0.0, 1.0]]
        >>> float(Spectrum(n=2, normalised=False)("banana", "bandana"))
        7.0
    """

    name = "spectrum"

    @suggest_arguments
    def __init__(
        self, n: int | tuple[int, int] = 3, *, unit: str = "char", normalised: bool = True
    ) -> None:
        self.n = n
        self.unit = unit
        self.normalised = normalised
        self._check_parameters()

    def _check_parameters(self) -> None:
        if self.unit not in ("char", "word"):
            raise InvalidArgument(f"unit must be 'char' or 'word'; got {self.unit!r}")
        low, high = self._range()
        if low > high:
            raise InvalidArgument(f"n must be (shortest, longest); got {self.n!r}")
        super()._check_parameters()

    def _range(self) -> tuple[int, int]:
        if isinstance(self.n, (tuple, list)):
            if len(self.n) != 2:
                raise InvalidArgument(f"n must be a number or (shortest, longest); got {self.n!r}")
            return check_count("n[0]", self.n[0]), check_count("n[1]", self.n[1])
        return check_count("n", self.n), int(self.n)

    @property
    def takes_vectors(self) -> bool:
        return False

    def _as_rows(self, values: Any, what: str) -> TextRows:
        rows = values if isinstance(values, TextRows) else TextRows(_texts(values, what))
        rows.counts[self._key] = self._counts(rows)
        return rows

    def _check_alike(self, X: TextRows, Y: TextRows) -> None:
        pass  # any two texts can be compared

    @property
    def _key(self) -> Key:
        return *self._range(), self.unit

    def _counts(self, rows: TextRows) -> CountRows:
        if self._key not in rows.counts:
            grams = self._grams()
            rows.counts[self._key] = counted([Counter(grams(text)) for text in rows.texts])
        return rows.counts[self._key]

    def _grams(self) -> Callable[[str], list[str]]:
        from sklearn.feature_extraction.text import CountVectorizer

        vectoriser = CountVectorizer(
            analyzer=self.unit,
            ngram_range=self._range(),
            lowercase=False,
            token_pattern=r"(?u)\b\w+\b" if self.unit == "word" else None,
        )
        grams: Callable[[str], list[str]] = vectoriser.build_analyzer()
        return grams

    def _tile(self, rows: TextRows) -> int:
        return 512  # sparse products have a cost of their own a call

    def _entries(self, X: TextRows, Y: TextRows) -> Float64Array:
        one, two = self._counts(X), self._counts(Y)
        out = one.products(two)
        if self.normalised:
            squares = one.squares[:, None] * two.squares
            out /= np.sqrt(np.where(squares > 0, squares, 1.0))
            out[(one.squares == 0)[:, None] & (two.squares == 0)] = 1.0
        return out

    def _diagonal(self, X: TextRows) -> Float64Array:
        return np.ones(len(X)) if self.normalised else self._counts(X).squares

    def _feature_map(self, n_features: int, seed: np.random.SeedSequence) -> FeatureMap:
        return _Hashed(n_features, seed, self.copy())


class _Hashed(FeatureMap):
    """Signed hashing of n-grams; the seed is hashed with each."""

    def __init__(self, n_features: int, seed: np.random.SeedSequence, kernel: Spectrum) -> None:
        super().__init__(n_features)
        self._kernel, self._mark = kernel, int(seed.generate_state(1)[0])

    def _as_rows(self, values: Any) -> TextRows:
        return values if isinstance(values, TextRows) else TextRows(_texts(values, "X"))

    def _map(self, X: TextRows) -> FloatArray:
        from sklearn.feature_extraction import FeatureHasher

        grams = self._kernel._grams()
        counts = [Counter(grams(text)) for text in X.texts]
        if self._kernel.normalised:  # texts without n-grams are like each other
            counts = [row or Counter([""]) for row in counts]
        marked = [{f"{self._mark} {gram}": n for gram, n in row.items()} for row in counts]
        out: FloatArray = FeatureHasher(self.n_features).transform(marked).toarray()
        if self._kernel.normalised:
            lengths = [np.sqrt(sum(n * n for n in row.values())) for row in counts]
            out /= np.maximum(lengths, 1.0)[:, None]
        return out


def _texts(values: Any, what: str) -> list[str]:
    if isinstance(values, str):
        return [values]
    if not isinstance(values, Iterable):
        raise InvalidType(f"{what}: expected strings; got {values!r:.60}")
    texts = list(values)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise InvalidType(
                f"{what}: row {i} must be a string; got {text!r:.60} of type {type(text).__name__}"
            )
    return texts
