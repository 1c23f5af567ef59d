"""Vector fields on manifolds seen as points (Peach and others): inpainting on three surfaces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likewise.kernels import RBF
from likewise.kernels.machines import GaussianProcessRegressor, VectorFieldRegressor
from replications.protocol import Outcome, Paper, Replication, Setting, Table, Verdict

Array64 = npt.NDArray[np.float64]
POINTS, NOISE, SEEDS = 600, 0.1, 3
SHARES = (0.1, 0.3)
OURS = "connection Laplacian"
METHODS = (OURS, "graph Laplacian, by channel", "RBF, by channel", "3-NN with transport")
SURFACES = ("sphere", "torus", "roll")


@dataclass(frozen=True, slots=True)
class Line:
    """A surface and a share of observed points: relative errors by method, mean over seeds."""

    surface: str
    share: float
    errors: dict[str, float]


def run(setting: Setting) -> Outcome:
    seeds, points = (1, 70) if setting.quick else (SEEDS, POINTS)
    shares = SHARES[1:] if setting.quick else SHARES
    cases = [(surface, share) for surface in SURFACES for share in shares]
    lines = []
    for surface, share in cases:
        rngs = [
            np.random.default_rng([setting.random_state, seed, SURFACES.index(surface)])
            for seed in range(seeds)
        ]
        found = [measured(surface, share, points, rng) for rng in rngs]
        errors = {name: float(np.mean([each[name] for each in found])) for name in METHODS}
        lines.append(Line(surface, share, errors))
        setting.progress.step(len(lines), len(cases), f"{surface}, {share:.0%} observed")
    return judged(lines)


def measured(surface: str, share: float, count: int, rng: np.random.Generator) -> dict[str, float]:
    """Errors on the points that were not observed, relative to the size of the field there."""
    X, frames = cloud(surface, count, rng)
    field = np.einsum("nai,ni->na", frames, components(surface, X, frames, rng))
    field /= np.sqrt(np.mean(np.sum(field**2, axis=1)))
    order = rng.permutation(count)
    seen, rest = order[: int(share * count)], order[int(share * count) :]
    y = field[seen] + NOISE * rng.standard_normal((len(seen), 3))
    fits: dict[str, Callable[[], Array64]] = {
        OURS: lambda: VectorFieldRegressor(dim=2).fit(X[seen], y, X).predict(X[rest]),
        METHODS[1]: lambda: (
            VectorFieldRegressor(dim=2, field="scalar").fit(X[seen], y, X).predict(X[rest])
        ),
        METHODS[2]: lambda: (
            GaussianProcessRegressor(1.0 * RBF(), noise=NOISE**2).fit(X[seen], y).predict(X[rest])
        ),
        METHODS[3]: lambda: carried(X[seen], y, frames[seen], X[rest], frames[rest]),
    }
    size = np.linalg.norm(field[rest])
    return {name: float(np.linalg.norm(fit() - field[rest]) / size) for name, fit in fits.items()}


def cloud(surface: str, count: int, rng: np.random.Generator) -> tuple[Array64, Array64]:
    """Random points, and true orthonormal frames (count, 3, 2), which only fields are made by."""
    a, b = rng.uniform(0, 2 * np.pi, count), rng.uniform(0, 2 * np.pi, count)
    if surface == "sphere":
        X = rng.standard_normal((count, 3))
        X /= np.linalg.norm(X, axis=1, keepdims=True)
        one, normal = np.column_stack([-X[:, 1], X[:, 0], np.zeros(count)]), X
    elif surface == "torus":
        wide = 1 + 0.4 * np.cos(b)
        X = np.column_stack([wide * np.cos(a), wide * np.sin(a), 0.4 * np.sin(b)])
        one = np.column_stack([-np.sin(a), np.cos(a), np.zeros(count)])
        normal = np.column_stack([np.cos(b) * np.cos(a), np.cos(b) * np.sin(a), np.sin(b)])
    else:  # a strip rolled up, two turns, as far between turns as a seventh of its length
        turn, height = np.pi * (1 + 4 * np.sqrt(rng.uniform(0, 1, count))), rng.uniform(0, 1, count)
        X = np.column_stack([turn * np.cos(turn), turn * np.sin(turn), 12 * height]) / 6
        one = np.column_stack(
            [np.cos(turn) - turn * np.sin(turn), np.sin(turn) + turn * np.cos(turn), 0 * turn]
        )
        normal = np.cross(one, [0.0, 0.0, 1.0])
    one /= np.linalg.norm(one, axis=1, keepdims=True)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    return X, np.stack([one, np.cross(normal, one)], axis=2)


def components(surface: str, X: Array64, frames: Array64, rng: np.random.Generator) -> Array64:
    """A smooth random field in the frames, with zeros where it turns."""
    phases = rng.uniform(0, 2 * np.pi, (2, 3))
    if surface == "roll":  # smooth along the strip, so that neighbouring turns differ
        turn = np.hypot(X[:, 0], X[:, 1]) * 6
        return np.column_stack(
            [np.sin(turn / 2 + p[0]) + np.cos(1.5 * X[:, 2] + p[1]) for p in phases]
        )
    waves = 1.5 * rng.standard_normal((3, 4, 3))
    shifts = rng.uniform(0, 2 * np.pi, (3, 4))
    ambient = np.cos(np.einsum("na,cka->nck", X, waves) + shifts).sum(axis=2)
    return np.asarray(np.einsum("nai,na->ni", frames, ambient))


def carried(X: Array64, y: Array64, T: Array64, Q: Array64, S: Array64) -> Array64:
    """The mean of the three nearest vectors, each turned into the tangent plane of the query."""
    distances = np.linalg.norm(Q[:, None] - X[None], axis=2)
    near = np.argsort(distances, axis=1)[:, :3]
    U, _, Vt = np.linalg.svd(np.einsum("mai,mkaj->mkij", S, T[near]))
    inside = np.einsum("mkaj,mka->mkj", T[near], y[near])
    turned = np.einsum("mkij,mkj->mki", U @ Vt, inside).mean(axis=1)
    return np.asarray(np.einsum("mai,mi->ma", S, turned))


def judged(lines: list[Line]) -> Outcome:
    """The verdict by the rule."""
    wins = [sum(line.errors[OURS] < line.errors[m] for line in lines) for m in METHODS[1:]]
    verdict = Verdict.NOT_REPRODUCED
    if min(wins) == len(lines):
        verdict = Verdict.REPRODUCED
    elif min(wins) > 0:
        verdict = Verdict.PARTLY
    reason = f"of {len(lines)} settings, the error is below that of " + ", ".join(
        f"{name} in {won}" for name, won in zip(METHODS[1:], wins, strict=True)
    )
    rows = [
        (line.surface, f"{line.share:.0%}", *(f"{line.errors[m]:.3f}" for m in METHODS))
        for line in lines
    ]
    header = ("surface", "observed", *METHODS)
    return Outcome(
        verdict,
        reason,
        reason,
        [Table("Relative error on points that were not observed", header, rows)],
        [
            f"{POINTS} random points a surface, noise of {NOISE:g} of the field's size on each "
            f"number, {SEEDS} seeds. Both Laplacians see all points; frames are estimated.",
            "The neighbours with transport are given the true frames. The paper's real data "
            "(brain recordings) and its measure of singularities are not tried.",
        ],
    )


REPLICATION = Replication(
    name="vector_fields",
    paper=Paper(
        "Peach, Vinao-Carl, Grossman, David, Mallas, Sharp, Malhotra, Vandergheynst and Gosztolai",
        2024,
        "Implicit Gaussian process representation of vector fields over arbitrary latent manifolds",
        "ICLR",
    ),
    claim="A Gaussian process on eigenvectors of the connection Laplacian fills in vector fields "
    "on unknown manifolds better than processes channel by channel.",
    rule="reproduced when its error is below those of a graph-Laplacian process and an RBF process "
    "by channel, and of nearest neighbours with transport, on every surface and share; partly "
    "when it beats each of them somewhere; not reproduced otherwise",
    needs=(),
    run=run,
)
