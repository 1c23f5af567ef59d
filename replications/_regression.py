"""Small regression problems of the UCI repository, and generated ones in their place."""

from __future__ import annotations

import gzip
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from replications.protocol import Setting

Table64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Regression:
    """Inputs and targets, both of mean 0 and deviation 1."""

    name: str
    X: Table64
    y: Table64


def files(names: tuple[str, ...]) -> tuple[str, ...]:
    """The files that `problems` reads."""
    return tuple(f"uci_regression/{name}/data.csv.gz" for name in names)


def problems(setting: Setting, names: tuple[str, ...], rows: int) -> list[Regression]:
    """At most ``rows`` rows of each set, drawn at random; generated in the quick form."""
    return [
        generated(setting, name) if setting.quick else read(setting, name, rows) for name in names
    ]


def read(setting: Setting, name: str, rows: int) -> Regression:
    """A set of the data folder."""
    with gzip.open(setting.data.file(f"uci_regression/{name}/data.csv.gz"), "rt") as file:
        table = np.loadtxt(file, delimiter=",")
    order = np.random.default_rng([setting.random_state, 61]).permutation(len(table))
    return standardised(name, table[order[:rows]])


def generated(setting: Setting, name: str, rows: int = 60) -> Regression:
    """A smooth function of three inputs, with noise."""
    rng = np.random.default_rng([setting.random_state, len(name)])
    X = rng.standard_normal((rows, 3))
    y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2] + 0.2 * rng.standard_normal(rows)
    return standardised(name, np.column_stack([X, y]))


def standardised(name: str, table: Table64) -> Regression:
    """Columns without spread are left out."""
    spread = table.std(axis=0)
    table = (table - table.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    return Regression(name, np.ascontiguousarray(table[:, :-1]), table[:, -1])
