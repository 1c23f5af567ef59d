"""Class means of frozen features as a continual learner (Janson and others), and its rivals."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from likewise.index import Exact
from likewise.learn import LinearDiscriminant, NearestMean, RanPAC
from replications._frozen import FILES, Features, frozen
from replications.data import FloatRows, Labels
from replications.protocol import Outcome, Paper, Replication, Setting, Table, Verdict

STEPS, ORDERS, KEPT = {150: 10, 20: 10, 10: 5, 6: 3}, 3, 10
BATCH, EPOCHS, RATE = 32, 5, 10.0
MEANS = "nearest mean"
TUNED, REPLAY, JOINT = "linear, fine-tuned", "linear, replay", "linear, all rows at once"
#: Those that keep sums alone, and must end the same for every order.
SUMS = (MEANS, "streaming LDA", "RanPAC")


class Learner(ABC):
    """Learns step by step."""

    @abstractmethod
    def learn(self, X: FloatRows, y: Labels) -> None: ...

    @abstractmethod
    def predict(self, Q: FloatRows) -> Labels: ...


class Sums(Learner):
    """One of the estimators that keep running sums."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def learn(self, X: FloatRows, y: Labels) -> None:
        self.model.partial_fit(X, y)

    def predict(self, Q: FloatRows) -> Labels:
        return np.asarray(self.model.predict(Q))


class Reservoir:
    """A sample of all rows that came, each as likely as the others (Vitter's algorithm R)."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.size, self.rng, self.seen = size, rng, 0
        self.rows: list[npt.NDArray[Any]] = []
        self.labels: list[int] = []

    def add(self, X: FloatRows, y: Labels) -> None:
        for row, label in zip(X, y.tolist(), strict=True):
            self.seen += 1
            at = len(self.rows) if self.seen <= self.size else int(self.rng.integers(self.seen))
            if at < len(self.rows):
                self.rows[at], self.labels[at] = row, label
            elif at < self.size:
                self.rows.append(row)
                self.labels.append(label)


class Neighbours(Learner):
    """The commonest class of the five nearest of a reservoir."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.kept = Reservoir(size, rng)

    def learn(self, X: FloatRows, y: Labels) -> None:
        self.kept.add(X, y)

    def predict(self, Q: FloatRows) -> Labels:
        index = Exact("euclidean").fit(np.array(self.kept.rows))
        votes = np.array(self.kept.labels)[index.search(Q, k=5).ids]
        return np.array([np.bincount(vote).argmax() for vote in votes])


class Linear(Learner):
    """Softmax regression by stochastic gradients; rows of a reservoir in each batch, or none."""

    def __init__(self, f: Features, replay: int, rng: np.random.Generator) -> None:
        self.W, self.b = np.zeros((f.X.shape[1], f.classes)), np.zeros(f.classes)
        self.kept, self.rng = Reservoir(replay, rng), rng

    def learn(self, X: FloatRows, y: Labels, epochs: int = EPOCHS) -> None:
        for _ in range(epochs):
            order = self.rng.permutation(len(X))
            for start in range(0, len(X), BATCH):
                part = order[start : start + BATCH]
                rows, labels = X[part], y[part]
                if self.kept.rows:
                    again = self.rng.integers(len(self.kept.rows), size=BATCH)
                    rows = np.vstack([rows, [self.kept.rows[i] for i in again]])
                    labels = np.append(labels, [self.kept.labels[i] for i in again])
                self._step(rows, labels)
        if self.kept.size:
            self.kept.add(X, y)

    def _step(self, rows: FloatRows, labels: Labels) -> None:
        scores = rows @ self.W + self.b
        wrong = np.exp(scores - scores.max(axis=1, keepdims=True))
        wrong /= wrong.sum(axis=1, keepdims=True)
        wrong[np.arange(len(rows)), labels] -= 1
        self.W -= RATE / len(rows) * (rows.T @ wrong)
        self.b -= RATE / len(rows) * wrong.sum(axis=0)

    def predict(self, Q: FloatRows) -> Labels:
        return np.asarray(np.argmax(Q @ self.W + self.b, axis=1))


def learners(f: Features, seed: int) -> dict[str, Callable[[], Learner]]:
    """The rivals; those with a memory keep ten rows a class in all."""
    rng, memory = np.random.default_rng([seed, 3]), KEPT * f.classes
    return {
        MEANS: lambda: Sums(NearestMean("cosine" if f.pretrained else "euclidean")),
        "streaming LDA": lambda: Sums(LinearDiscriminant()),
        "RanPAC": lambda: Sums(RanPAC(1_000 if len(f.X) > 1_000 else 100)),
        "5 neighbours in a reservoir": lambda: Neighbours(memory, rng),
        TUNED: lambda: Linear(f, 0, rng),
        REPLAY: lambda: Linear(f, memory, rng),
    }


class Course(NamedTuple):
    """What one learner did over the steps of one order.

    Attributes:
        average: mean over steps of the accuracy on all classes so far. last: at the end.
        forgotten: mean over steps but the last of the best accuracy ever on its classes less that
            at the end. bits: the answers at the end.
    """

    average: float
    last: float
    forgotten: float
    bits: bytes


def course(learner: Learner, f: Features, order: Labels, steps: int) -> Course:
    """Show the classes of ``order`` in so many steps, each row once."""
    parts = np.array_split(order, steps)
    step_of = np.empty(len(order), dtype=np.int64)
    for step, part in enumerate(parts):
        step_of[part] = step
    right = np.full((steps, steps), np.nan)
    so_far = []
    for step in range(steps):
        mine = step_of[f.y] == step
        learner.learn(f.X[mine], f.y[mine])
        seen = step_of[f.asked] <= step
        found = learner.predict(f.Q[seen])
        good, when = found == f.asked[seen], step_of[f.asked[seen]]
        so_far.append(float(good.mean()))
        right[step, : step + 1] = [good[when == past].mean() for past in range(step + 1)]
    lost = np.nanmax(right[:, :-1], axis=0) - right[-1, :-1]
    return Course(float(np.mean(so_far)), so_far[-1], float(lost.mean()), found.tobytes())


class Line(NamedTuple):
    """Means over orders of one learner on one set; whether all orders end with the same bits."""

    name: str
    average: float
    last: float
    forgotten: float
    same: bool


def compared(f: Features, orders: int, seed: int) -> list[Line]:
    """All learners on one set; and the linear one that has all rows at once."""
    rng = np.random.default_rng([seed, 17])
    drawn = [rng.permutation(f.classes) for _ in range(orders)]
    lines = []
    for name, make in learners(f, seed).items():
        runs = [course(make(), f, order, STEPS[f.classes]) for order in drawn]
        average, last, forgotten = np.mean([run[:3] for run in runs], axis=0).tolist()
        same = len({run.bits for run in runs}) == 1
        lines.append(Line(name, average, last, forgotten, same))
    joint = Linear(f, 0, rng)
    joint.learn(f.X, f.y, epochs=2 * EPOCHS)
    last = float(np.mean(joint.predict(f.Q) == f.asked))
    return [*lines, Line(JOINT, float("nan"), last, float("nan"), False)]


def run(setting: Setting) -> Outcome:
    found: list[tuple[Features, list[Line]]] = []
    sets = frozen(setting, 6_000, 1_500)
    for f in sets:
        lines = compared(f, 2 if setting.quick else ORDERS, setting.random_state)
        found.append((f, lines))
        setting.progress.step(len(found), len(sets), f.name)
    return judged(found)


def judged(found: list[tuple[Features, list[Line]]]) -> Outcome:
    """The verdict by the rule."""
    same = all(line.same for _, lines in found for line in lines if line.name in SUMS)
    wins: dict[str, list[bool]] = {TUNED: [], REPLAY: []}
    for f, lines in found:
        by = {line.name: line for line in lines}
        if f.pretrained:
            for rival, won in wins.items():
                won.append(by[MEANS].average > by[rival].average)
    verdict = Verdict.NOT_REPRODUCED
    if same and all(wins[TUNED]):
        verdict = Verdict.REPRODUCED if all(wins[REPLAY]) else Verdict.PARTLY
    measured = "; ".join(
        f"{f.name}: means {_of(lines, MEANS):.1%}, fine-tuned {_of(lines, TUNED):.1%}, replay "
        f"{_of(lines, REPLAY):.1%}, RanPAC {_of(lines, 'RanPAC'):.1%} (average incremental)"
        for f, lines in found
    )
    reason = (
        f"on pretrained features means beat fine-tuning on {sum(wins[TUNED])} of "
        f"{len(wins[TUNED])} sets and replay on {sum(wins[REPLAY])}; what keeps sums ends with "
        f"{'the same' if same else 'other'} bits for every order"
    )
    return Outcome(verdict, reason, measured, [_table(*pair) for pair in found], NOTES)


def _of(lines: list[Line], name: str) -> float:
    return next(line.average for line in lines if line.name == name)


def _table(f: Features, lines: list[Line]) -> Table:
    def cell(value: float) -> str:
        return "" if np.isnan(value) else f"{value:.1%}"

    rows = [
        (
            line.name,
            *map(cell, line[1:4]),
            ("yes" if line.same else "no") if line.average > 0 else "",
        )
        for line in lines
    ]
    head = ("learner", "average incremental", "last", "forgotten", "same bits for every order")
    title = f"{f.name}: {len(f.X):,} rows, {f.classes} classes in {STEPS[f.classes]} steps"
    return Table(title, head, rows)


NOTES = [
    "The paper's features are of vision transformers and its data CIFAR-100; ours are of MiniLM "
    "and texts. Components of pixels are shown as a control: they were trained on nothing.",
    "Fine-tuning is of a linear head on the same features (32 rows a batch, 5 passes a step, no "
    "decay); the networks that the paper compares with are not run.",
    f"What keeps rows keeps {KEPT} a class, drawn as a reservoir; sums of LDA and RanPAC take more "
    "memory than that, and means as much as one row a class.",
    "The linear head has one rate on all sets, which was set for texts: on components of pixels "
    "its accuracy from all rows at once is lower than it could be.",
]

REPLICATION = Replication(
    name="nearest_mean_continual",
    paper=Paper(
        "Janson, Zhang, Aljundi, and Elhoseiny",
        2022,
        "A Simple Baseline that Questions the Use of Pretrained-Models in Continual Learning",
        "NeurIPS workshop on distribution shifts",
    ),
    claim="Class means of frozen pretrained features, without any training, reach 88.53% on "
    "10-Split-CIFAR-100, above most continual learners that train; they depend on no order.",
    rule="reproduced when on both text sets means have a higher average incremental accuracy than "
    "a linear head that is fine-tuned, and than one with replay of ten rows a class, and whatever "
    "keeps sums ends with the same answers for every order of classes; partly without the replay",
    needs=FILES,
    run=run,
)
