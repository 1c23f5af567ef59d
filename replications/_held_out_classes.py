"""A small network that knows seven kinds of clothing, and pictures of others that it does not."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from replications._garments import pictures
from replications.protocol import Setting

Float = npt.NDArray[np.float64]
KNOWN = 7


@dataclass(frozen=True, slots=True)
class Split:
    """Last hidden features and outputs of the network.

    Attributes:
        rows, labels: of the pictures it was trained on. known: of new pictures of the same kinds.
        near: of pictures of the kinds held out. far: of pictures of digits.
        outputs: logits of ``known``, ``near`` and ``far``, by name.
    """

    rows: Float
    labels: npt.NDArray[np.int64]
    known: Float
    near: Float
    far: Float
    outputs: dict[str, Float]


def split_of(setting: Setting, number: int, *, rows: int, hidden: tuple[int, ...]) -> Split:
    """Seven kinds drawn by ``number``, a network trained on ``rows`` pictures, and features."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    seed = setting.random_state + number
    size = 400 if setting.quick else 10_000
    X, kinds, Q, asked = pictures(setting, size, size // 5)
    kept = np.random.default_rng(seed).permutation(10)[:KNOWN]
    mine, theirs = np.isin(kinds, kept), np.isin(asked, kept)
    X, kinds = X[mine][:rows], kinds[mine][:rows]
    network = MLPClassifier(
        hidden, max_iter=3 if setting.quick else 20, random_state=seed, batch_size=100
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(X, kinds)
    shown = {"known": Q[theirs], "near": Q[~theirs], "far": digits(len(Q))}
    found = {name: passed(network, part) for name, part in shown.items()}
    return Split(
        passed(network, X)[0],
        kinds,
        **{name: features for name, (features, _) in found.items()},
        outputs={name: logits for name, (_, logits) in found.items()},
    )


def passed(network: Any, rows: Any) -> tuple[Float, Float]:
    """The last hidden layer and the logits of a network of scikit-learn."""
    found = np.asarray(rows, dtype=np.float64)
    for W, b in zip(network.coefs_[:-1], network.intercepts_[:-1], strict=True):
        found = np.maximum(found @ W + b, 0.0)
    return found, found @ network.coefs_[-1] + network.intercepts_[-1]


def digits(count: int) -> Float:
    """(count, 784) handwritten digits of scikit-learn, as large as the pictures of clothing."""
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits

    images = load_digits().images[:count] / 16
    return np.asarray(zoom(images, (1, 3.5, 3.5), order=1).reshape(len(images), -1))


def auroc(known: Float, odd: Float) -> float:
    """How often an odd row has the larger oddity."""
    from sklearn.metrics import roc_auc_score

    labels = np.repeat([0, 1], [len(known), len(odd)])
    return float(roc_auc_score(labels, np.concatenate([known, odd])))


def false_positives(known: Float, odd: Float, passing: float = 0.95) -> float:
    """The share of odd rows that pass where 95 % of the known ones do (FPR95)."""
    return float((odd <= np.quantile(known, passing)).mean())
