"""`DeepCodes`: label vectors of many labels as short codes, and back, by a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, Self

import numpy as np
from scipy import sparse
from scipy.special import expit

from likewise._arguments import check_count, check_number, suggest_arguments
from likewise.errors import InvalidArgument, MissingExtra
from likewise.learn._checks import Float64Array

BATCH = 128


class DeepCodes:
    """A network from labels to codes and back, with a hidden layer of ReLU on each side.

    The decoder gives logits; their loss is the binary cross-entropy. Means of codes are no codes:
    the decoder is taught by means of neighbours' codes too.

    Args:
        size: numbers of a code. hidden: numbers of the hidden layers.
        targets: what is taught. "labels": only to give labels back. "mixed": also, from the mean
            of the codes of a row's neighbours, their mean label vector. "neighbors": instead of
            it the row's own labels, which is what it will be asked for.
        positive_weight: at least 1. A label counts (1 - share) / share where it is present, but
            at most this: above 1, rare labels are answered more readily.
        epochs, learning_rate: of training, by Adam, in batches of 128 rows.

    Raises:
        InvalidArgument: an argument out of its range. MissingExtra: torch is not installed.

    Cost: n (L + size) hidden operations an epoch, k times that for neighbours' codes.

    Source: F. J. Ribadas-Pena, S. Cao and V. M. Darriba Bilbao, "Improving large-scale k-nearest
    neighbor text categorization with label autoencoders", Mathematics 2022 (the auto-encoder;
    teaching it by means of codes is ours).

    Example:
        >>> Y = sparse.csr_array(np.array([[1, 1, 0], [0, 0, 1.0]] * 10))
        >>> codes = DeepCodes(size=2, hidden=16, epochs=100, targets="labels").fit(Y, None, 0)
        >>> (codes.decode(codes.encode(Y)) > 0.5).astype(int)[:2].tolist()
        [[1, 1, 0], [0, 0, 1]]
    """

    @suggest_arguments
    def __init__(
        self,
        size: int = 64,
        *,
        hidden: int = 256,
        targets: Literal["labels", "mixed", "neighbors"] = "neighbors",
        positive_weight: float = 1.0,
        epochs: int = 20,
        learning_rate: float = 3e-3,
    ) -> None:
        self.size = size
        self.hidden = hidden
        self.targets = targets
        self.positive_weight = positive_weight
        self.epochs = epochs
        self.learning_rate = learning_rate

    def fit(
        self, labels: sparse.csr_array, weights: sparse.csr_array, random_state: int | None
    ) -> Self:
        """Learn from labels (n, L) and the weights (n, n) of each row's neighbours.

        Example:
            >>> Y = sparse.csr_array(np.eye(3))
            >>> DeepCodes(2, hidden=4, epochs=1, targets="labels").fit(Y, None, 0).encode(Y).shape
            (3, 2)
        """
        self._check()
        try:
            import torch
        except ImportError:
            raise MissingExtra(
                "deep label codes need torch: pip install 'likewise[torch]'; linear ones do not"
            ) from None
        rng = np.random.default_rng(random_state)
        with _alone(int(rng.integers(2**31))):
            width, hidden, size = labels.shape[1], self.hidden, self.size
            encoder = _network(width, hidden, size)
            decoder = _network(size, hidden, width)
            share = torch.from_numpy(np.asarray(labels.mean(axis=0)).ravel()).float()
            rarity = ((1 - share) / share.clamp(min=1e-9)).clamp(1.0, self.positive_weight)
            loss = torch.nn.BCEWithLogitsLoss(pos_weight=rarity)
            adam = _Adam([*encoder.parameters(), *decoder.parameters()], self.learning_rate)
            for _ in range(self.epochs):
                order = rng.permutation(labels.shape[0])
                for rows in np.split(order, range(BATCH, len(order), BATCH)):
                    own = torch.from_numpy(labels[rows].toarray()).float()
                    total = loss(decoder(encoder(own)), own)
                    if self.targets != "labels":
                        total = total + self._taught(
                            loss, encoder, decoder, labels, weights[rows], own
                        )
                    adam.step(total)
            self._encoder, self._decoder = _arrays(encoder), _arrays(decoder)
        return self

    def _taught(
        self, loss: Any, encoder: Any, decoder: Any, labels: Any, weights: Any, own: Any
    ) -> Any:
        """The loss of decoding means of neighbours' codes."""
        import torch

        near, columns = np.unique(weights.indices, return_inverse=True)
        if not len(near):
            return 0.0
        table = np.zeros((weights.shape[0], len(near)), dtype=np.float32)
        table[np.repeat(np.arange(len(table)), np.diff(weights.indptr)), columns] = weights.data
        share, known = torch.from_numpy(table), torch.from_numpy(labels[near].toarray()).float()
        found = decoder(share @ encoder(known))
        return loss(found, share @ known if self.targets == "mixed" else own)

    def encode(self, labels: Any) -> Float64Array:
        """(n, L) to (n, size).

        Example:
            >>> Y = sparse.csr_array(np.eye(3))
            >>> DeepCodes(2, hidden=4, epochs=1, targets="labels").fit(Y, None, 0).encode(Y).shape
            (3, 2)
        """
        return _forward(self._encoder, labels)

    def decode(self, codes: Float64Array) -> Float64Array:
        """(n, size) to (n, L), in [0, 1].

        Example:
            >>> Y = sparse.csr_array(np.eye(3))
            >>> codes = DeepCodes(2, hidden=4, epochs=1, targets="labels").fit(Y, None, 0)
            >>> codes.decode(np.zeros((1, 2))).shape
            (1, 3)
        """
        return np.asarray(expit(_forward(self._decoder, codes)))

    def _check(self) -> None:
        for name in ("size", "hidden", "epochs"):
            check_count(name, getattr(self, name))
        if self.targets not in ("labels", "mixed", "neighbors"):
            raise InvalidArgument(
                f'targets must be "labels", "mixed" or "neighbors"; got {self.targets!r:.60}'
            )
        if check_number("positive_weight", self.positive_weight) < 1:
            raise InvalidArgument(
                f"positive_weight must be at least 1; got {self.positive_weight!r}"
            )
        if check_number("learning_rate", self.learning_rate) <= 0:
            raise InvalidArgument(f"learning_rate must be positive; got {self.learning_rate!r}")


def _network(wide: int, hidden: int, out: int) -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(wide, hidden), nn.ReLU(), nn.Linear(hidden, out))


class _Adam:
    """The optimiser; torch's own loads its compiler, which takes longer than the training."""

    def __init__(self, parameters: list[Any], rate: float) -> None:
        import torch

        self.parameters, self.rate, self.steps = parameters, rate, 0
        self.means = [torch.zeros_like(p) for p in parameters]
        self.squares = [torch.zeros_like(p) for p in parameters]

    def step(self, loss: Any) -> None:
        import torch

        self.steps += 1
        slopes = torch.autograd.grad(loss, self.parameters)
        with torch.no_grad():
            for p, slope, mean, square in zip(
                self.parameters, slopes, self.means, self.squares, strict=True
            ):
                mean.lerp_(slope, 0.1)
                square.lerp_(slope * slope, 0.001)
                size = (square / (1 - 0.999**self.steps)).sqrt_().add_(1e-8)
                p.sub_(self.rate / (1 - 0.9**self.steps) * mean / size)


def _arrays(network: Any) -> list[Float64Array]:
    return [p.detach().numpy().astype(np.float64) for p in network.parameters()]


def _forward(layers: list[Float64Array], rows: Any) -> Float64Array:
    first, bias, second, end = layers
    return np.asarray(np.maximum(rows @ first.T + bias, 0.0) @ second.T + end)


@contextmanager
def _alone(seed: int) -> Iterator[None]:
    """torch on one thread and with chance of its own: the same bytes on any machine's cores."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(before)
