"""A small network with two hidden layers in the tangent parametrisation, as an estimator."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, RegressorMixin

Table64 = npt.NDArray[np.float64]


class TangentNetwork(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """``w.f(V f(U x))``, f ReLU; weights are normal and divided by the root of their inputs in the
    forward pass, so that a gradient weighs its layers alike at any width. Adam on minibatches for a
    number of epochs, with a rate that falls to 0; always from the beginning.

    The torch module is ``module_``.
    """

    def __init__(
        self,
        width: int = 128,
        epochs: int = 64,
        batch: int = 128,
        rate: float = 0.1,
        bias: float = 0.5,
        random_state: int = 0,
    ) -> None:
        self.width = width
        self.epochs = epochs
        self.batch = batch
        self.rate = rate
        self.bias = bias
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        import torch

        generator = torch.Generator().manual_seed(self.random_state)
        rows = torch.as_tensor(np.asarray(X, np.float32))
        self.middle_, self.spread_ = float(np.mean(y)), float(np.std(y)) or 1.0
        targets = torch.as_tensor(np.asarray((y - self.middle_) / self.spread_, np.float32))
        self.module_ = _module(torch, rows.shape[1], self.width, self.bias, generator)
        optimiser = torch.optim.Adam(self.module_.parameters(), lr=self.rate, fused=True)
        steps = self.epochs * -(-len(rows) // self.batch)
        done = 0
        for _ in range(self.epochs):
            order = torch.randperm(len(rows), generator=generator)
            for part in order.split(self.batch):
                for group in optimiser.param_groups:
                    group["lr"] = self.rate * (1 - done / steps)
                optimiser.zero_grad(set_to_none=True)
                loss = (self.module_(rows[part])[:, 0] - targets[part]).square().mean()
                loss.backward()
                optimiser.step()
                done += 1
        return self

    def predict(self, X: Any) -> Table64:
        import torch

        with torch.no_grad():
            out = self.module_(torch.as_tensor(np.asarray(X, np.float32)))[:, 0]
        found: Table64 = out.double().numpy() * self.spread_ + self.middle_
        return found


def _module(torch: Any, inputs: int, width: int, bias: float, generator: Any) -> Any:
    class Layer(torch.nn.Linear):  # type: ignore[misc]
        """``gain / sqrt(inputs) W x + bias b`` with normal W and b."""

        def __init__(self, inputs: int, outputs: int, gain: float) -> None:
            super().__init__(inputs, outputs)
            self.factor = gain / inputs**0.5
            with torch.no_grad():
                self.weight.normal_(generator=generator)
                self.bias.normal_(generator=generator)

        def forward(self, x: Any) -> Any:
            return torch.nn.functional.linear(x, self.factor * self.weight, bias * self.bias)

    return torch.nn.Sequential(
        Layer(inputs, width, 1.0),
        torch.nn.ReLU(),
        Layer(width, width, 2**0.5),
        torch.nn.ReLU(),
        Layer(width, 1, 2**0.5),
    )
