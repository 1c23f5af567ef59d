"""The digits of scikit-learn, and small networks that learn them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from replications.data import FloatRows, Labels


class Digits(NamedTuple):
    """Pictures (n, 64) in [0, 1] and their digits, to learn from and to ask."""

    X: FloatRows
    y: Labels
    Q: FloatRows
    asked: Labels


def digits(train: int, test: int, seed: int) -> Digits:
    """Different pictures for each seed."""
    from sklearn.datasets import load_digits

    pictures, labels = load_digits(return_X_y=True)
    order = np.random.default_rng([seed, 17]).permutation(len(labels))[: train + test]
    X, y = (pictures[order] / 16).astype(np.float32), labels[order].astype(np.int64)
    return Digits(X[:train], y[:train], X[train:], y[train:])


def mlp(widths: Sequence[int], seed: int) -> Any:
    """Linear layers with ReLU between them, as torch begins them."""
    import torch

    torch.manual_seed(seed)
    layers: list[Any] = []
    for i in range(len(widths) - 1):
        layers += [torch.nn.Linear(widths[i], widths[i + 1]), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def trained(module: Any, X: FloatRows, y: Labels, steps: int, rate: float = 5e-3) -> Any:
    """The module after ``steps`` of Adam on the cross-entropy of all rows."""
    import torch

    rows, labels = torch.from_numpy(np.array(X)), torch.from_numpy(np.array(y))
    optimiser = torch.optim.Adam(module.parameters(), lr=rate)
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(module(rows), labels)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return module


def probabilities(module: Any, X: FloatRows) -> FloatRows:
    """(n, 10) by softmax."""
    import torch

    with torch.inference_mode():
        found: FloatRows = module(torch.from_numpy(np.array(X))).softmax(dim=1).numpy()
    return found


def flipped(y: Labels, share: float, rng: np.random.Generator) -> tuple[Labels, Labels]:
    """Labels with a share of them wrong, and which."""
    wrong = rng.choice(len(y), max(1, round(share * len(y))), replace=False)
    out = y.copy()
    out[wrong] = (out[wrong] + rng.integers(1, 10, len(wrong))) % 10
    return out, wrong


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Of log y against log x."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])
