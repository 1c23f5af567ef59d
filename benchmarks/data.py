"""Generated rows: vectors shaped like sentence embeddings, and metadata to filter by.

Real sentence vectors lie near a surface of few dimensions, in clusters of very different
size, with a spectrum that falls like a power. So are these: a tree of topics, each a step
from its parent, every step drawn from a spectrum that falls like 1/i.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

DIM = 384
LANGUAGES = ("en", "fr", "de", "es")
FIRST_YEAR, YEARS = 1900, 125
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
    total = rows + QUERIES
    spectrum = 1 / np.sqrt(np.arange(1, dim + 1))
    basis = np.linalg.qr(rng.standard_normal((dim, dim)))[0] * spectrum[:, None]
    basis = basis.astype(np.float32)

    def step(count: int) -> FloatRows:
        return rng.standard_normal((count, dim), dtype=np.float32) @ basis

    topics = step(max(8, total // 2000))
    subtopics = topics[rng.zipf(1.5, max(32, total // 40)) % len(topics)]
    subtopics = subtopics + 0.8 * step(len(subtopics))
    points = subtopics[rng.integers(len(subtopics), size=total)] + 0.6 * step(total)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return Data(
        points[:rows],
        points[rows:],
        rng.integers(FIRST_YEAR, FIRST_YEAR + YEARS, rows),
        rng.choice(LANGUAGES, rows, p=[0.5, 0.2, 0.2, 0.1]),
        rng.random(rows),
    )


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
