"""A teacher's scores, from the examples or asked for once a pair."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.encode._batches import Batch
from likewise.encode.mining import Example, Id
from likewise.errors import InvalidArgument, InvalidType

Teacher = Callable[[str, list[Id]], Sequence[float]]


class Teaching:
    """What a teacher says of the documents of a batch.

    Args:
        teacher: (query, ids) to scores, or None where the examples bring all of them.

    Raises:
        InvalidType: neither None nor a function.
    """

    def __init__(self, teacher: Any) -> None:
        if teacher is not None and not callable(teacher):
            raise InvalidType(f"teacher must be a function of a query and ids; got {teacher!r:.60}")
        self.teacher: Teacher | None = teacher
        self._asked: dict[tuple[str, Id], float] = {}

    def scores(self, batch: Batch) -> npt.NDArray[np.float32]:
        """(n, c) scores of each query's own documents.

        Raises:
            InvalidArgument: a score is missing or not finite, or the teacher gives too few.
        """
        return np.array(
            [
                [self._score(example, batch.documents[column]) for column in columns]
                for example, columns in zip(batch.examples, self._ask(batch), strict=True)
            ],
            dtype=np.float32,
        )

    def _ask(self, batch: Batch) -> npt.NDArray[np.int64]:
        """Ask for all that is not known yet, a query at a time; gives back the columns."""
        for example, columns in zip(batch.examples, batch.columns, strict=True):
            ids = dict.fromkeys(batch.documents[column] for column in columns)
            new = [
                i for i in ids if i not in example.teacher and (example.query, i) not in self._asked
            ]
            if new and self.teacher is not None:
                given = list(self.teacher(example.query, new))
                if len(given) != len(new):
                    raise InvalidArgument(
                        f"teacher must give a score for each of the {len(new)} documents of query "
                        f"{example.query!r:.60}; it gave {len(given)}"
                    )
                for i, score in zip(new, given, strict=True):
                    self._asked[example.query, i] = float(score)
        return batch.columns

    def _score(self, example: Example, document: Id) -> float:
        score = example.teacher.get(document, self._asked.get((example.query, document)))
        if score is None:
            raise InvalidArgument(
                f"no teacher's score of document {document!r} for query {example.query!r:.60}: "
                "give it in Example.teacher, or a function as teacher="
            )
        if not np.isfinite(score):
            raise InvalidArgument(
                f"the teacher's score of document {document!r} for query {example.query!r:.60} "
                f"is {score}; expected a finite number"
            )
        return float(score)
