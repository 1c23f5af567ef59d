"""Labelled rows of the data folder for learners, and clouds in their place."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from replications.data import DataFolder, FloatRows, Labels, ag_news, fashion_mnist, static_vectors
from replications.protocol import Setting

TOKENS = (
    "potion_token_vectors/tokenizer.json.gz",
    "potion_token_vectors/embeddings_int8.npy",
)
FASHION = tuple(
    f"fashion_mnist/train-{part}.gz" for part in ("images-idx3-ubyte", "labels-idx1-ubyte")
)


class Labelled(NamedTuple):
    """Rows (n, d) and their classes (n,), from 0."""

    name: str
    X: FloatRows
    y: Labels


def coded(labels: Sequence[str]) -> Labels:
    """Names as numbers, in their order."""
    return np.unique(list(labels), return_inverse=True)[1].astype(np.int64)


def standardised(X: FloatRows) -> FloatRows:
    """Columns of mean 0 and deviation 1; those without spread stay 0."""
    spread = X.std(axis=0)
    return np.asarray((X - X.mean(axis=0)) / np.where(spread > 0, spread, 1), dtype=np.float32)


def letters(data: DataFolder) -> tuple[FloatRows, Labels]:
    """(20000, 16) figures of printed letters, standardised, and which of 26."""
    with open(data.file("letter_recognition/letter_recognition.csv"), encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    figures = np.array([row[1:] for row in rows], dtype=np.float32)
    return standardised(figures), coded([row[0] for row in rows])


def adult(data: DataFolder) -> tuple[FloatRows, Labels]:
    """(32561, columns) people, numbers standardised and kinds as 0 or 1, and income over 50K."""
    with gzip.open(data.file("adult/adult_train.csv.gz"), "rt", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    columns = []
    for name in table[0]:
        values = [row[name] for row in table]
        if name in ("fnlwgt", "native_country", "education", "income"):  # weights, rare, told twice
            continue
        if values[0].lstrip("-").isdigit():
            columns.append(standardised(np.array(values, dtype=np.float32)[:, None]))
        else:
            kinds = coded(values)
            columns.append(np.eye(kinds.max() + 1, dtype=np.float32)[kinds])
    return np.column_stack(columns), coded([row["income"] for row in table])


def magic(data: DataFolder) -> tuple[FloatRows, Labels]:
    """(19020, 10) showers seen by a telescope, standardised, and whether of gamma rays."""
    with np.load(data.file("adbench/22_magic.gamma.npz")) as file:
        return standardised(file["X"].astype(np.float32)), file["y"].astype(np.int64)


def fashion(data: DataFolder) -> tuple[FloatRows, Labels]:
    """(60000, 784) pictures of clothing, and which of 10 kinds."""
    return fashion_mnist(data, "train")


def newsgroups(data: DataFolder) -> tuple[FloatRows, Labels]:
    """Mean token vectors (128) of posts, subject and beginning, and which of 20 groups."""
    with gzip.open(data.file("newsgroups20/newsgroups20.jsonl.gz"), "rt", encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    rows = [row for row in rows if len(row["text"]) > 20]
    texts = [f"{row['subject']}. {row['text']}"[:1_000] for row in rows]
    return static_vectors(data, texts), coded([row["group"] for row in rows])


def intents(data: DataFolder, count: int) -> tuple[FloatRows, Labels]:
    """MiniLM vectors (384) of utterances of the first ``count`` intents of CLINC150, by name."""
    from likewise.encode import get_encoder

    with open(data.file("clinc150/data_full.json"), encoding="utf-8") as file:
        splits = json.load(file)
    pairs = [pair for split in ("train", "val", "test") for pair in splits[split]]
    kept = set(sorted({intent for _, intent in pairs})[:count])
    pairs = [pair for pair in pairs if pair[1] in kept]
    vectors = get_encoder("minilm").encode([text for text, _ in pairs])
    return np.asarray(vectors, dtype=np.float32), coded([intent for _, intent in pairs])


#: Reader and files of each set.
SETS: dict[str, tuple[Callable[[DataFolder], tuple[FloatRows, Labels]], tuple[str, ...]]] = {
    "letter": (letters, ("letter_recognition/letter_recognition.csv",)),
    "adult": (adult, ("adult/adult_train.csv.gz",)),
    "magic": (magic, ("adbench/22_magic.gamma.npz",)),
    "Fashion-MNIST": (fashion, FASHION),
    "AG News": (ag_news, ("ag_news_test/test.csv", *TOKENS)),
    "newsgroups": (newsgroups, ("newsgroups20/newsgroups20.jsonl.gz", *TOKENS)),
    "CLINC, 50 intents": (
        lambda data: intents(data, 50),
        ("clinc150/data_full.json",),
    ),
}


def files(names: Sequence[str]) -> tuple[str, ...]:
    """The files that `labelled` reads."""
    return tuple(dict.fromkeys(file for name in names for file in SETS[name][1]))


def labelled(setting: Setting, name: str) -> Labelled:
    """A set of the data folder; three clouds of 300 rows in the quick form."""
    if not setting.quick:
        return Labelled(name, *SETS[name][0](setting.data))
    rng = np.random.default_rng([setting.random_state, len(name)])
    y = rng.integers(0, 3, 300)
    X = rng.normal(size=(300, 5)) + 1.5 * np.eye(5)[y]
    return Labelled(name, X.astype(np.float32), y)
