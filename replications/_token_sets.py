"""Texts as bags of token vectors, for the replications of multi-vector search.

SciFact as MiniLM's tokens. Encoding takes minutes, so what comes of it is kept in the folder of
the benchmarks, outside the repository.
"""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.vectors import cache_folder, kept
from likewise.encode import get_token_encoder
from likewise.vectors import Bags, as_bags
from replications.data import DataFolder

NEEDS = ("scifact/corpus.jsonl.gz", "scifact/queries.jsonl", "scifact/qrels_test.tsv")
#: Documents encoded: all that are relevant to a test query, then others drawn at random.
DOCUMENTS = 1_500
#: The first so many test queries are asked.
ASKED = 100


@dataclass(frozen=True, slots=True)
class TokenSet:
    """Documents and queries as bags, and which documents are relevant to each query."""

    documents: Bags
    queries: Bags
    relevant: list[set[int]]


def scifact(data: DataFolder) -> TokenSet:
    """1,500 abstracts of SciFact and the first 100 of its test queries, as MiniLM's tokens."""
    with gzip.open(data.file("scifact/corpus.jsonl.gz"), "rt", encoding="utf-8") as file:
        corpus = {row["_id"]: f"{row['title']}. {row['text']}" for row in map(json.loads, file)}
    with open(data.file("scifact/queries.jsonl"), encoding="utf-8") as file:
        texts = {str(row["_id"]): row["text"] for row in map(json.loads, file)}
    judged: dict[str, set[str]] = {}
    with open(data.file("scifact/qrels_test.tsv"), encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file, delimiter="\t"):
            if int(line["score"]) > 0:
                judged.setdefault(line["query-id"], set()).add(line["corpus-id"])
    wanted = set().union(*judged.values())
    others = sorted(str(key) for key in corpus if str(key) not in wanted)
    drawn = np.random.default_rng(0).permutation(len(others))[: DOCUMENTS - len(wanted)]
    chosen = sorted(wanted) + [others[i] for i in np.sort(drawn)]
    place = {key: i for i, key in enumerate(chosen)}
    by_key = {str(key): text for key, text in corpus.items()}
    return TokenSet(
        _encoded("scifact-1500-documents", [by_key[key] for key in chosen]),
        _encoded("scifact-1500-queries", [texts[key] for key in judged])[:ASKED],
        [{place[key] for key in keys} for keys in judged.values()][:ASKED],
    )


def _encoded(name: str, texts: list[str]) -> Bags:
    made: list[Bags] = []

    def bags() -> Bags:
        if not made:
            made.append(get_token_encoder("minilm-tokens").encode(texts))
        return made[0]

    vectors = kept(cache_folder() / f"{name}-tokens.npy", lambda: bags().vectors)
    offsets = kept(cache_folder() / f"{name}-offsets.npy", lambda: bags().offsets)
    return as_bags(Bags(vectors, offsets))


def clouds(documents: int, queries: int, seed: int, *, dim: int = 32, topics: int = 12) -> TokenSet:
    """Generated: documents of a few topics each, queries of noisy vectors of one document."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((topics, dim))
    made: list[Any] = []
    for _ in range(documents):
        own = rng.choice(topics, 3, replace=False)
        size = int(rng.integers(15, 40))
        made.append(centres[rng.choice(own, size)] + rng.standard_normal((size, dim)))
    sources = rng.integers(0, documents, queries)
    asked = []
    for source in sources:
        some = made[source][rng.permutation(len(made[source]))[:8]]
        asked.append(some + 0.4 * rng.standard_normal(some.shape))
    return TokenSet(as_bags(made), as_bags(asked), [{int(source)} for source in sources])
