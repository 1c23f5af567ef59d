"""SciFact (Wadden and others, 2020, as in BEIR): claims, and the abstracts on them.

Sentence vectors and token vectors by MiniLM take minutes to make, so they are kept in the folder
``LIKEWISE_BENCH_CACHE``, or one under the user's cache.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from replications.data import DataFolder, FloatRows

FILES = tuple(
    f"scifact/{name}"
    for name in ("corpus.jsonl.gz", "queries.jsonl", "qrels_train.tsv", "qrels_test.tsv")
)
#: Tokens of a text that have a vector of their own, and numbers in such a vector.
TOKENS, TOKEN_DIM = 128, 48

Judged = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class SciFact:
    """Texts by id, in the order of the files, and judgements by split.

    Attributes:
        documents, queries: id to text (title and abstract; the claim).
        train, test: {query: {document: 1}}.
    """

    documents: dict[str, str]
    queries: dict[str, str]
    train: Judged
    test: Judged


@dataclass(frozen=True, slots=True)
class Bags:
    """Token vectors of unit length, text after text: text i has rows ``offsets[i:i + 2]``."""

    tokens: FloatRows
    offsets: npt.NDArray[np.int64]

    def of(self, i: int) -> FloatRows:
        """(tokens, dim) of text ``i``."""
        return self.tokens[self.offsets[i] : self.offsets[i + 1]]


def read(data: DataFolder) -> SciFact:
    """All of it; the judgements of claims that are there."""
    with gzip.open(data.file(FILES[0]), "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    documents = {row["_id"]: f"{row['title']}. {row['text']}" for row in rows}
    with open(data.file(FILES[1]), encoding="utf-8") as file:
        queries = {row["_id"]: row["text"] for row in map(json.loads, file)}
    return SciFact(documents, queries, *(_judged(data.file(name)) for name in FILES[2:]))


def vectors(texts: list[str], name: str) -> FloatRows:
    """(n, 384) MiniLM vectors of unit length, kept as ``name``."""

    def encode() -> FloatRows:
        from likewise.encode import get_encoder

        return np.asarray(get_encoder("minilm").encode(texts))

    return np.asarray(_kept(f"scifact-{name}-minilm.npy", encode))


def bags(documents: list[str], queries: list[str]) -> tuple[Bags, Bags]:
    """Token vectors of documents and queries, turned to their first principal directions."""
    raw: list[Bags] = []

    def turned(which: int) -> FloatRows:
        if not raw:
            raw.extend(_token_vectors(texts, name) for texts, name in parts)
        some = raw[0].tokens[:: max(1, len(raw[0].tokens) // 20_000)].astype(np.float64)
        directions = np.linalg.eigh(some.T @ some)[1][:, ::-1][:, :TOKEN_DIM]
        short = raw[which].tokens.astype(np.float32) @ directions.astype(np.float32)
        return np.asarray(short / np.linalg.norm(short, axis=1, keepdims=True), dtype=np.float16)

    parts = ((documents, "d"), (queries, "q"))
    found = []
    for which, (texts, name) in enumerate(parts):
        tokens = _kept(f"scifact-{name}-turned-{TOKEN_DIM}.npy", lambda which=which: turned(which))
        offsets = _kept(
            f"scifact-{name}-offsets.npy", lambda texts=texts: _encode_tokens(texts).offsets
        )
        found.append(Bags(tokens.astype(np.float32), offsets))
    return found[0], found[1]


def _token_vectors(texts: list[str], name: str) -> Bags:
    made: list[Bags] = []

    def make() -> Bags:
        if not made:
            made.append(_encode_tokens(texts))
        return made[0]

    offsets = _kept(f"scifact-{name}-offsets.npy", lambda: make().offsets)
    tokens = _kept(f"scifact-{name}-tokens.npy", lambda: make().tokens.astype(np.float16))
    return Bags(tokens, offsets)


def _encode_tokens(texts: list[str]) -> Bags:
    """The last layer of MiniLM, a batch of texts of like length at a time."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    from likewise.encode.minilm import model_folder

    tokenizer = AutoTokenizer.from_pretrained(str(model_folder()))
    model = AutoModel.from_pretrained(str(model_folder())).eval()
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    found: dict[int, FloatRows] = {}
    with torch.inference_mode():
        for start in range(0, len(order), 32):
            some = order[start : start + 32]
            packed = tokenizer(
                [texts[i] for i in some],
                padding=True,
                truncation=True,
                max_length=TOKENS,
                return_tensors="pt",
            )
            hidden = torch.nn.functional.normalize(model(**packed).last_hidden_state, dim=2)
            for i, row, mask in zip(some, hidden, packed["attention_mask"], strict=True):
                found[i] = row[mask.bool()].numpy()
    every = [found[i] for i in range(len(texts))]
    offsets = np.cumsum([0, *map(len, every)], dtype=np.int64)
    return Bags(np.concatenate(every), offsets)


def _judged(path: Path) -> Judged:
    found: Judged = {}
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            found.setdefault(row["query-id"], {})[row["corpus-id"]] = int(row["score"])
    return found


def _kept(name: str, make: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """What the file of this name holds; made and written there first when it is not there."""
    given = os.environ.get("LIKEWISE_BENCH_CACHE")
    folder = Path(given) if given else Path.home() / ".cache" / "likewise-benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    if not path.exists():
        unfinished = path.with_suffix(f".{os.getpid()}.npy")
        np.save(unfinished, make())
        unfinished.replace(path)
    held: npt.NDArray[Any] = np.load(path)
    return held
