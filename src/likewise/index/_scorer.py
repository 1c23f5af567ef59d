"""`Scorer`: a user's scoring function, its answers checked and its calls counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.errors import InvalidType, ScoringFailed

FloatArray = npt.NDArray[np.float64]
IdArray = npt.NDArray[np.int64]
#: score_fn(query, items) -> one number an item, higher is nearer.
ScoreFunction = Callable[[Any, list[Any]], Any]


class Scorer:
    """Scores of items by position, and how many were asked for since the start.

    Args:
        score_fn: the user's function.
        items: what it scores.
    """

    def __init__(self, score_fn: ScoreFunction, items: Sequence[Any]) -> None:
        self._score_fn, self._items = score_fn, items
        self.spent = 0

    def __call__(self, query: Any, positions: IdArray, what: str) -> FloatArray:
        """The scores of the items at ``positions``.

        Args:
            query: handed on as it is.
            positions: (m,) of items.
            what: names the query in messages.

        Raises:
            ScoringFailed: it raised, or gave back another number of scores, or one that is no
                finite number.
        """
        self.spent += len(positions)
        try:
            given = self._score_fn(query, [self._items[i] for i in positions.tolist()])
        except Exception as error:
            item, cause = self._culprit(query, positions, error)
            named = f"item {item}" if item is not None else _listed(positions)
            raise ScoringFailed(
                f"score_fn raised {cause!r:.200} for {what} and {named}; "
                f"{self.spent} scores were spent until then",
                spent=self.spent,
                item=item,
            ) from cause
        return self._checked(given, positions, what)

    def _checked(self, given: Any, positions: IdArray, what: str) -> FloatArray:
        spent = f"{self.spent} scores were spent until then"
        try:
            scores = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError):
            raise ScoringFailed(
                f"score_fn must give one number an item; for {what} and {_listed(positions)} it "
                f"gave {given!r:.80}; {spent}",
                spent=self.spent,
            ) from None
        if scores.shape != positions.shape:
            raise ScoringFailed(
                f"score_fn must give one number an item; for {what} and {_listed(positions)} it "
                f"gave an array of shape {scores.shape}, not ({len(positions)},); {spent}",
                spent=self.spent,
            )
        bad = np.flatnonzero(~np.isfinite(scores))
        if len(bad):
            item = int(positions[bad[0]])
            raise ScoringFailed(
                f"score_fn gave {scores[bad[0]]} for {what} and item {item}; every score must be "
                f"a finite number; {spent}",
                spent=self.spent,
                item=item,
            )
        return scores

    def _culprit(
        self, query: Any, positions: IdArray, error: Exception
    ) -> tuple[int | None, Exception]:
        """The item that makes the function raise, found one by one."""
        if len(positions) == 1:
            return int(positions[0]), error
        for position in positions.tolist():
            self.spent += 1
            try:
                self._score_fn(query, [self._items[position]])
            except Exception as again:
                return position, again
        return None, error


def _listed(positions: IdArray) -> str:
    few = ", ".join(map(str, positions[:5].tolist()))
    more = f" and {len(positions) - 5} more" if len(positions) > 5 else ""
    return f"item{'s' if len(positions) > 1 else ''} {few}{more}"


def check_score_fn(score_fn: Any) -> ScoreFunction:
    """``score_fn`` if it can be called.

    Raises:
        InvalidType: it cannot.
    """
    if not callable(score_fn):
        raise InvalidType(
            "score_fn must be a function of a query and a list of items; "
            f"got {score_fn!r:.60} of type {type(score_fn).__name__}"
        )
    function: ScoreFunction = score_fn
    return function
