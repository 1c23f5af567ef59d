"""Detectors of outliers beside PyOD's: texts out of scope, and the sets of ADBench."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks._odd_sets import OddSet, adbench, generated, out_of_scope
from benchmarks.protocol import Benchmark, Figure, Outcome, Setting
from replications.data import DataFolder
from replications.protocol import Table

Float = npt.NDArray[np.float64]
#: A detector that is fitted with rows and labels gives oddities of these and of other rows.
Makers = dict[str, Callable[[], Any]]


def ours(*, labels: bool, quick: bool) -> Makers:
    """Our detectors; with labels also those that need them."""
    from likewise.learn import LocalOutlierFactor, MagnitudeOutliers, MahalanobisOutliers
    from likewise.learn import NeighborOutliers as Neighbors

    makers: Makers = {
        "NeighborOutliers, k=5": lambda: Neighbors(k=5),
        "NeighborOutliers, k=5, mean": lambda: Neighbors(k=5, aggregate="mean"),
        "LocalOutlierFactor, k=20": lambda: LocalOutlierFactor(k=20),
        "MagnitudeOutliers": lambda: MagnitudeOutliers(),
        "MahalanobisOutliers": lambda: MahalanobisOutliers(),
        "MahalanobisOutliers, PCA, residual": lambda: MahalanobisOutliers("pca", residual=True),
    }
    if labels:
        makers |= {
            "NeighborOutliers, k=1": lambda: Neighbors(k=1),
            "NeighborOutliers, k=50": lambda: Neighbors(k=50),
            "NeighborOutliers, k=5, by class": lambda: Neighbors(k=5, by_class=True),
            "MahalanobisOutliers, by class": lambda: MahalanobisOutliers(by_class=True),
            "MahalanobisOutliers, relative": lambda: MahalanobisOutliers(
                by_class=True, relative=True
            ),
        }
    if importlib.util.find_spec("torch") and not quick:  # its import alone takes seconds
        from likewise.learn import SageOutliers

        makers["SageOutliers"] = lambda: SageOutliers(epochs=30)
    return makers


def theirs(seed: int) -> Makers:
    """PyOD's, with the arguments it has by itself."""
    from pyod.models.ecod import ECOD
    from pyod.models.iforest import IForest
    from pyod.models.knn import KNN
    from pyod.models.lof import LOF

    return {
        "PyOD KNN": lambda: KNN(),
        "PyOD LOF": lambda: LOF(),
        "PyOD ECOD": lambda: ECOD(),
        "PyOD IForest": lambda: IForest(random_state=seed),
    }


def makers_of(setting: Setting, *, labels: bool) -> Makers:
    with_peers = setting.peers and importlib.util.find_spec("pyod")
    found = ours(labels=labels, quick=setting.quick)
    return found | (theirs(setting.random_state) if with_peers else {})


def training(detector: Any) -> Float:
    """Oddities of the fitted rows."""
    if hasattr(detector, "decision_scores_"):
        return np.asarray(detector.decision_scores_)
    return np.asarray(-detector.training_scores_)


def judged(detector: Any, rows: Any) -> Float:
    """Oddities of other rows."""
    if hasattr(detector, "decision_scores_"):
        return np.asarray(detector.decision_function(rows))
    return np.asarray(-detector.score_samples(rows))


def run(setting: Setting) -> Outcome:
    """AUROC of each detector, and the processor's seconds."""
    data = DataFolder.find()
    scope = generated(setting.random_state) if setting.quick else out_of_scope(data)
    found, seconds = _scope(scope, makers_of(setting, labels=True))
    setting.progress.step(1, 2, f"{scope.title}, {len(found)} detectors")
    if setting.quick:
        some = [generated(seed) for seed in (1, 2)]
        sets: Iterator[Any] = ((f"set {i}", s.judged, s.odd) for i, s in enumerate(some))
    else:
        sets = adbench(data, setting.random_state)
    names, areas, spent = _bench(sets, makers_of(setting, labels=False))
    setting.progress.step(2, 2, f"{len(names)} sets")
    ranks = mean_ranks(areas)
    figures = [*_figures(found, areas, ranks, spent)]
    order = sorted(found, key=lambda name: -found[name])
    scope_rows = [(name, f"{found[name]:.3f}", f"{seconds[name]:.1f}") for name in order]
    bench_order = sorted(ranks, key=lambda name: ranks[name])
    bench_rows = [
        (name, f"{ranks[name]:.2f}", f"{np.mean(areas[name]):.3f}", f"{spent[name]:.1f}")
        for name in bench_order
    ]
    each = [(s, *(f"{areas[n][i]:.3f}" for n in bench_order)) for i, s in enumerate(names)]
    return Outcome(
        figures,
        [
            Table(
                f"{scope.title}: AUROC of rows out of scope", ("detector", "AUROC", "s"), scope_rows
            ),
            Table(
                f"ADBench, {len(names)} sets",
                ("detector", "mean rank of AUROC", "mean AUROC", "s in all"),
                bench_rows,
            ),
            Table("ADBench, AUROC of each", ("set", *bench_order), each),
        ],
        notes=(
            "CLINC150: MiniLM vectors of 384 numbers, fitted on 15,000 queries of 150 intents, "
            "judged on 4,500 others and 1,000 out of scope; no detector was tuned on these.",
            "ADBench: each column standardized, at most 5,000 rows of a set drawn at random, "
            "fitted and judged on the same rows, whose labels none sees. Fitted rows have no part "
            "in their own score. SageOutliers learns without labels there.",
            "PyOD's detectors as they are by themselves. Seconds are the processor's, in one "
            "thread, of fitting (and judging, for CLINC150).",
        ),
    )


def _scope(scope: OddSet, makers: Makers) -> tuple[dict[str, float], dict[str, float]]:
    from sklearn.metrics import roc_auc_score

    found, seconds = {}, {}
    for name, make in makers.items():
        began = time.process_time()
        with_labels = not name.startswith("PyOD")
        detector = make()
        detector.fit(scope.rows, scope.labels) if with_labels else detector.fit(scope.rows)
        oddities = judged(detector, scope.judged)
        seconds[name] = time.process_time() - began
        found[name] = float(roc_auc_score(scope.odd, oddities))
    return found, seconds


def _bench(
    sets: Iterator[Any], makers: Makers
) -> tuple[list[str], dict[str, list[float]], dict[str, float]]:
    from sklearn.metrics import roc_auc_score

    names: list[str] = []
    areas: dict[str, list[float]] = {name: [] for name in makers}
    spent = dict.fromkeys(makers, 0.0)
    for name, X, odd in sets:
        names.append(name)
        for who, make in makers.items():
            began = time.process_time()
            detector = make()
            detector.fit(X)
            spent[who] += time.process_time() - began
            areas[who].append(float(roc_auc_score(odd, training(detector))))
    return names, areas, spent


def mean_ranks(areas: dict[str, list[float]]) -> dict[str, float]:
    """The mean over the sets of each one's rank, 1 for the largest area; ties share a rank."""
    from scipy.stats import rankdata

    ranks = rankdata(-np.array(list(areas.values())), axis=0).mean(axis=1)
    return dict(zip(areas, ranks.tolist(), strict=True))


PAIRS = {"NeighborOutliers, k=5": "PyOD KNN", "LocalOutlierFactor, k=20": "PyOD LOF"}


def _figures(
    scope: dict[str, float],
    areas: dict[str, list[float]],
    ranks: dict[str, float],
    spent: dict[str, float],
) -> Iterator[Figure]:
    for mine in ranks:
        if mine.startswith("PyOD"):
            continue
        peer = PAIRS.get(mine, "")
        rivals = [peer] if peer else [name for name in ranks if name.startswith("PyOD")]
        rivals = [name for name in rivals if name in ranks]
        best_scope = max(rivals, key=lambda name: scope[name], default=None)
        best_rank = min(rivals, key=lambda name: ranks[name], default=None)
        yield Figure(
            f"AUROC out of scope, {mine}",
            scope[mine],
            "AUROC",
            best_scope or "",
            scope[best_scope] if best_scope else None,
            higher=True,
        )
        yield Figure(
            f"mean rank on ADBench, {mine}",
            ranks[mine],
            "rank",
            best_rank or "",
            ranks[best_rank] if best_rank else None,
        )
        if peer in ranks:
            yield Figure(f"seconds on ADBench, {mine}", spent[mine], "s", peer, spent[peer])


BENCHMARK = Benchmark("outliers", "How well are odd rows found, beside PyOD?", run)
