"""Hard negatives: documents that a searcher finds for a query and that do not answer it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from likewise._arguments import check_count, suggest_arguments
from likewise.encode.base import Progress
from likewise.errors import InvalidArgument, InvalidType

if TYPE_CHECKING:
    from likewise.encode.splade import Splade

Id: TypeAlias = str | int

#: From a query to document ids, the best first.
Searcher: TypeAlias = Callable[[str], Iterable[Id]]


@dataclass(frozen=True, slots=True)
class Example:
    """What training learns from: a query, a document that answers it, and what does not.

    A query that several documents answer has an example for each of them; they are never
    negatives of each other.

    Attributes:
        query: its text.
        positive: the id of the document that answers.
        negatives: ids of documents that do not.
        teacher: a teacher's scores of these documents by id, for distillation.

    Example:
        >>> Example("what do cats eat", 7, negatives=(3, 5)).negatives
        (3, 5)
    """

    query: str
    positive: Id
    negatives: Sequence[Id] = ()
    teacher: Mapping[Id, float] = field(default_factory=dict)


def answers(examples: Sequence[Example]) -> dict[str, set[Id]]:
    """For each query text, every document that some example says answers it."""
    found: dict[str, set[Id]] = {}
    for example in examples:
        found.setdefault(example.query, set()).add(example.positive)
    return found


@suggest_arguments
def mine_negatives(
    examples: Sequence[Example],
    search: Searcher,
    *,
    depth: int = 100,
    progress: Progress | None = None,
) -> list[Example]:
    """The examples with new negatives: the best ``depth`` of ``search``, less the answers.

    Training draws from them at random, so that it meets hard documents, and not always the
    hardest, which often answer too and were never judged.

    Args:
        examples: whose negatives are replaced.
        search: from a query to ids of documents, the best first: BM25, a collection, or the
            model itself (`self_search`).
        depth: how many of the results are read; there may be fewer.
        progress: called with (done, n) queries.

    Returns:
        A list of examples in the order given. Examples of one query share their negatives.

    Raises:
        InvalidType: an example is none; ``search`` cannot be called, or gives no ids.
        InvalidArgument: depth is below 1.
        What ``search`` raises.

    Cost: one search for each different query.

    Source: Xiong and others, "Approximate Nearest Neighbor Negative Contrastive Learning for
    Dense Text Retrieval", ICLR 2021, which draws from the first 200; Formal and others, SIGIR
    2022, for sparse models.

    Example:
        >>> found = mine_negatives([Example("cats", 1)], lambda query: [4, 1, 9, 2], depth=3)
        >>> found[0].negatives
        (4, 9)
    """
    depth = check_count("depth", depth)
    check_examples(examples)
    if not callable(search):
        raise InvalidType(f"search must be a function of a query; got {search!r:.60}")
    known = answers(examples)
    mined: dict[str, tuple[Id, ...]] = {}
    for done, (query, right) in enumerate(known.items(), 1):
        found = _found(search, query, depth)
        mined[query] = tuple(i for i in dict.fromkeys(found) if i not in right)
        if progress is not None:
            progress(done, len(known))
    return [replace(example, negatives=mined[example.query]) for example in examples]


def self_search(
    splade: Splade,
    documents: Mapping[Id, str],
    *,
    k: int = 200,
    progress: Progress | None = None,
) -> Searcher:
    """A searcher by the encoder itself, as its weights are now: exact, over all documents.

    Args:
        splade: the encoder.
        documents: texts by id; encoded once, here.
        k: how many a search gives at most. Documents that share no term are not given; equal
            scores go by the order of ``documents``.
        progress: called with (done, n) documents.

    Raises:
        InvalidArgument: k is below 1.
        InvalidType, InvalidRow, InvalidVector: as in `Splade.encode`.

    Example:
        >>> from likewise.encode import Splade
        >>> from likewise.testing.masked_lm import small_masked_lm
        >>> splade = Splade(*small_masked_lm(["cat", "dog"]), document_only=True)
        >>> set(self_search(splade, {1: "cat", 2: "dog"})("cat dog")) <= {1, 2}
        True
    """
    k = check_count("k", k)
    ids = list(documents)
    rows = splade.encode(list(documents.values()), progress=progress)

    def search(query: str) -> list[Id]:
        scores = (rows @ splade.encode_query(query).T).toarray().ravel()
        best = np.argsort(-scores, kind="stable")[:k]
        return [ids[i] for i in best if scores[i] > 0]

    return search


def check_examples(examples: Sequence[Example]) -> None:
    """Refuse what is no sequence of examples, or an empty one.

    Raises:
        InvalidType: not a list of `Example`; the message names the first that is none.
        InvalidArgument: there is none.
    """
    if not isinstance(examples, Sequence) or isinstance(examples, str):
        raise InvalidType(f"examples must be a list of Example; got {examples!r:.60}")
    for row, example in enumerate(examples):
        if not isinstance(example, Example):
            raise InvalidType(
                f"example {row} must be an Example(query, positive, ...); got {example!r:.60} "
                f"of type {type(example).__name__}"
            )
    if not examples:
        raise InvalidArgument("examples must hold at least one; got none")


def _found(search: Searcher, query: str, depth: int) -> list[Id]:
    given = search(query)
    try:
        return [i for i, _ in zip(given, range(depth), strict=False)]
    except TypeError:
        raise InvalidType(
            f"search must give a list of document ids; for query {query!r:.60} it gave "
            f"{given!r:.60} of type {type(given).__name__}"
        ) from None
