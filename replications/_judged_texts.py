"""Texts with questions and judgements, and how good a ranking of them is."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.vectors import cache_folder, kept
from likewise.encode import Encoder, get_encoder
from replications.data import DataFolder, FloatRows

Floats = npt.NDArray[np.float64]
Vectors = Callable[[list[str], str], FloatRows]


@dataclass(frozen=True, slots=True)
class JudgedTexts:
    """One set.

    Attributes:
        title: for readers.
        documents, queries: id to text.
        judged: query to document to its grade; only what is relevant.
        encoder: of these texts.
    """

    title: str
    documents: dict[str, str]
    queries: dict[str, str]
    judged: dict[str, dict[str, float]]
    encoder: Encoder


class Known(Encoder):
    """An encoder of texts whose vectors are known."""

    name, metric = "known", "cosine"

    def __init__(self, texts: Sequence[str], vectors: FloatRows) -> None:
        self.dim = int(vectors.shape[1])
        self._known = dict(zip(texts, vectors, strict=True))

    def _identity(self) -> bytes:
        return b"known"

    def _encode(self, texts: Sequence[str], progress: object) -> FloatRows:
        return np.stack([self._known[text] for text in texts])


def files(name: str) -> tuple[str, ...]:
    """What `read` reads."""
    parts = ("corpus.jsonl.gz", "queries.jsonl", "qrels_test.tsv")
    return tuple(f"{name}/{part}" for part in parts)


def read(data: DataFolder, name: str, title: str) -> JudgedTexts:
    """A set of the data folder by its name, with the queries of its test split and MiniLM."""
    corpus, questions, judgements = (data.file(file) for file in files(name))
    with gzip.open(corpus, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    documents = {str(row["_id"]): f"{row['title']}. {row['text']}" for row in rows}
    with open(questions, encoding="utf-8") as file:
        asked = {str(row["_id"]): row["text"] for row in map(json.loads, file)}
    judged: dict[str, dict[str, float]] = {}
    with open(judgements, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if float(row["score"]) > 0:
                judged.setdefault(row["query-id"], {})[row["corpus-id"]] = float(row["score"])
    encoder = _minilm(name, list(documents.values()), list(asked.values()))
    queries = {id_: asked[id_] for id_ in judged}
    return JudgedTexts(title, documents, queries, judged, encoder)


def _minilm(name: str, documents: list[str], queries: list[str]) -> Encoder:
    """MiniLM; its vectors take minutes, so they are kept in the benchmarks' folder."""

    def vectors(kind: str, texts: list[str]) -> FloatRows:
        path = cache_folder() / f"{name}-{kind}-minilm.npy"
        return np.asarray(kept(path, lambda: get_encoder("minilm").encode(texts)))

    every = [vectors("documents", documents), vectors("queries", queries)]
    return Known([*documents, *queries], np.concatenate(every))


def generated(seed: int, topics: int = 12, each: int = 20) -> JudgedTexts:
    """Texts of few words: some of a topic, that the letters show, and some that name a thing."""
    random = np.random.default_rng(seed)
    documents, queries, judged = {}, {}, {}
    for topic in range(topics):
        stem = "".join(random.choice(list("abcdefghijklmnop"), 5))
        words = [stem + ending for ending in ("a", "en", "ix", "o", "ut")]
        for i in range(each):
            id_ = f"d{topic}-{i}"
            documents[id_] = " ".join([*random.choice(words, 6), f"thing{random.integers(80)}"])
        for i in range(3):
            id_, document = f"q{topic}-{i}", f"d{topic}-{i}"
            queries[id_] = f"{stem} {documents[document].split()[-1]}"
            judged[id_] = {document: 1.0}
    return JudgedTexts("generated", documents, queries, judged, get_encoder("hashing"))


def ndcg(ids: Sequence[object], grades: dict[str, float], k: int = 10) -> float:
    """Discounted cumulative gain of the first k, as a share of the best there can be."""
    gain = [grades.get(str(id_), 0.0) for id_ in ids[:k]]
    best = sorted(grades.values(), reverse=True)[:k]
    return _discounted(gain) / _discounted(best)


def _discounted(gains: Sequence[float]) -> float:
    return float(sum(gain / np.log2(place + 2) for place, gain in enumerate(gains)))


def chance_of_no_gain(better: Floats, other: Floats, seed: int, draws: int = 10_000) -> float:
    """The share of paired bootstrap samples of the queries in which the mean does not grow."""
    differences = better - other
    drawn = np.random.default_rng(seed).integers(0, len(differences), (draws, len(differences)))
    return float(np.mean(differences[drawn].mean(axis=1) <= 0))
