"""What exact running sums cost: classifiers by class means beside scikit-learn's own."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np

from benchmarks.protocol import Benchmark, Figure, Outcome, Setting
from benchmarks.timing import median
from likewise.learn import GaussianNaiveBayes, LinearDiscriminant, NearestMean

ROWS, WIDTH, CLASSES, FEW, ROUNDS = 15_000, 384, 150, 100, 3


def run(setting: Setting) -> Outcome:
    """Fit, learning a few rows more, and forgetting them where the other must fit anew."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import NearestCentroid

    quick = 300, 24, 10, 1
    rows, width, classes, rounds = quick if setting.quick else (ROWS, WIDTH, CLASSES, ROUNDS)
    rng = np.random.default_rng(setting.random_state)
    y = np.arange(rows) % classes
    X = rng.normal(size=(classes, width))[y] + rng.normal(size=(rows, width))
    X = (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)
    pairs: dict[str, tuple[Any, Any]] = {
        "NearestMean": (NearestMean(), NearestCentroid()),
        "GaussianNaiveBayes": (GaussianNaiveBayes(), GaussianNB()),
        "LinearDiscriminant": (
            LinearDiscriminant(0.1),
            LinearDiscriminantAnalysis("lsqr", shrinkage=0.1),
        ),
    }
    figures: list[Figure] = []
    for done, (name, pair) in enumerate(pairs.items(), 1):
        figures += compared(name, *pair, X, y, rounds)
        setting.progress.step(done, len(pairs), name)
    notes = (
        f"{rows:,} rows of {width} numbers in float32, of length 1, in {classes} classes; medians "
        f"of {rounds} rounds in turn, in seconds of the processor. Ours are exact, so that order "
        "and batches leave the same bits; what is derived of the sums is computed at the first "
        f"prediction, which is counted. To forget {FEW} rows scikit-learn fits anew; its "
        "NearestCentroid and linear discriminant have no partial_fit, and are fitted anew for it.",
    )
    return Outcome(figures, notes=notes)


def compared(name: str, ours: Any, theirs: Any, X: Any, y: Any, rounds: int) -> list[Figure]:
    """Seconds of three deeds of one pair."""

    def fit(model: Any) -> Any:
        return model.fit(X, y).predict(X[:1])

    def more(model: Any) -> Any:
        if hasattr(model, "partial_fit"):
            return model.partial_fit(X[:FEW], y[:FEW]).predict(X[:1])
        return fit(model)

    def less(_: int) -> Any:
        return ours.forget(X[:FEW], y[:FEW]).predict(X[:1])

    def both(_: int) -> None:
        more(ours)
        less(0)

    deeds: dict[str, tuple[Callable[[int], object], Callable[[int], object]]] = {
        "fit": (lambda _: fit(ours), lambda _: fit(theirs)),
        f"learn {FEW} rows more and forget them": (both, lambda _: (more(theirs), fit(theirs))),
    }
    found = []
    for what, pair in deeds.items():
        spent: tuple[list[float], list[float]] = ([], [])
        for round_ in range(rounds + 1):
            for who in (0, 1) if round_ % 2 else (1, 0):
                begun = process_time()
                pair[who](round_)
                spent[who].append(process_time() - begun)
        mine, others = (
            median(np.array(seconds[1:])) for seconds in spent
        )  # the first is to warm up
        found.append(Figure(f"{name}: {what}", mine, "s", "scikit-learn", others))
    return found


BENCHMARK = Benchmark("class_means", "What do exact running sums cost?", run)
