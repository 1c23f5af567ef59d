"""Frozen features of labelled rows: texts by MiniLM, pictures by their principal components."""

from __future__ import annotations

import gzip
import json
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.vectors import cache_folder, kept
from replications.data import DataFolder, FloatRows, Labels, fashion_mnist
from replications.protocol import Setting

FILES = (
    "clinc150/data_full.json",
    "newsgroups20/newsgroups20.jsonl.gz",
    "fashion_mnist/train-images-idx3-ubyte.gz",
    "fashion_mnist/train-labels-idx1-ubyte.gz",
    "fashion_mnist/t10k-images-idx3-ubyte.gz",
    "fashion_mnist/t10k-labels-idx1-ubyte.gz",
    "cifar10_6k/cifar10_6k.npz",
)
#: Posts, the letters of each that are read, and how many are asked.
POSTS, READ, ASKED = 8_000, 400, 2_000


class Features(NamedTuple):
    """Vectors and their classes 0, 1, ...: to learn from, and to ask.

    Attributes:
        pretrained: whether an encoder made them that has seen other data.
    """

    name: str
    X: FloatRows
    y: Labels
    Q: FloatRows
    asked: Labels
    pretrained: bool

    @property
    def classes(self) -> int:
        return int(self.y.max()) + 1


def frozen(setting: Setting, rows: int = 7_500, queries: int = 2_000) -> list[Features]:
    """Four sets, of at most so many rows drawn at random; a generated one in the quick form."""
    if setting.quick:
        return [generated(setting.random_state)]
    data, rng = setting.data, np.random.default_rng([setting.random_state, 63])
    found = [_clinc(data), _newsgroups(data), _garments(data), _photos(data)]
    return [_drawn(one, rows, queries, rng) for one in found]


def generated(seed: int, classes: int = 6, width: int = 16) -> Features:
    """Gaussian classes that overlap a little."""
    rng = np.random.default_rng([seed, 5])
    y = rng.integers(0, classes, 600)
    spread = rng.normal(size=(classes, width))[y] * 0.6 + rng.normal(size=(600, width))
    X = (spread / 4).astype(np.float32)
    return Features("generated", X[:400], y[:400], X[400:], y[400:], True)


def _drawn(f: Features, rows: int, queries: int, rng: np.random.Generator) -> Features:
    a = rng.permutation(len(f.X))[:rows]
    b = rng.permutation(len(f.Q))[:queries]
    return f._replace(X=f.X[a], y=f.y[a], Q=f.Q[b], asked=f.asked[b])


def _encoded(name: str, texts: list[str]) -> FloatRows:
    """MiniLM vectors; they take minutes, so they are kept in the benchmarks' folder."""

    def encode() -> FloatRows:
        from likewise.encode import get_encoder

        return np.asarray(get_encoder("minilm").encode(texts))

    return np.asarray(kept(cache_folder() / f"{name}-minilm.npy", encode))


def _clinc(data: DataFolder) -> Features:
    read = json.loads(data.file(FILES[0]).read_text(encoding="utf-8"))
    texts, intents = zip(*read["train"], strict=True)
    questions, right = zip(*read["test"], strict=True)
    names = sorted(set(intents))
    y, asked = np.searchsorted(names, intents), np.searchsorted(names, right)
    X = _encoded("clinc150-train", list(texts))
    Q = _encoded("clinc150-test", list(questions))
    return Features("CLINC150, MiniLM", X, y, Q, asked, True)


def _newsgroups(data: DataFolder) -> Features:
    texts, groups = [], []
    with gzip.open(data.file(FILES[1]), "rt", encoding="utf-8") as file:
        for line, _ in zip(file, range(POSTS), strict=False):
            post = json.loads(line)
            texts.append(f"{post['subject'] or ''}. {post['text'] or ''}"[:READ])
            groups.append(post["group"])
    X, y = _encoded(f"newsgroups-{POSTS}", texts), np.unique(groups, return_inverse=True)[1]
    cut = POSTS - ASKED
    return Features("newsgroups, MiniLM", X[:cut], y[:cut], X[cut:], y[cut:], True)


def _garments(data: DataFolder) -> Features:
    (X, y), (Q, asked) = fashion_mnist(data, "train"), fashion_mnist(data, "t10k")
    return Features("Fashion-MNIST, PCA 64", *_components(X, y, Q, asked, 64), False)


def _photos(data: DataFolder) -> Features:
    with np.load(data.file(FILES[-1])) as file:
        X, Q = (file[part].reshape(len(file[part]), -1) for part in ("x_train", "x_test"))
        y, asked = (file[part].astype(np.int64) for part in ("y_train", "y_test"))
    X, Q = X.astype(np.float32) / 255, Q.astype(np.float32) / 255
    return Features("CIFAR-10, PCA 64", *_components(X, y, Q, asked, 64), False)


def _components(
    X: FloatRows, y: Labels, Q: FloatRows, asked: Labels, count: int
) -> tuple[FloatRows, Labels, FloatRows, Labels]:
    """Both parts by the first components of some rows of the first, at a mean length of 1."""
    some = X[: 4 * X.shape[1]].astype(np.float64)
    middle = some.mean(axis=0)
    directions: npt.NDArray[np.float64] = np.linalg.eigh((some - middle).T @ (some - middle))[1]
    turn = directions[:, ::-1][:, :count]
    P, R = (X - middle) @ turn, (Q - middle) @ turn
    scale = np.linalg.norm(P, axis=1).mean()
    return (P / scale).astype(np.float32), y, (R / scale).astype(np.float32), asked
