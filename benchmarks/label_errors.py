"""Planted wrong labels: how many of those ranked first are wrong, beside cleanlab."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.mislabelled import SETS, ClassRows, class_rows, flipped, generated
from benchmarks.protocol import Benchmark, Figure, Outcome, Setting
from benchmarks.timing import interleaved, median
from likewise.index import Exact
from likewise.learn import audit
from replications.data import DataFolder, Labels
from replications.protocol import Table

ROWS, SEEDS = 4000, 2
NOISES = ((0.05, "uniform"), (0.2, "uniform"), (0.05, "by class"), (0.2, "by class"))
#: As cleanlab's own search does by default.
NEIGHBOURS = 10
OURS, ALONE = "Likewise", "Likewise, neighbours alone"
LOGISTIC, KNN = "cleanlab, logistic regression", "cleanlab, k-NN"
MARGIN = "cleanlab, logistic regression, by margin"
Bools = npt.NDArray[np.bool_]


class Ranking(NamedTuple):
    """Rows by how wrong their labels look, the worst first, and those proposed as wrong."""

    order: npt.NDArray[np.int64]
    proposed: npt.NDArray[np.int64]


def run(setting: Setting) -> Outcome:
    """Every set and kind of error: precision at the number planted, and of what is proposed."""
    peers = setting.peers and find_spec("cleanlab") is not None
    if setting.quick:
        tables = [generated(300, setting.random_state)]
    else:
        tables = [class_rows(name, ROWS, DataFolder.find()) for name in SETS]
    figures: list[Figure] = []
    rows: list[tuple[str, ...]] = []
    seeds = 1 if setting.quick else SEEDS
    for done, table in enumerate(tables, 1):
        for share, kind in NOISES:
            found = _means(table, share, kind, seeds, peers, setting.random_state)
            what = f"{table.name}, {share:.0%} {kind}"
            theirs = found[LOGISTIC][0] if peers else None
            figures.append(Figure(what, found[OURS][0], "", "cleanlab", theirs, higher=True))
            rows += [
                (what, who, *(f"{value:.3f}" for value in all_)) for who, all_ in found.items()
            ]
        figures.append(_times(table, peers, setting))
        setting.progress.step(done, len(tables), table.name)
    header = (
        "set and errors",
        "by",
        "precision at planted",
        "precision, proposed",
        "recall, proposed",
    )
    return Outcome(figures, [Table("Wrong labels", header, rows)], _notes(len(tables[0].X), seeds))


def _means(
    table: ClassRows, share: float, kind: str, seeds: int, peers: bool, first: int
) -> dict[str, tuple[float, float, float]]:
    """Of each way: precision at the number planted; precision and recall of what is proposed."""
    sums: dict[str, list[tuple[float, float, float]]] = {}
    for seed in range(first, first + seeds):
        y, wrong = flipped(table.y, share, kind, seed)
        for who, work in _ways(table, y, peers).items():
            sums.setdefault(who, []).append(_judged(work(), wrong))
    return {who: _mean(found) for who, found in sums.items()}


def _mean(found: list[tuple[float, float, float]]) -> tuple[float, float, float]:
    one, two, three = np.mean(found, axis=0).tolist()
    return one, two, three


def _judged(ranking: Ranking, wrong: Bools) -> tuple[float, float, float]:
    planted = int(wrong.sum())
    hit = int(wrong[ranking.proposed].sum())
    return (
        float(wrong[ranking.order[:planted]].mean()),
        hit / max(1, len(ranking.proposed)),
        hit / max(1, planted),
    )


def _ways(table: ClassRows, y: Labels, peers: bool) -> dict[str, Callable[[], Ranking]]:
    ways: dict[str, Callable[[], Ranking]] = {
        OURS: lambda: _ours(table, y, None),
        ALONE: lambda: _ours(table, y, False),
    }
    if peers:
        probabilities: list[Any] = []

        def logistic(method: str) -> Ranking:
            if not probabilities:
                probabilities.append(_logistic(table, y))
            return _cleanlab(y, probabilities[0], method)

        ways[LOGISTIC] = lambda: logistic("self_confidence")
        ways[MARGIN] = lambda: logistic("normalized_margin")
        ways[KNN] = lambda: _cleanlab(y, _neighbours(table, y), "self_confidence")
    return ways


def _ours(table: ClassRows, y: Labels, linear: bool | None) -> Ranking:
    report = audit(table.X, y, index=Exact(table.metric), checks=["wrong_label"], linear=linear)
    order = np.argsort(-report.scores["wrong_label"], kind="stable")
    return Ranking(order, np.array(report.rows_of("wrong_label"), dtype=np.int64))


def _cleanlab(y: Labels, probabilities: Any, method: str) -> Ranking:
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    quality = get_label_quality_scores(y, probabilities, method=method)
    proposed = find_label_issues(y, probabilities, return_indices_ranked_by=method, n_jobs=1)
    return Ranking(np.argsort(quality, kind="stable"), np.asarray(proposed, dtype=np.int64))


def _logistic(table: ClassRows, y: Labels) -> Any:
    """Out-of-sample probabilities by five folds, as cleanlab's tutorials make them."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    logistic = LogisticRegression(max_iter=300)
    model = logistic if table.name != "letter" else make_pipeline(StandardScaler(), logistic)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cross_val_predict(model, table.X, y, cv=5, method="predict_proba")


def _neighbours(table: ClassRows, y: Labels) -> Any:
    """The shares of classes among the ten nearest rows, itself left out."""
    found = Exact(table.metric).fit(table.X).search(table.X, k=NEIGHBOURS + 1).ids
    own = found == np.arange(len(found))[:, None]
    own[~own.any(axis=1), -1] = True
    votes = y[found[~own].reshape(len(found), NEIGHBOURS)]
    return (votes[:, :, None] == np.arange(int(y.max()) + 1)).mean(axis=1)


def _times(table: ClassRows, peers: bool, setting: Setting) -> Figure:
    """Seconds from rows and labels to a ranking, taken in turn."""
    y, _ = flipped(table.y, 0.05, "uniform", setting.random_state)
    works: dict[str, Callable[[int], object]] = {OURS: lambda _: _ours(table, y, None)}
    if peers:
        works[LOGISTIC] = lambda _: _cleanlab(y, _logistic(table, y), "self_confidence")
    seconds = {who: median(all_) for who, all_ in interleaved(works, 1, warm=0).items()}
    what = f"{table.name}: time to a ranking"
    return Figure(what, seconds[OURS], "s", "cleanlab", seconds.get(LOGISTIC))


def _notes(rows: int, seeds: int) -> tuple[str, ...]:
    return (
        f"{rows:,} rows of each set, means of {seeds} draws of the errors. Figures without a unit "
        "are the share of wrong labels among as many rows, ranked first, as were planted; true "
        "labels that are wrong themselves count as misses, for all alike.",
        "uniform: a label becomes any other; by class: each class is taken for one other. "
        "Likewise: audit() as it is. cleanlab: find_label_issues and get_label_quality_scores as "
        "they are (self-confidence), on five-fold probabilities of logistic regression (its "
        "training counts as time) or on the votes of ten neighbours; by margin beside it.",
    )


BENCHMARK = Benchmark("label_errors", "How many planted wrong labels are found?", run)
