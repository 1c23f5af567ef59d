"""Vectors with a number each, for windows: real texts and words, generated clusters."""

from __future__ import annotations

import ast
import gzip
import json
import site
import sysconfig
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.data import FloatRows, generate
from benchmarks.vectors import cache_folder, kept
from replications import data as real
from replications.data import DataFolder

#: Held out to ask with.
QUERIES = 1_000
#: Characters of a text that are encoded.
KEPT = 220
FUNCTIONS = 100_000
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AttributedSet:
    """One set.

    Attributes:
        name: on the command line and in file names.
        title: for readers.
        metric: cosine (rows and queries are of unit length) or euclidean.
        rows, queries: (n, dim) and (m, dim) float32.
        attribute: (n,) float64, the number of each row.
        ask: which windows are asked: "anywhere", or "elsewhere", where the window of a query
            holds rows unlike it.
        own: (m,) float64, the number that each query has itself.
    """

    name: str
    title: str
    metric: str
    rows: FloatRows
    queries: FloatRows
    attribute: FloatArray
    own: FloatArray
    ask: str = "anywhere"

    @property
    def dim(self) -> int:
        """Numbers in a row."""
        return int(self.rows.shape[1])

    def __str__(self) -> str:
        return f"{self.title}, {len(self.rows):,} by {self.dim} {self.metric}"


def held_out(
    name: str,
    title: str,
    metric: str,
    vectors: FloatRows,
    attribute: Any,
    *,
    queries: int = QUERIES,
    ask: str = "anywhere",
) -> AttributedSet:
    """Some of the vectors, drawn at random, as queries, and the others as rows."""
    vectors = np.array(vectors, dtype=np.float32, order="C")
    if metric == "cosine":
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)
    numbers = np.asarray(attribute, dtype=np.float64)
    order = np.random.default_rng(0).permutation(len(vectors))
    asked, rows = np.sort(order[:queries]), np.sort(order[queries:])
    return AttributedSet(
        name, title, metric, vectors[rows], vectors[asked], numbers[rows], numbers[asked], ask
    )


def _encoded(name: str, make: Callable[[], tuple[list[str], list[float]]]) -> tuple[Any, Any]:
    """Vectors and numbers of texts; encoding them takes minutes, so both are kept."""
    numbers = cache_folder() / f"{name}-numbers.npy"
    read: list[tuple[list[str], list[float]]] = []

    def texts() -> tuple[list[str], list[float]]:
        if not read:
            read.append(make())
        return read[0]

    def encode() -> FloatRows:
        from likewise.encode import get_encoder

        return np.asarray(get_encoder("minilm").encode(texts()[0]))

    found = kept(numbers, lambda: np.array(texts()[1]))
    return kept(cache_folder() / f"{name}-minilm.npy", encode), found


def _functions() -> AttributedSet:
    vectors, lines = _encoded("functions", functions)
    return held_out("functions", "MiniLM functions by lines of code", "cosine", vectors, lines)


def functions() -> tuple[list[str], list[float]]:
    """Functions of the installed Python with a docstring: signature and first words, and lines.

    Which they are depends on the environment; the sizes of functions hardly do.
    """
    found: dict[str, float] = {}
    for path in _sources():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                tree = ast.parse(path.read_text(encoding="utf-8"))
            except (SyntaxError, UnicodeDecodeError, ValueError, RecursionError):
                continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                words = " ".join((ast.get_docstring(node) or ast.unparse(node.body[0])).split())
                arguments = ", ".join(argument.arg for argument in node.args.args)
                text = f"{path.stem}.{node.name}({arguments}): {words}"[:KEPT]
                found.setdefault(text, float((node.end_lineno or 0) - node.lineno + 1))
    order = np.random.default_rng(0).permutation(len(found))[: FUNCTIONS + QUERIES]
    texts, lines = list(found), list(found.values())
    return [texts[i] for i in order], [lines[i] for i in order]


def _sources() -> Iterator[Path]:
    folders = {Path(sysconfig.get_path("stdlib")), *map(Path, site.getsitepackages())}
    for folder in sorted(folders):
        yield from sorted(folder.rglob("*.py"))


def _movies() -> AttributedSet:
    def read() -> tuple[list[str], list[float]]:
        texts, years = [], []
        with gzip.open(
            DataFolder.find().file("wikipedia_movies/wikipedia_movies.jsonl.gz"), "rt"
        ) as lines:
            for line in lines:
                film = json.loads(line)
                if film.get("text") and film.get("year"):
                    texts.append(f"{film['title']}. {film['text']}"[:KEPT])
                    years.append(float(film["year"]))
        return texts, years

    vectors, years = _encoded("movies", read)
    return held_out("movies", "MiniLM films by year", "cosine", vectors, years)


def _products() -> AttributedSet:
    def read() -> tuple[list[str], list[float]]:
        texts, prices = [], []
        for side in ("left", "right"):
            with open(DataFolder.find().file(f"walmart_amazon/{side}.jsonl")) as lines:
                for line in lines:
                    product = json.loads(line)
                    if product["price"] is not None:
                        words = (product[name] for name in ("title", "category", "brand"))
                        texts.append(" ".join(str(word) for word in words if word)[:KEPT])
                        prices.append(float(product["price"]))
        return texts, prices

    vectors, prices = _encoded("products", read)
    return held_out("products", "MiniLM products by price", "cosine", vectors, prices, queries=500)


def _glove() -> AttributedSet:
    vectors = real.glove(DataFolder.find())
    return held_out("glove", "GloVe words by frequency", "cosine", vectors, np.arange(len(vectors)))


def _adversarial() -> AttributedSet:
    """The attribute follows a direction of the embedding; queries ask far from their own side."""
    return correlated(100_000 + QUERIES, 64, 0, ask="elsewhere")


def correlated(count: int, dim: int, seed: int, *, ask: str) -> AttributedSet:
    """Rows whose attribute is their place along a line in the embedding, with a little noise."""
    data = generate(count, seed, dim=dim)
    rng = np.random.default_rng(seed + 1)
    line = rng.standard_normal(dim)
    along = data.vectors @ line / np.linalg.norm(line)
    attribute = along + 0.02 * along.std() * rng.standard_normal(count)
    return held_out(
        "adversarial", "generated, window against query", "cosine", data.vectors, attribute, ask=ask
    )


def _generated() -> AttributedSet:
    vectors = generate(500_000 + QUERIES, 0, dim=96).vectors
    attribute = np.random.default_rng(1).random(len(vectors))
    return held_out("generated", "generated clusters", "cosine", vectors, attribute)


def quick_sets() -> list[AttributedSet]:
    """Small ones of each kind, made in a moment."""
    data = generate(3_050, 0, dim=16)
    attribute = np.random.default_rng(1).integers(0, 200, len(data.vectors))
    quick = held_out("quick", "quick", "cosine", data.vectors, attribute, queries=50)
    return [quick]


#: The largest comes last.
SETS: dict[str, Callable[[], AttributedSet]] = {
    "products": _products,
    "glove": _glove,
    "movies": _movies,
    "functions": _functions,
    "adversarial": _adversarial,
    "generated": _generated,
}
