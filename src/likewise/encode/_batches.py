"""Batches of training: which documents are encoded, and which scores are compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likewise.encode.mining import Example, Id

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some examples, and the scores to compare, as columns of queries times documents.

    Attributes:
        examples: n of them.
        documents: the ids of all documents of the batch, each once.
        columns: (n, c) columns of each query's own documents, its answer first; filled up
            with the answer.
        mask: (n, c), False where ``columns`` was filled up.
        others: (n, len(documents)), True for the documents of other queries that do not
            answer this one.
    """

    examples: list[Example]
    documents: list[Id]
    columns: IntArray
    mask: BoolArray
    others: BoolArray


def batches(
    examples: Sequence[Example],
    right: Mapping[str, set[Id]],
    size: int,
    negatives: int,
    rng: np.random.Generator,
) -> Iterator[Batch]:
    """All examples once, in an order drawn anew; the last batch may be smaller."""
    order = rng.permutation(len(examples))
    for start in range(0, len(order), size):
        chosen = [examples[i] for i in order[start : start + size]]
        yield _batch(chosen, right, negatives, rng)


def _batch(
    examples: list[Example], right: Mapping[str, set[Id]], negatives: int, rng: np.random.Generator
) -> Batch:
    own = [_own(example, right, negatives, rng) for example in examples]
    documents = list(dict.fromkeys(i for ids in own for i in ids))
    column = {i: place for place, i in enumerate(documents)}
    columns = np.empty((len(own), max(map(len, own))), dtype=np.int64)
    mask = np.zeros(columns.shape, dtype=np.bool_)
    others = np.ones((len(own), len(documents)), dtype=np.bool_)
    for row, (example, ids) in enumerate(zip(examples, own, strict=True)):
        columns[row] = column[example.positive]
        columns[row, : len(ids)] = [column[i] for i in ids]
        mask[row, : len(ids)] = True
        others[row, [column[i] for i in ids]] = False
        others[row, [column[i] for i in right[example.query] if i in column]] = False
    return Batch(examples, documents, columns, mask, others)


def _own(
    example: Example, right: Mapping[str, set[Id]], negatives: int, rng: np.random.Generator
) -> list[Id]:
    """The answer, and up to ``negatives`` of the others, drawn without repeats."""
    wrong = [i for i in dict.fromkeys(example.negatives) if i not in right[example.query]]
    drawn = rng.permutation(len(wrong))[:negatives]
    return [example.positive, *(wrong[i] for i in drawn)]
