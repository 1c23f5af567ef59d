"""Generated rows: vectors shaped like sentence embeddings, and metadata to filter by.

Sentence vectors come in topics and subtopics of very different size, some texts near the
middle of theirs and some far off, and their spectrum falls like a power. So do these. For
3,000 rows, here and of AG News encoded by all-MiniLM-L6-v2 (k = 50, median): local intrinsic
dimension 15 and 22; effective dimension of the covariance 92 and 100; cosine of a query to
its nearest row 0.63 and 0.54, to its tenth 0.41 and 0.38.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

DIM = 384
LANGUAGES = ("en", "fr", "de", "es")
FIRST_YEAR, YEARS = 1925, 100
TOPICS = 64
#: Held out of every data set; the same ones, however many a benchmark asks.
QUERIES = 500
FloatRows = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Data:
    """Rows, held-out queries, and a year, a language and a price for every row."""

    vectors: FloatRows
    queries: FloatRows
    years: npt.NDArray[np.int64]
    languages: npt.NDArray[np.str_]
    prices: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.vectors)

    def ids(self, start: int = 0, stop: int | None = None) -> list[str]:
        """One a row."""
        return [f"doc{i}" for i in range(*slice(start, stop).indices(len(self)))]

    def metadata(self, start: int = 0, stop: int | None = None) -> list[dict[str, Any]]:
        """One dict a row, of plain Python values."""
        some = slice(start, stop)
        return [
            {"year": year, "lang": language, "price": price}
            for year, language, price in zip(
                self.years[some].tolist(),
                self.languages[some].tolist(),
                self.prices[some].tolist(),
                strict=True,
            )
        ]

    def rows(self, start: int = 0, stop: int | None = None) -> list[dict[str, Any]]:
        """As a collection takes them."""
        return [
            {"id": id_, "vector": vector, **metadata}
            for id_, vector, metadata in zip(
                self.ids(start, stop),
                self.vectors[start:stop],
                self.metadata(start, stop),
                strict=True,
            )
        ]

    def mask(self, first_year: int, language: str | None) -> npt.NDArray[np.bool_]:
        """Rows of that year or later, in that language (None: any)."""
        passing = self.years >= first_year
        return passing if language is None else passing & (self.languages == language)


def generate(rows: int, random_state: int, dim: int = DIM) -> Data:
    """``rows`` vectors of unit length, and `QUERIES` others of the same kind.

    Half the rows are English; years are spread evenly, prices too (in [0, 1]).
    """
    rng = np.random.default_rng([random_state, rows])
    points = _sentences(rows + QUERIES, dim, rng)
    return Data(
        points[:rows],
        points[rows:],
        rng.integers(FIRST_YEAR, FIRST_YEAR + YEARS, rows),
        rng.choice(LANGUAGES, rows, p=[0.5, 0.2, 0.2, 0.1]),
        rng.random(rows),
    )


def _sentences(count: int, dim: int, rng: np.random.Generator) -> FloatRows:
    """Topics, subtopics around them, points around those; see the head of this file."""
    spectrum = np.arange(1, dim + 1) ** -0.3
    basis = np.linalg.qr(rng.standard_normal((dim, dim)))[0] * spectrum[:, None]
    basis = (basis / np.linalg.norm(spectrum)).astype(np.float32)

    def steps(number: int) -> FloatRows:
        return rng.standard_normal((number, dim), dtype=np.float32) @ basis

    topics = steps(TOPICS)
    subtopics = max(32, count // 10)
    centres = topics[rng.zipf(1.5, subtopics) % TOPICS] + np.float32(1.5) * steps(subtopics)
    sizes = rng.lognormal(0, 1, subtopics)
    reach = 1.8 * rng.lognormal(0, 0.4, (count, 1)).astype(np.float32)
    points = centres[rng.choice(subtopics, count, p=sizes / sizes.sum())] + reach * steps(count)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return np.asarray(points, dtype=np.float32)


def true_neighbours(
    data: Data, queries: int, k: int, mask: npt.NDArray[np.bool_] | None = None
) -> list[set[str]]:
    """The ids of the k rows of highest cosine for the first queries, among those of ``mask``."""
    positions = np.arange(len(data)) if mask is None else np.flatnonzero(mask)
    vectors = data.vectors if mask is None else data.vectors[positions]
    truth = []
    for query in data.queries[:queries]:
        best = np.argsort(-(vectors @ query), kind="stable")[:k]
        truth.append({f"doc{i}" for i in positions[best]})
    return truth
