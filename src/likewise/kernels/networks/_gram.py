"""Inner products of gradients, piece by piece, so that few of them are held at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from likewise.errors import InvalidVector, OverLimit
from likewise.kernels._rows import FloatArray
from likewise.kernels.networks._network import Network, as_array

if TYPE_CHECKING:
    import torch

#: The heads of rows: (R, O), or (n, R, O).
Heads = Callable[[Network, Any], "torch.Tensor"]


class Rows(NamedTuple):
    """Rows as tensors, with the heads whose gradients are taken."""

    rows: torch.Tensor
    heads: torch.Tensor

    def part(self, places: slice, heads: slice = slice(None)) -> Rows:
        """Some rows and some heads."""
        chosen = self.heads if self.heads.ndim == 2 else self.heads[places]
        return Rows(self.rows[places], chosen[..., heads, :])


def pieces(network: Network, heads: int, room: float) -> Iterator[tuple[slice, list[str]]]:
    """Heads and parameters whose gradients of one row are at most ``room`` numbers.

    A parameter that is larger is a piece of its own. Heads are parted before parameters are:
    a part of the heads costs another pass forward, a part of the parameters a whole pass.
    """
    at_once = max(1, int(room // network.size))
    groups = _groups(network, room) if network.size > room else [list(network.parameters)]
    for start in range(0, heads, at_once):
        for group in groups:
            yield slice(start, min(start + at_once, heads)), group


def _groups(network: Network, room: float) -> list[list[str]]:
    groups: list[list[str]] = []
    held = np.inf
    for name, size in network.sizes.items():
        if held + size > room:
            groups.append([])
            held = 0
        groups[-1].append(name)
        held += size
    return groups


class Gram(NamedTuple):
    """Inner products (n, m), and where they are asked for the squared lengths of both sides."""

    products: FloatArray
    left: FloatArray
    right: FloatArray


def gram(network: Network, X: Rows, Y: Rows | None, budget: float, lengths: bool = False) -> Gram:
    """``sum_r <g_r(x_i), g_r(y_j)>``, with at most ``budget`` bytes of gradients at a time.

    With ``lengths`` also ``sum_r |g_r|^2`` of both sides, from the same gradients; else zeros.
    """
    other = X if Y is None else Y
    n, m = len(X.rows), len(other.rows)
    held = (n if Y is None else n + m) * network.itemsize
    if max(network.sizes.values()) * held > budget:
        return _halves(network, X, Y, budget, lengths)
    out = Gram(*(np.zeros(shape, dtype=_numpy_kind(network)) for shape in ((n, m), n, m)))
    for heads, names in pieces(network, X.heads.shape[-2], budget / held):
        left = network.gradients(*X.part(slice(None), heads), names)
        right = left if Y is None else network.gradients(*Y.part(slice(None), heads), names)
        for name in names:
            product = left[name].reshape(n, -1) @ right[name].reshape(m, -1).T
            out.products[:] += as_array(product)
            if lengths:
                out.left[:] += _squared(left[name])
                out.right[:] += _squared(right[name])
    finite(out.products)
    return out


def _halves(network: Network, X: Rows, Y: Rows | None, budget: float, lengths: bool) -> Gram:
    """The same from halves of the rows, whose gradients take less."""
    other = X if Y is None else Y
    n, m = len(X.rows), len(other.rows)
    if n == m == 1:
        check_room(network, 1 if Y is None else 2, budget)
    by_rows = n >= m
    count = n if by_rows else m
    one, two = (
        gram(
            network,
            X.part(c) if by_rows else X,
            other if by_rows else other.part(c),
            budget,
            lengths,
        )
        for c in (slice(0, count // 2), slice(count // 2, count))
    )
    if by_rows:
        return Gram(np.concatenate([one[0], two[0]]), np.concatenate([one[1], two[1]]), one[2])
    return Gram(np.concatenate([one[0], two[0]], axis=1), one[1], np.concatenate([one[2], two[2]]))


def _squared(gradients: torch.Tensor) -> FloatArray:
    return as_array(gradients.square().sum(dim=(1, 2)))


def _numpy_kind(network: Network) -> str:
    return str(network.dtype).removeprefix("torch.")


def check_room(network: Network, gradients: int, budget: float) -> None:
    """Refuse where so many gradients by the largest parameter are more than ``budget`` bytes."""
    largest = max(network.sizes, key=network.sizes.__getitem__)
    needed = gradients * network.sizes[largest] * network.itemsize
    if needed > budget:
        raise OverLimit(
            f"{gradients} gradients by {largest!r}, the least that can be held at a time, take "
            f"{needed / 1e6:,.3f} MB, over the kernel's memory_limit = {budget / 1e6:,.3f} MB; "
            f"raise it, leave {largest!r} out of parameters=, or ask for products with "
            "kernel.operator(X), which keeps no gradient of a row"
        )


def squares(network: Network, X: Rows, budget: float) -> FloatArray:
    """``sum_r |g_r(x_i)|^2`` as (n,), with at most ``budget`` bytes of gradients."""
    n = len(X.rows)
    check_room(network, 1, budget)
    out = np.zeros(n, dtype=_numpy_kind(network))
    largest = max(network.sizes.values()) * network.itemsize
    step = int(min(n, max(1, budget // largest)))
    for start in range(0, n, step):
        places = slice(start, min(start + step, n))
        room = budget / (network.itemsize * step)
        for heads, names in pieces(network, X.heads.shape[-2], room):
            for g in network.gradients(*X.part(places, heads), names).values():
                out[places] += _squared(g)
    return finite(out)


def full_gram(network: Network, X: Rows, Y: Rows | None, budget: float) -> FloatArray:
    """``<g_r(x_i), g_s(y_j)>`` as (n R, m R), with at most ``budget`` bytes of gradients."""
    other = X if Y is None else Y
    n, m, count = len(X.rows), len(other.rows), X.heads.shape[-2]
    check_room(network, 2 * count, budget)
    each = count * network.itemsize
    step = int(max(1, min(512, budget // (2 * each * max(network.sizes.values())))))
    out = np.zeros((n * count, m * count), dtype=_numpy_kind(network))
    for names in _groups(network, budget / (2 * each * step)):
        for i in range(0, n, step):
            left = network.gradients(*X.part(slice(i, i + step)), names)
            for j in range(i if Y is None else 0, m, step):
                same = Y is None and i == j
                beside = other.part(slice(j, j + step))
                right = left if same else network.gradients(*beside, names)
                block = sum(as_array(_flat(left[name]) @ _flat(right[name]).T) for name in names)
                rows = slice(i * count, min(i + step, n) * count)
                columns = slice(j * count, min(j + step, m) * count)
                out[rows, columns] += block
                if Y is None and not same:
                    out[columns, rows] += np.transpose(block)
    return finite(out)


def _flat(gradients: torch.Tensor) -> torch.Tensor:
    return gradients.reshape(-1, gradients.shape[-1])


def finite(out: FloatArray) -> FloatArray:
    """``out``, or the error that says that the module gives no numbers."""
    if not np.isfinite(out).all():
        raise InvalidVector(
            "the module's gradients are NaN or infinite for some row; check its parameters, and "
            "that its function has a derivative there"
        )
    return out
