"""A made-up corpus in which queries and documents name the same things by different words.

It stands in for MS MARCO, which no small machine trains on: what it has of it is that words
alone miss documents (BM25 finds some), that there are pairs to learn from, and a teacher.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from likewise.encode import Example
from likewise.index import Sparse

if TYPE_CHECKING:
    from scipy.sparse import csr_array

FORMS = 3  # words for each thing


@dataclass(frozen=True, slots=True)
class World:
    """Documents are about three things each, queries about two of them.

    Attributes:
        words: the vocabulary: ``FORMS`` words a thing, and words about nothing.
        documents: texts by number.
        about: the things that each document is about.
        examples: queries to learn from, each with one document that answers it.
        queries: others, to measure with.
        asked: the two things of each of them.
    """

    words: list[str]
    documents: dict[int, str]
    about: list[frozenset[int]]
    examples: list[Example]
    queries: list[str]
    asked: list[frozenset[int]]


def make_world(quick: bool, seed: int) -> World:
    """Frequencies of things and of words about nothing fall as in a language (Zipf's law)."""
    things, nothings, n, learn, ask = (12, 10, 60, 60, 20) if quick else (60, 60, 800, 1200, 250)
    rng = np.random.default_rng([seed, 82])
    documents, about = {}, []
    for number in range(n):
        chosen = rng.choice(things, 3, replace=False, p=_zipf(things))
        named = [_word(thing, rng) for thing in chosen for _ in range(rng.integers(1, 3))]
        rest = [f"n{i}" for i in rng.choice(nothings, 5, p=_zipf(nothings))]
        documents[number] = " ".join(rng.permutation([*named, *rest]))
        about.append(frozenset(int(thing) for thing in chosen))

    def question() -> tuple[str, int, frozenset[int]]:
        number = int(rng.integers(n))
        pair = rng.choice(sorted(about[number]), 2, replace=False)
        rest = f"n{rng.choice(nothings, p=_zipf(nothings))}"
        text = " ".join(rng.permutation([*(_word(thing, rng) for thing in pair), rest]))
        return text, number, frozenset(int(thing) for thing in pair)

    examples = [Example(text, number) for text, number, _ in (question() for _ in range(learn))]
    asked = [question() for _ in range(ask)]
    words = [f"t{i}x{form}" for i in range(things) for form in range(FORMS)]
    return World(
        [*words, *(f"n{i}" for i in range(nothings))],
        documents,
        about,
        examples,
        [text for text, _, _ in asked],
        [pair for _, _, pair in asked],
    )


def teacher(world: World) -> Callable[[str, list[Any]], list[float]]:
    """A scorer that knows which words name one thing: three for each thing in common."""

    def score(query: str, ids: Sequence[int]) -> list[float]:
        wanted = {int(word[1:].split("x")[0]) for word in query.split() if word[0] == "t"}
        return [3.0 * len(wanted & world.about[i]) for i in ids]

    return score


def bm25(world: World) -> Sparse:
    """The documents by their words, under BM25 as Lucene has it."""
    return Sparse("lucene").fit([_counts(text) for text in world.documents.values()])


def bm25_search(world: World, k: int = 50) -> Callable[[str], list[int]]:
    """A searcher by BM25, for hard negatives."""
    index = bm25(world)
    return lambda query: [int(i) for i in index.search(_counts(query), k=k)[0].ids]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a retriever does on the held-out queries.

    Attributes:
        mrr: mean reciprocal rank of the first right document among ten.
        flops: mean number of terms that a query and a document share, over all pairs: what a
            search multiplies for each document.
        query_terms, document_terms: mean number of terms.
    """

    mrr: float
    flops: float
    query_terms: float
    document_terms: float


def measure(world: World, queries: csr_array, documents: csr_array) -> Measured:
    """By the dot products of all pairs of rows."""
    scores = (queries @ documents.T).toarray()
    shares = [np.bincount(rows.indices, minlength=rows.shape[1]) for rows in (queries, documents)]
    pairs = float(np.dot(*(share.astype(np.float64) for share in shares)))
    return Measured(
        reciprocal_rank(world, np.argsort(-scores, axis=1, kind="stable")[:, :10].tolist()),
        pairs / scores.size,
        queries.nnz / queries.shape[0],
        documents.nnz / documents.shape[0],
    )


def measure_bm25(world: World) -> Measured:
    """The same figures for BM25."""
    index, asked = bm25(world), [_counts(query) for query in world.queries]
    found = index.search(asked, k=10)
    texts = [set(text.split()) for text in world.documents.values()]
    shared = [len(query.keys() & text) for query in asked for text in texts]
    return Measured(
        reciprocal_rank(world, [found[row].ids.tolist() for row in range(len(asked))]),
        float(np.mean(shared)),
        float(np.mean([len(query) for query in asked])),
        float(np.mean([len(text) for text in texts])),
    )


def reciprocal_rank(world: World, ranked: Sequence[Sequence[int]]) -> float:
    """MRR@10: a document is right when it is about both things that a query asks for."""
    total = 0.0
    for pair, ids in zip(world.asked, ranked, strict=True):
        right = [rank for rank, i in enumerate(ids[:10], 1) if pair <= world.about[i]]
        total += 1 / right[0] if right else 0.0
    return total / len(world.asked)


def _counts(text: str) -> Counter[str]:
    return Counter(text.split())


def _word(thing: int, rng: np.random.Generator) -> str:
    return f"t{thing}x{rng.integers(FORMS)}"


def _zipf(n: int) -> Any:
    weights = 1 / np.arange(3, n + 3)
    return weights / weights.sum()
