"""The folder of real data, and readers for what lies in it.

It is named by ``LIKEWISE_DATA``; without that it is looked for beside the repository.
Nothing of it enters the repository.
"""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

DEFAULT = Path(__file__).resolve().parents[1].parent / "shared" / "data"
FloatRows = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


class MissingData(Exception):
    """A file that a replication reads is not there; the message says where it was sought."""


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The folder of real data; ``root`` need not exist until something is read."""

    root: Path

    @classmethod
    def find(cls) -> DataFolder:
        """The folder named by ``LIKEWISE_DATA``, or the one beside the repository."""
        return cls(Path(os.environ.get("LIKEWISE_DATA") or DEFAULT))

    def file(self, name: str) -> Path:
        """The path of ``name``, which is there."""
        self.require([name])
        return self.root / name

    def require(self, names: Sequence[str]) -> None:
        """Raise `MissingData` naming everything of ``names`` that is not there."""
        missing = [name for name in names if not (self.root / name).is_file()]
        if missing:
            raise MissingData(
                f"{self.root} lacks {', '.join(missing)}; set LIKEWISE_DATA to the folder that "
                "holds the data, or add --quick to run on generated data"
            )


def fashion_mnist(data: DataFolder, split: str) -> tuple[FloatRows, Labels]:
    """Pictures of clothing, (n, 784) grey in [0, 1], and their kind; ``split`` train or t10k."""
    pixels = _idx(data.file(f"fashion_mnist/{split}-images-idx3-ubyte.gz"), header=16)
    labels = _idx(data.file(f"fashion_mnist/{split}-labels-idx1-ubyte.gz"), header=8)
    pictures = pixels.reshape(len(labels), -1).astype(np.float32) / np.float32(255)
    return pictures, labels.astype(np.int64)


def glove(data: DataFolder) -> FloatRows:
    """(11925, 25) GloVe vectors of English words, most frequent word first."""
    with gzip.open(data.file("glove_twitter_25d/glove_twitter_25d.txt.gz"), "rt") as file:
        return np.array([line.rsplit(" ", 25)[1:] for line in file], dtype=np.float32)


def sift(data: DataFolder) -> FloatRows:
    """(5000, 128) SIFT descriptors."""
    with np.load(data.file("sift_5k/sift_5k.npz")) as file:
        return np.asarray(file["base"], dtype=np.float32)


def ag_news(data: DataFolder) -> tuple[FloatRows, Labels]:
    """(7600, 128) mean token vectors of news, unit length, and the topic (0-3) of each."""
    with open(data.file("ag_news_test/test.csv"), newline="", encoding="utf-8") as file:
        rows = [(int(topic) - 1, f"{title}. {text}") for topic, title, text in csv.reader(file)]
    vectors = static_vectors(data, [text for _, text in rows])
    return vectors, np.array([topic for topic, _ in rows], dtype=np.int64)


def static_vectors(data: DataFolder, texts: Sequence[str]) -> FloatRows:
    """(n, 128) mean token vectors of texts, unit length; a text of no known word is refused."""
    from tokenizers import Tokenizer

    with gzip.open(data.file("potion_token_vectors/tokenizer.json.gz"), "rt") as file:
        tokenizer = Tokenizer.from_str(file.read())
    tokens = np.load(data.file("potion_token_vectors/embeddings_int8.npy")).astype(np.float32)
    encoded = tokenizer.encode_batch(list(texts), add_special_tokens=False)
    if not all(e.ids for e in encoded):
        raise ValueError(f"text {[bool(e.ids) for e in encoded].index(False)} has no known word")
    vectors = np.array([tokens[e.ids].mean(axis=0) for e in encoded], dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def _idx(path: Path, header: int) -> npt.NDArray[Any]:
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), dtype=np.uint8, offset=header)
