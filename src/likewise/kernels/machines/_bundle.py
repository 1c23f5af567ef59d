"""The geometry of a cloud of points: tangent frames, transport between them, a Laplacian."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from likewise.index import Index
from likewise.kernels.machines._linear import Float64Array

Ids = npt.NDArray[np.int64]
#: Up to this size the eigenproblem is solved by a dense method, which is quicker there.
DENSE = 600
#: The share of the local variance that tangent directions explain, where their number is sought.
EXPLAINED = 0.8
#: The ridge on slopes between nodes, as a share of the mean squared distance to them.
SLOPES = 1e-2


class Near(NamedTuple):
    """The nearest nodes of some points: positions and distances, (m, k), nearest first."""

    ids: Ids
    distances: Float64Array


class Edges(NamedTuple):
    """Pairs of neighbours, each once, ``left < right``."""

    left: Ids
    right: Ids


def nearest(index: Index, nodes: Float64Array, points: Float64Array, k: int) -> Near:
    """The ``k`` nearest nodes of each point, or all of them; distances in float64."""
    k = min(k, len(nodes))
    ids = np.stack([found.ids for found in index.search(points, k=k)]).astype(np.int64)
    distances = np.linalg.norm(nodes[ids] - points[:, None], axis=2)
    order = np.lexsort((ids, distances), axis=1)
    return Near(np.take_along_axis(ids, order, 1), np.take_along_axis(distances, order, 1))


def graph_edges(near: Ids) -> Edges:
    """Who is among the nearest of whom, in either direction; a node is no neighbour of itself."""
    left = np.repeat(np.arange(len(near)), near.shape[1])
    pairs = np.sort(np.stack([left, near.ravel()], axis=1), axis=1)
    pairs = np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0)
    return Edges(pairs[:, 0], pairs[:, 1])


def local_axes(nodes: Float64Array, near: Ids) -> tuple[Float64Array, Float64Array]:
    """Principal axes (m, numbers, p) of each neighbourhood, and their variances (m, p)."""
    around = nodes[near]
    around = around - around.mean(axis=1, keepdims=True)
    _, spread, axes = np.linalg.svd(around, full_matrices=False)
    return np.swapaxes(axes, 1, 2), spread**2


def estimated_dim(variances: Float64Array) -> int:
    """How many axes explain `EXPLAINED` of the variance of a neighbourhood, on average."""
    total = variances.sum(axis=1, keepdims=True)
    shares = np.cumsum(variances[total[:, 0] > 0] / total[total[:, 0] > 0], axis=1)
    if not len(shares):
        return 1
    return int(np.argmax(shares.mean(axis=0) >= EXPLAINED)) + 1


def transports(to: Float64Array, of: Float64Array) -> Float64Array:
    """The orthogonal matrices nearest to ``to^T of``, (m, d, d): coordinates of one in the other.

    Source: A. Singer and H. Wu, "Vector diffusion maps and the connection Laplacian",
    Communications on Pure and Applied Mathematics 65, 2012.
    """
    U, _, Vt = np.linalg.svd(np.einsum("mia,mib->mab", to, of))
    return np.asarray(U @ Vt)


def laplacian(n: int, edges: Edges, blocks: Float64Array) -> Any:
    """``deg_i I`` on the diagonal and ``-O_ij`` beside it, as a sparse matrix of n d rows.

    Args:
        n: nodes. edges: of the graph. blocks: (edges, d, d), from the right end to the left.
    """
    from scipy.sparse import bsr_array, coo_array

    d = blocks.shape[1]
    places, none = np.arange(len(edges.left)), np.zeros((0, d, d))
    order = coo_array((places + 1, (edges.left, edges.right)), shape=(n, n)).tocsr()
    upper = bsr_array(
        (-blocks[order.data - 1] if len(places) else none, order.indices, order.indptr),
        shape=(n * d, n * d),
    ).tocsr()
    degrees = np.bincount(np.concatenate(edges), minlength=n).astype(np.float64)
    diagonal = coo_array((np.repeat(degrees, d), (np.arange(n * d), np.arange(n * d))))
    return (upper + upper.T + diagonal.tocsr()).tocsc()


def lowest(matrix: Any, count: int, seed: int | None) -> tuple[Float64Array, Float64Array]:
    """The ``count`` smallest eigenvalues, ascending, and their vectors in columns.

    Cost: a sparse factorisation and about 2 count solves with it; 9 rows^3 where that is small.
    """
    rows = matrix.shape[0]
    count = min(count, rows)
    if rows <= DENSE or count > rows // 3:
        from scipy.linalg import eigh

        values, vectors = eigh(matrix.toarray(), subset_by_index=[0, count - 1])
    else:
        from scipy.sparse.linalg import eigsh

        # A little below zero, where the matrix to factor is definite.
        start = np.random.default_rng(seed).standard_normal(rows)
        shift = -1e-3 * matrix.diagonal().mean()
        values, vectors = eigsh(matrix, count, sigma=shift, v0=start)
        order = np.argsort(values)
        values, vectors = values[order], vectors[:, order]
    return np.maximum(values, 0.0), np.asarray(vectors)


def interpolation(near: Near, beyond: bool) -> Float64Array:
    """Weights (m, k) of the nearest nodes that sum to 1 and fall to 0 at the last of them.

    ``((R - d) / (R d))^2``, with R the largest distance: continuous where neighbours change, and
    a node's own value at the node.

    Args:
        near: the neighbours. beyond: whether there are more nodes; if not, ``1 / d^2``.

    Source: R. Franke and G. Nielson, "Smooth interpolation of large sets of scattered data",
    International Journal for Numerical Methods in Engineering 15, 1980.
    """
    d = near.distances
    hit = d <= 1e-12 * np.maximum(d[:, -1:], 1e-300)
    safe = np.where(hit, 1.0, d)
    weights = (d[:, -1:] - d) / (d[:, -1:] * safe + hit) if beyond else 1.0 / safe
    weights = weights**2
    weights[hit.any(axis=1)] = 0.0
    weights[hit] = 1.0
    weights[weights.sum(axis=1) == 0] = 1.0  # all equally far
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def linear_weights(weights: Float64Array, offsets: Float64Array) -> Float64Array:
    """Weights (m, k) that carry linear functions as well as constants: a plane by least squares.

    Args:
        weights: (m, k) of the neighbours. offsets: (m, k, d), where they are, seen from the point.

    The slopes have a small ridge, relative to the distances from the point: among its neighbours
    it does nothing much, and far outside of them it leaves the plain average.

    Source: D. Levin, "The approximation power of moving least-squares", Mathematics of
    Computation 67, 1998.
    """
    mean = np.einsum("mk,mkd->md", weights, offsets)
    second = np.einsum("mk,mka,mkb->mab", weights, offsets, offsets)
    size = np.trace(second, axis1=1, axis2=2)
    ridge = np.where(size > 0, SLOPES * size, 1.0)[:, None, None] * np.eye(offsets.shape[2])
    spread = second - mean[:, :, None] * mean[:, None, :] + ridge
    slopes = np.linalg.solve(spread, mean[:, :, None])[:, :, 0]
    tilt = np.einsum("mkd,md->mk", offsets - mean[:, None], slopes)
    return np.asarray(weights * (1.0 - tilt))


@dataclass(frozen=True, slots=True)
class Bundle:
    """Nodes with their frames, and the lowest eigenvectors of the Laplacian between them.

    Attributes:
        nodes: (n, numbers). frames: (n, numbers, d), or None where fields are of numbers.
        dim: of the manifold. index: of the nodes. k: neighbours in the graph. around: those
            that a frame is made of.
        values: (r,) eigenvalues, in 1 / length^2. vectors: (n, d, r); d = 1 without frames.
    """

    nodes: Float64Array
    frames: Float64Array | None
    dim: int
    index: Index
    k: int
    around: int
    values: Float64Array
    vectors: Float64Array

    def at(self, points: Float64Array) -> tuple[Float64Array, Float64Array | None]:
        """The eigenvectors at points, (m, d, r), in frames (m, numbers, d) of the points."""
        # A frame at a node must be the node's own: the same neighbours, itself among them.
        wide = nearest(self.index, self.nodes, points, max(self.k + 1, self.around))
        near = Near(wide.ids[:, : self.k + 1], wide.distances[:, : self.k + 1])
        frames = tangent_frames(self.nodes, wide.ids[:, : self.around], self.dim)
        weights = interpolation(near, len(self.nodes) > self.k)
        away = self.nodes[near.ids] - points[:, None]
        weights = linear_weights(weights, np.einsum("mki,mid->mkd", away, frames))
        if self.frames is None:
            return np.einsum("mk,mkbr->mbr", weights, self.vectors[near.ids]), None
        (m, k), d = near.ids.shape, frames.shape[2]
        of = self.frames[near.ids].reshape(m * k, -1, d)
        blocks = transports(np.repeat(frames, k, axis=0), of).reshape(m, k, d, d)
        weighted = blocks * weights[:, :, None, None]
        return np.einsum("mkab,mkbr->mar", weighted, self.vectors[near.ids]), frames


def tangent_frames(nodes: Float64Array, near: Ids, dim: int) -> Float64Array:
    """(m, numbers, dim): orthonormal, from the principal axes of each neighbourhood."""
    return local_axes(nodes, near)[0][:, :, :dim]


def make_bundle(
    nodes: Float64Array,
    index: Index,
    k: int,
    *,
    dim: int | None,
    tangent: bool,
    n_eigenpairs: int,
    seed: int | None,
) -> Bundle:
    """Graph, frames, connection Laplacian and its lowest eigenpairs.

    Eigenvalues are in the units of the manifold's own Laplacian where nodes are spread evenly:
    with h^2 the mean squared length of an edge, the mean over edges of a squared difference is
    ``h^2 / dim`` times the mean squared gradient.
    """
    n, around = len(nodes), min(len(nodes), max(3, (3 * k) // 2 + 1))
    near = nearest(index, nodes, nodes, max(k + 1, around)).ids
    dim = dim or estimated_dim(local_axes(nodes, near[:, :around])[1])
    edges = graph_edges(near[:, : k + 1])
    frames = tangent_frames(nodes, near[:, :around], dim) if tangent else None
    if frames is None:
        blocks = np.ones((len(edges.left), 1, 1))
    else:
        blocks = transports(frames[edges.left], frames[edges.right])
    lengths = np.linalg.norm(nodes[edges.left] - nodes[edges.right], axis=1)
    squared = float(np.mean(lengths**2)) if len(lengths) else 1.0
    degree = 2 * len(edges.left) / n
    values, vectors = lowest(laplacian(n, edges, blocks), n_eigenpairs, seed)
    values = values * 2 * dim / (max(degree, 1e-300) * (squared or 1.0))
    vectors = vectors.reshape(n, blocks.shape[1], -1)
    return Bundle(nodes, frames, dim, index, k, around, values, vectors)
