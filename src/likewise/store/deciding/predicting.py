"""Labels and numbers from the nearest rows that have one, with the evidence for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.errors import InvalidArgument, InvalidType
from likewise.kernels import Kernel
from likewise.learn.evidence import influence_on_average, influence_on_shares
from likewise.learn.flipping import smallest_flip
from likewise.learn.voting import averages, shares
from likewise.learn.weighting import Weights, check_temperature, check_weights, weigh
from likewise.results import Hit, Results, SearchInfo
from likewise.store.batch import Id
from likewise.store.deciding.labels import Task
from likewise.store.metadata import lookup

#: So many times k rows are looked at, for a set of them whose removal changes the answer.
DEEPER = 3


@dataclass(frozen=True, slots=True)
class Witness:
    """A row that had a part in an answer.

    Attributes:
        id, text, distance: of the row. label: what it stands for.
        weight: its part of the answer; those of all witnesses add up to 1.
        influence: how much it speaks for the answer: of a label, by how much the logarithm of its
            share falls without this row (infinite for the only one with the label); of a number,
            what it adds to it.
    """

    id: Id
    label: Any
    weight: float
    influence: float
    distance: float
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Flipped:
    """A smallest set of rows without which the answer is another, and that answer."""

    ids: list[Id]
    value: Any


@dataclass(frozen=True, slots=True)
class _Vote:
    """All that is needed to find what would flip a vote; the hits behind the voters included."""

    ids: list[Id]
    codes: npt.NDArray[np.int64]
    classes: list[Any]
    distances: npt.NDArray[np.float64]
    k: int
    weights: Weights
    temperature: float
    everything: bool


class RowEvidence(Sequence[Witness]):
    """The rows that voted, nearest first.

    What would flip the answer is found when it is first asked for.

    Args:
        witnesses: as of this sequence. vote: of a label; None for numbers.
    """

    def __init__(self, witnesses: tuple[Witness, ...], vote: _Vote | None = None) -> None:
        self.witnesses = witnesses
        self._vote = vote

    def __len__(self) -> int:
        return len(self.witnesses)

    def __getitem__(self, i: Any) -> Any:
        return self.witnesses[i]

    @property
    def ids(self) -> list[Id]:
        """Of the rows that voted."""
        return [witness.id for witness in self.witnesses]

    @property
    def flip(self) -> Flipped | None:
        """A smallest set of rows without which the answer is another; see `Flipped`.

        None where no such set is among the rows looked at, and for numbers.
        """
        found = self._reversal
        if self._vote is None or found is None or found.places is None:
            return None
        return Flipped([self._vote.ids[i] for i in found.places], self._vote.classes[found.winner])

    @property
    def withstands(self) -> int | None:
        """So many rows, whichever, can be deleted and the label stays; None for numbers."""
        return None if self._reversal is None else int(self._reversal.withstands)

    @cached_property
    def _reversal(self) -> Any:
        vote = self._vote
        if vote is None:
            return None
        return smallest_flip(
            vote.codes,
            vote.distances,
            vote.k,
            vote.weights,
            vote.temperature,
            everything=vote.everything,
        )

    def _key(self) -> tuple[Any, ...]:
        return self.witnesses, self.flip, self.withstands

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RowEvidence) and self._key() == other._key()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = [repr(id_) for id_ in self.ids[:5]] + ["..."] * (len(self) > 5)
        return f"RowEvidence({len(self)} rows: {', '.join(shown)})"


@dataclass(frozen=True, slots=True)
class RowAnswer:
    """What the nearest rows say.

    Attributes:
        value: the label, or the number.
        probability: of the label: its calibrated share of the votes; None for numbers.
        probabilities: label to probability, of every label that was voted for.
        deviation: of the numbers that voted, weighted; None for labels.
        evidence: the rows that voted, and which of them, removed, would flip the answer.
        calibrated: whether probabilities were calibrated: see `Collection.predict`.
        info: of the search.
    """

    value: Any
    probability: float | None
    evidence: RowEvidence
    probabilities: dict[Any, float] = field(default_factory=dict)
    deviation: float | None = None
    calibrated: bool = False
    info: SearchInfo | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON; probabilities as pairs, since a label may be a number."""
        found = {
            "value": self.value,
            "probability": self.probability,
            "probabilities": [list(pair) for pair in self.probabilities.items()],
            "deviation": self.deviation,
            "calibrated": self.calibrated,
            "evidence": [asdict(witness) for witness in self.evidence],
            "flip": None if self.evidence.flip is None else asdict(self.evidence.flip),
            "withstands": self.evidence.withstands,
        }
        for witness in found["evidence"]:
            if not np.isfinite(witness["influence"]):
                witness["influence"] = None  # the only one with the label; JSON has no infinity
        return found


def check_votes(weights: Any, temperature: Any) -> tuple[Weights, float]:
    """``weights`` if hits can be weighed so, by their distances alone, and the temperature."""
    if isinstance(weights, Kernel):
        raise InvalidType(
            f"weights={weights!r:.60}: a collection weighs votes by distances; give 'softmax' or a "
            "function of distances (a kernel serves NeighborsClassifier, on arrays)"
        )
    found = check_weights(weights)
    if temperature is None:
        return found, 1.0
    if found != "softmax":
        raise InvalidArgument(
            f"temperature= is for weights='softmax'; weights is {weights!r:.60}: leave it out"
        )
    return found, check_temperature(temperature)


def decide(
    results: Results,
    label: str,
    task: Task,
    k: int,
    weights: Weights,
    temperature: float,
) -> RowAnswer:
    """The answer of the first ``k`` hits, which all have the label; those behind may move up."""
    hits = list(results)
    labels = [lookup(hit.metadata, label) for hit in hits]
    distances = np.array([hit.distance for hit in hits])
    counted = weigh(distances[None, :k], weights, temperature)[0]
    parts = counted / counted.sum()
    if task == "regress":
        answer = _number(hits, labels, parts, k)
    else:
        matching = results.info.matching if results.info else len(hits)
        classes = sorted(set(labels))
        place = {name: i for i, name in enumerate(classes)}
        codes = np.array([place[name] for name in labels], dtype=np.int64)
        ids = [hit.id for hit in hits]
        whole = len(hits) >= matching
        vote = _Vote(ids, codes, classes, distances, k, weights, temperature, whole)
        answer = _label(hits, labels, parts, vote)
    return replace(answer, info=results.info)


def _number(hits: list[Hit], labels: list[Any], parts: Any, k: int) -> RowAnswer:
    numbers = np.array(labels[:k], dtype=np.float64)
    value = float(averages(numbers[None, :, None], parts[None])[0, 0])
    away = np.abs(numbers - value)
    scale = away.max() or 1.0  # squares of huge numbers overflow
    deviation = float(scale * np.sqrt(parts @ (away / scale) ** 2))
    influence = influence_on_average(parts, numbers[:, None])[:, 0]
    evidence = RowEvidence(_witnesses(hits, labels, parts, influence))
    return RowAnswer(value, None, evidence, deviation=deviation)


def _label(hits: list[Hit], labels: list[Any], parts: Any, vote: _Vote) -> RowAnswer:
    codes, classes = vote.codes[: vote.k], vote.classes
    voted = shares(codes[None], parts[None], len(classes))[0]
    best = int(np.argmax(voted))
    influence = influence_on_shares(parts, codes == best)
    evidence = RowEvidence(_witnesses(hits, labels, parts, influence), vote)
    probabilities = {
        name: float(part) for name, part in zip(classes, voted, strict=True) if part > 0
    }
    return RowAnswer(classes[best], float(voted[best]), evidence, probabilities)


def _witnesses(
    hits: list[Hit], labels: list[Any], parts: Any, influence: Any
) -> tuple[Witness, ...]:
    return tuple(
        Witness(hit.id, label, float(part), float(says), float(hit.distance or 0.0), hit.text)
        for hit, label, part, says in zip(hits, labels, parts, influence, strict=False)
    )
