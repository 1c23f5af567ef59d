"""The slow, obvious twin of a collection: rows in a dict, searched by the formula."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from likewise.filters import parse
from likewise.metrics import resolve
from likewise.results import Results
from likewise.testing import plain_values
from likewise.testing.plain_values import ROUNDING as VALUES_ROUNDING
from likewise.testing.plain_values import ValueAnswer
from likewise.testing.plain_words import ROUNDING, FusedAnswer, PlainBranch, bm25

Floats = npt.NDArray[np.float64]
Id = str | int


def check(true: bool, message: str) -> None:
    """Fail with ``message`` unless ``true``."""
    if not true:
        pytest.fail(message)


@dataclass(frozen=True)
class Answer:
    """What a search must give: every passing row's distance, by id."""

    distances: dict[Id, float]

    def must_be(self, found: Results, k: int | None, *, exact: bool) -> None:
        """Fail unless ``found`` has ``min(k, passing)`` of these, each once, nearest first.

        Args:
            found: what the collection answered.
            k: how many were asked for; None is all.
            exact: whether they must be the nearest (up to ties) or only of the right rows.
        """
        wanted = len(self.distances) if k is None else min(k, len(self.distances))
        check(len(found) == wanted, f"{len(found)} hits of {wanted}: {found.info}")
        check(len(set(found.ids)) == wanted, "an id came twice")
        strangers = [id_ for id_ in found.ids if id_ not in self.distances]
        check(not strangers, f"rows that do not pass: {strangers[:5]}")
        truth = np.array([self.distances[id_] for id_ in found.ids])
        np.testing.assert_allclose(found.distances, truth, rtol=1e-9, atol=1e-9)
        check(bool((np.diff(found.distances) >= 0).all()), "not nearest first")
        if exact:
            nearest = np.sort(list(self.distances.values()))[:wanted]
            np.testing.assert_allclose(found.distances, nearest, rtol=1e-9, atol=1e-9)
            check(found.info.recall == 1.0, f"exact, and recall {found.info.recall}")


class PlainStore:
    """Rows by id, as `Collection` would hold them.

    Args:
        fields: vector field to metric, or to a field of terms, bags or Gaussians; the first is the
            one that ``vector`` means.
    """

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = dict(fields)
        self.rows: dict[Id, dict[str, Any]] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def upsert(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take the rows in, or in the place of those with their ids."""
        for row in rows:
            self.rows.pop(row["id"], None)
            self.rows[row["id"]] = dict(row)

    def delete(self, ids: Iterable[Id]) -> int:
        """Drop rows; how many there were."""
        return sum(self.rows.pop(id_, None) is not None for id_ in list(ids))

    def passing(self, where: Any) -> list[Id]:
        """The ids of rows that pass the filter, by the filter's own definition."""
        condition = parse(where)
        if condition is None:
            return list(self.rows)
        return [id_ for id_, row in self.rows.items() if condition.matches(_visible(row))]

    def answer(self, query: Any, where: Any = None, field: str | None = None) -> Answer:
        """Distances of all passing rows to the query, by ``metric.pairwise``."""
        name = field or next(iter(self.fields))
        ids = self.passing(where)
        if not ids:
            return Answer({})
        vectors = np.array([self.vector(id_, name) for id_ in ids], dtype=np.float32)
        line = resolve(self.fields[name]).pairwise(np.asarray(query, np.float32)[None, :], vectors)
        return Answer(dict(zip(ids, line[0].tolist(), strict=True)))

    def values(self, query: Any, where: Any, field: str) -> ValueAnswer:
        """As `answer`, for a field of terms, bags or Gaussians."""
        values = {id_: self.vector(id_, field) for id_ in self.passing(where)}
        return plain_values.answer(self.fields[field], query, values)

    def words(self, query: str, where: Any = None) -> tuple[dict[Id, float], dict[Id, float]]:
        """BM25 and the score in [0, 1] of every passing row, by id."""
        scores, most = bm25({id_: row.get("text") for id_, row in self.rows.items()}, query)
        passing = self.passing(where)
        own = {id_: scores[id_] for id_ in passing}
        return own, {id_: value / most if most else 0.0 for id_, value in own.items()}

    def words_must_be(self, found: Results, query: str, k: int, where: Any = None) -> None:
        """Fail unless ``found`` has the best k passing rows that share a word with the query."""
        values, scores = self.words(query, where)
        sharing = {id_: value for id_, value in values.items() if value > 0}
        check(len(found) == min(k, len(sharing)), f"{len(found)} hits of {len(sharing)}")
        check(len(set(found.ids)) == len(found), "an id came twice")
        check(set(found.ids) <= sharing.keys(), "a row shares no word, or does not pass")
        _same(found.distances, [-values[i] for i in found.ids])
        _same(found.scores, [scores[i] for i in found.ids])
        _same(found.distances, sorted(-value for value in sharing.values())[: len(found)])
        check(bool((found.scores >= 0).all() and (found.scores <= 1).all()), "in [0, 1]")
        check(found.info.recall == 1.0, f"exact, and recall {found.info.recall}")

    def fused(
        self,
        queries: Mapping[str, Any],
        where: Any = None,
        *,
        fuse: str = "rrf",
        weights: Mapping[str, float] | None = None,
        depth: int = 100,
        without: Id | None = None,
    ) -> FusedAnswer:
        """What a fused search must give.

        Args:
            queries: branch to its query: a vector, or a text for ``"lexical"``.
            where, fuse, weights: as the search was told.
            depth: candidates of each branch.
            without: a row that is no hit.
        """
        branches = {}
        for name, query in queries.items():
            if name == "lexical":
                values, scores = self.words(query, where)
                distances = {id_: -value for id_, value in values.items()}
                listed = {id_ for id_, value in values.items() if value > 0}
            elif not isinstance(self.fields[name], str):
                found = self.values(query, where, name)
                passing = self.passing(where)
                distances = {id_: found.distances.get(id_, 0.0) for id_ in passing}
                scores = {id_: found.scores.get(id_, 0.0) for id_ in passing}
                listed = set(found.distances)
            else:
                distances = self.answer(query, where, name).distances
                line = resolve(self.fields[name]).score(np.array(list(distances.values())))
                scores = dict(zip(distances, line.tolist(), strict=True))
                listed = set(distances)
            rounding = ROUNDING if isinstance(self.fields.get(name, ""), str) else VALUES_ROUNDING
            branch = PlainBranch(distances, scores, listed, rounding)
            branches[name] = branch if without is None else branch.without(without)
        given = weights or {}
        return FusedAnswer(branches, fuse, [given.get(name, 1.0) for name in branches], depth)

    def vector(self, id_: Id, field: str | None = None) -> Any:
        """The vector of a row."""
        row, first = self.rows[id_], next(iter(self.fields))
        name = field or first
        return row["vector"] if name == first and "vector" in row else row["vectors"][name]

    def must_hold(self, row: Mapping[str, Any]) -> None:
        """Fail unless ``row``, from ``get``, is the row that was put in, types and all."""
        own = self.rows[row["id"]]
        check(type(row["id"]) is type(own["id"]), f"id {row['id']!r} changed its type")
        check(row.keys() == own.keys(), f"keys {sorted(row)} of {sorted(own)}")
        for key, value in own.items():
            if key == "vector":
                check(_same_bytes(row[key], value), f"{own['id']!r}: another vector")
            elif key == "vectors":
                same = all(self._same(name, row[key][name], own) for name, own in value.items())
                check(same and row[key].keys() == value.keys(), f"{own['id']!r}: other vectors")
            else:
                check(same_value(row[key], value), f"{key}: {row[key]!r}, not {value!r}")

    def _same(self, name: str, one: Any, two: Any) -> bool:
        field = self.fields[name]
        if isinstance(field, str):
            return _same_bytes(one, two)
        return plain_values.same_values(field, one, two)


def _same(found: Floats, expected: list[float]) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def same_value(one: Any, two: Any) -> bool:
    """Equal, and of one type at every depth."""
    if type(one) is not type(two):
        return False
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same_value(one[key], two[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(two) and all(map(same_value, one, two))
    return bool(one == two)


def _visible(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in ("vector", "vectors")}


def _same_bytes(one: Any, two: Any) -> bool:
    same: bool = np.asarray(one, np.float32).tobytes() == np.asarray(two, np.float32).tobytes()
    return same
