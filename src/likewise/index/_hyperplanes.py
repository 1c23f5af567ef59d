"""Directions whose signs are the bits of a row: drawn at random, or learned."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from likewise.index._rows import Float32Array

Float64Array = npt.NDArray[np.float64]

#: Rows to learn from, rounds of learning, and the most components that are turned at once.
LEARNT_FROM, ROUNDS, COMPONENTS = 8_192, 30, 512


def random_directions(bits: int, width: int, seed: int) -> Float32Array:
    """(bits, width) directions, orthogonal in groups of ``width``.

    Two vectors at an angle a differ in a bit with probability a / pi; directions that are
    orthogonal to each other waste fewer bits on the same side (M. S. Charikar, STOC 2002;
    J. Ji and others, "Super-bit locality-sensitive hashing", NIPS 2012).
    """
    rng = np.random.default_rng([seed, 1])
    groups = [_orthogonal(width, rng) for _ in range(-(-bits // width))]
    return np.concatenate(groups)[:bits].astype(np.float32)


def learned_directions(rows: Float32Array, bits: int, seed: int) -> Float32Array:
    """(bits, width) directions by iterative quantisation of centred ``rows`` (n, width).

    The rows are turned to their principal components V, and a rotation R is sought that brings
    them as near as possible to the corners of a cube: in turns, ``B = sign(V R)``, and R from
    the singular vectors of ``B' V`` (Y. Gong and S. Lazebnik, "Iterative quantization", CVPR
    2011). Where there are more bits than components, several rotations from different starts
    stand side by side.
    """
    rng = np.random.default_rng([seed, 2])
    wide = rows.astype(np.float64)
    components = _components(wide, min(bits, rows.shape[1], COMPONENTS))
    groups, missing = [], bits
    while missing > 0:
        kept = components[: min(missing, len(components))]
        groups.append(_rotation(wide @ kept.T, rng).T @ kept)
        missing -= len(kept)
    return np.concatenate(groups).astype(np.float32)


def _components(wide: Float64Array, count: int) -> Float64Array:
    """(count, width) the principal directions, the strongest first."""
    _, vectors = np.linalg.eigh(wide.T @ wide)
    strongest: Float64Array = vectors[:, ::-1][:, :count].T
    return strongest


def _rotation(values: Float64Array, rng: np.random.Generator) -> Float64Array:
    """(c, c) the rotation that brings ``values`` (n, c) nearest to corners of a cube."""
    rotation = _orthogonal(values.shape[1], rng)
    for _ in range(ROUNDS):
        corners = np.where(values @ rotation > 0, 1.0, -1.0)
        left, _, right = np.linalg.svd(values.T @ corners)
        rotation = left @ right
    return rotation


def _orthogonal(size: int, rng: np.random.Generator) -> Float64Array:
    square, triangle = np.linalg.qr(rng.standard_normal((size, size)))
    signs: Float64Array = square * np.where(np.diag(triangle) < 0, -1.0, 1.0)
    return signs
