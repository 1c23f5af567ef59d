"""Rows with labels, cut in train and test, for benchmarks of classifiers."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.vectors import cache_folder, kept
from replications import data as real
from replications.data import DataFolder, FloatRows

#: Posts, characters of each that are encoded, and how many of them are the test.
POSTS, READ, TESTED = 8_000, 400, 2_000
LETTERS = 16_000


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """One set.

    Attributes:
        title: for readers. rows, queries: (n, dim) and (m, dim) float32.
        labels, answers: (n,) and (m,).
    """

    title: str
    rows: FloatRows
    labels: npt.NDArray[Any]
    queries: FloatRows
    answers: npt.NDArray[Any]

    def __str__(self) -> str:
        return f"{self.title}, {len(self.rows):,} by {self.rows.shape[1]}"


def _fashion_mnist(data: DataFolder) -> LabelledSet:
    rows, labels = real.fashion_mnist(data, "train")
    queries, answers = real.fashion_mnist(data, "t10k")
    # Whole grey values, as others have them: distances are exact, and equal ones are equal.
    grey = [np.rint(pictures * np.float32(255)) for pictures in (rows, queries)]
    return LabelledSet("Fashion-MNIST", grey[0], labels, grey[1], answers)


def encoded(name: str, texts: list[str]) -> FloatRows:
    """MiniLM vectors of the texts, kept under this name."""

    def encode() -> FloatRows:
        from likewise.encode import get_encoder

        return np.asarray(get_encoder("minilm").encode(texts))

    return np.asarray(kept(cache_folder() / f"{name}-minilm.npy", encode))


def _clinc150(data: DataFolder) -> LabelledSet:
    read = json.loads(data.file("clinc150/data_full.json").read_text(encoding="utf-8"))
    parts: list[Any] = []
    for split in ("train", "test"):
        texts, intents = zip(*read[split], strict=True)
        parts += [encoded(f"clinc150-{split}", list(texts)), np.array(intents)]
    return LabelledSet("CLINC150, MiniLM", *parts)


def _newsgroups(data: DataFolder) -> LabelledSet:
    texts, groups = [], []
    with gzip.open(data.file("newsgroups20/newsgroups20.jsonl.gz"), "rt", encoding="utf-8") as file:
        for line, _ in zip(file, range(POSTS), strict=False):
            post = json.loads(line)
            texts.append(f"{post['subject'] or ''}. {post['text'] or ''}"[:READ])
            groups.append(post["group"])
    rows, labels = encoded(f"newsgroups-{POSTS}", texts), np.array(groups)
    cut = POSTS - TESTED
    return LabelledSet("newsgroups, MiniLM", rows[:cut], labels[:cut], rows[cut:], labels[cut:])


def _letter(data: DataFolder) -> LabelledSet:
    with data.file("letter_recognition/letter_recognition.csv").open(encoding="utf-8") as file:
        lines = list(csv.reader(file))[1:]
    labels = np.array([line[0] for line in lines])
    rows = np.array([line[1:] for line in lines], dtype=np.float32)
    return LabelledSet("letter", rows[:LETTERS], labels[:LETTERS], rows[LETTERS:], labels[LETTERS:])


def _adult(data: DataFolder) -> LabelledSet:
    """Numbers standardised and kinds as 0 and 1, by the train part; an unknown is a kind."""
    read: dict[str, list[list[str]]] = {}
    for split in ("train", "test"):
        path = data.file(f"adult/adult_{split}.csv.gz")
        with gzip.open(path, "rt", encoding="utf-8") as file:
            head, *read[split] = list(csv.reader(file))
    columns: dict[str, list[Any]] = {"train": [], "test": []}
    for at in range(len(head) - 1):
        train, test = (np.array([line[at].strip() for line in read[s]]) for s in columns)
        try:
            numbers = train.astype(np.float64), test.astype(np.float64)
        except ValueError:
            kinds = np.unique(train)
            pair = [(values[:, None] == kinds).astype(np.float64) for values in (train, test)]
        else:
            centre, spread = numbers[0].mean(), numbers[0].std()
            pair = [((values - centre) / spread)[:, None] for values in numbers]
        for split, values in zip(columns, pair, strict=True):
            columns[split].append(values)
    rows = {s: np.hstack(parts).astype(np.float32) for s, parts in columns.items()}
    labels = {s: np.array([line[-1].strip(" .") for line in read[s]]) for s in columns}
    return LabelledSet("adult", rows["train"], labels["train"], rows["test"], labels["test"])


def quick_set() -> LabelledSet:
    """A generated one of seconds."""
    rng = np.random.default_rng(0)
    labels = rng.integers(5, size=1_000)
    rows = (rng.normal(size=(1_000, 20)) + labels[:, None]).astype(np.float32)
    return LabelledSet("generated", rows[:800], labels[:800], rows[800:], labels[800:])


#: The real sets by name.
LABELLED: dict[str, Callable[[DataFolder], LabelledSet]] = {
    "fashion-mnist": _fashion_mnist,
    "clinc150": _clinc150,
    "newsgroups": _newsgroups,
    "letter": _letter,
    "adult": _adult,
}
