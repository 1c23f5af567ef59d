"""Small encoders of Fashion-MNIST, trained here, and pictures that stand in for them in a hurry."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from replications.data import FloatRows, Labels, fashion_mnist
from replications.protocol import Setting

WIDTH, HIDDEN = 64, 256


def pictures(
    setting: Setting, rows: int, queries: int
) -> tuple[FloatRows, Labels, FloatRows, Labels]:
    """Pictures to search, with their kinds, and others that ask; generated in the quick form."""
    if not setting.quick:
        X, kinds = fashion_mnist(setting.data, "train")
        Q, asked = fashion_mnist(setting.data, "t10k")
        return X[:rows], kinds[:rows], Q[:queries], asked[:queries]
    rng = np.random.default_rng([setting.random_state, 11])
    count = rows + queries
    kinds = rng.integers(0, 10, count)
    middles = rng.normal(size=(10, 784)) * 0.2
    both = middles[kinds] + rng.normal(size=(count, 16)) @ rng.normal(size=(16, 784)) * 0.1
    both = both.astype(np.float32)
    return both[:rows], kinds[:rows], both[rows:], kinds[rows:]


def encoded(
    X: FloatRows, kinds: Labels, others: FloatRows, dims: Sequence[int], epochs: int, seed: int
) -> tuple[FloatRows, FloatRows]:
    """Vectors of ``X`` and of ``others``; a network is taught the kinds on every prefix."""
    import torch

    from likewise.encode.matryoshka import nested_heads

    torch.manual_seed(seed)
    encoder = torch.nn.Sequential(
        torch.nn.Linear(X.shape[1], HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, WIDTH)
    )
    heads = nested_heads(WIDTH, 10, dims, random_state=seed)
    rows, labels = torch.from_numpy(np.array(X)), torch.from_numpy(np.array(kinds))
    optimiser = torch.optim.Adam([*encoder.parameters(), *heads.parameters()], lr=1e-3)
    order = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for part in torch.randperm(len(rows), generator=order).split(256):
            logits = heads(encoder(rows[part])).values()
            losses = [torch.nn.functional.cross_entropy(x, labels[part]) for x in logits]
            optimiser.zero_grad()
            (torch.stack(losses).sum() / len(losses)).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    with torch.inference_mode():
        return encoder(rows).numpy(), encoder(torch.from_numpy(np.array(others))).numpy()
