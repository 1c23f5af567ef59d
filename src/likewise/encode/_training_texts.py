"""What a training reads: examples with their negatives, and the token ids of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from likewise.encode.mining import Example, Id, answers, mine_negatives, self_search
from likewise.errors import InvalidArgument, InvalidType

if TYPE_CHECKING:
    from likewise.encode.splade import Splade


class TrainingTexts:
    """Examples, documents and where negatives come from, checked.

    Attributes:
        right: for each query, every document that answers it.

    Raises:
        InvalidType: documents are no mapping, or a text is no str; ``negatives`` is unknown.
        InvalidArgument: an example names a document that is missing or has no tokens.
    """

    def __init__(
        self,
        splade: Splade,
        examples: Sequence[Example],
        documents: Mapping[Id, str],
        negatives: Any,
        depth: int,
    ) -> None:
        if not (negatives is None or negatives == "self" or callable(negatives)):
            raise InvalidType(
                "negatives must be None, 'self' or a function from a query to document ids; got "
                f"{negatives!r:.60}"
            )
        if not isinstance(documents, Mapping):
            raise InvalidType(
                f"documents must map ids to texts; got a {type(documents).__name__}; "
                "for a list of texts: dict(enumerate(texts))"
            )
        self.splade, self.documents = splade, documents
        self.negatives, self.depth = negatives, depth
        self.right = answers(examples)
        self._examples = list(examples)
        self._queries: dict[str, list[int]] = {}
        self._documents: dict[Id, list[int]] = {}
        for row, example in enumerate(examples):
            self.query(example.query, f"example {row}")
            for key in (example.positive, *example.negatives):
                self.document(key, f"example {row}")

    def examples(self, epoch: int) -> list[Example]:
        """The examples with the negatives of this epoch."""
        if self.negatives == "self":
            search = self_search(self.splade, self.documents, k=self.depth)
            return mine_negatives(self._examples, search, depth=self.depth)
        if self.negatives is not None and epoch == 0:
            self._examples = mine_negatives(self._examples, self.negatives, depth=self.depth)
        return self._examples

    def query(self, text: str, where: str = "an example") -> list[int]:
        """Token ids of a query."""
        if text not in self._queries:
            self._queries[text] = self._ids(text, f"{where}: query {text!r:.60}")
        return self._queries[text]

    def document(self, key: Id, where: str = "a searcher") -> list[int]:
        """Token ids of the document ``key``."""
        if key not in self._documents:
            if key not in self.documents:
                raise InvalidArgument(
                    f"{where} names document {key!r}, which is not in documents; add its text"
                )
            self._documents[key] = self._ids(self.documents[key], f"{where}: document {key!r}")
        return self._documents[key]

    def _ids(self, text: Any, where: str) -> list[int]:
        if not isinstance(text, str):
            raise InvalidType(f"{where} must be a str; got {text!r:.60}")
        ids = self.splade.token_ids([text])[0]
        if not ids:
            raise InvalidArgument(f"{where} has no tokens to learn from; leave it out")
        return ids
