"""`MTEBSearch`: a collection as MTEB's benchmarks ask a search model to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from likewise.errors import InvalidArgument, InvalidType, MissingExtra
from likewise.store.collection import Collection
from likewise.store.opening import create

#: Queries searched for in one call.
BATCH = 128


class MTEBSearch:
    """MTEB's ``SearchProtocol`` (version 2): ``index(corpus)``, then ``search(queries, top_k)``.

    Every corpus becomes a collection of its own below a folder, made as ``likewise.create`` makes
    them. A row's text is its title and its text with a space between, as in MTEB itself.

    Args:
        folder: where the collections are made; one that is there already is not overwritten.
        search: arguments of `Collection.search` for every query: ``{"exact": True}``.
        create: arguments of ``likewise.create``; ``encoder="minilm"`` where none is named.

    Raises:
        InvalidType: ``search`` is no dict.

    Example:
        >>> model = MTEBSearch("mteb", encoder="hashing")
        >>> task = {"hf_split": "test", "hf_subset": "default", "task_metadata": None}
        >>> model.index([{"id": "a", "text": "red apple"}, {"id": "b", "text": "car"}], **task)
        >>> found = model.search([{"id": "q", "text": "apple"}], top_k=1, **task)
        >>> list(found["q"])
        ['a']

    With MTEB: ``mteb.evaluate(MTEBSearch("mteb"), tasks=mteb.get_tasks(["SciFact"]))``.
    """

    def __init__(
        self, folder: str | Path, *, search: Mapping[str, Any] | None = None, **create: Any
    ) -> None:
        if search is not None and not isinstance(search, Mapping):
            raise InvalidType(f"search must be a dict of arguments; got {type(search).__name__}")
        self.folder = Path(folder)
        self._search = dict(search or {})
        self._create = create if {"encoder", "fields"} & set(create) else {"encoder": "minilm"}
        self._create |= create
        self._collections: dict[str, Collection] = {}

    def index(
        self,
        corpus: Iterable[Mapping[str, Any]],
        *,
        task_metadata: Any,
        hf_split: str,
        hf_subset: str,
        **more: Any,
    ) -> None:
        """Make a collection of the corpus.

        Args:
            corpus: rows with ``id``, ``text`` (or ``body``), maybe ``title``.
            task_metadata, hf_split, hf_subset: of the task; they name the collection.
            more: what MTEB hands to encoders (``encode_kwargs``, ``num_proc``); Likewise
                chooses for itself.

        Raises:
            CollectionExists: an earlier run made it; give another folder.
            InvalidArgument: a row without text.

        Cost: that of adding the rows: the encoder's.
        """
        name = _name(task_metadata, hf_split, hf_subset)
        self.folder.mkdir(parents=True, exist_ok=True)
        collection = create(self.folder / f"{name}.likewise", **self._create)
        self._collections[name] = collection
        collection.add({"id": row["id"], "text": _text(row)} for row in corpus)
        collection.seal()

    def search(
        self,
        queries: Iterable[Mapping[str, Any]],
        *,
        task_metadata: Any,
        hf_split: str,
        hf_subset: str,
        top_k: int,
        top_ranked: Mapping[str, list[str]] | None = None,
        **more: Any,
    ) -> dict[str, dict[str, float]]:
        """The best rows of each query, by score.

        Args:
            queries: rows with ``id`` and ``text``.
            task_metadata, hf_split, hf_subset: as `index` got them.
            top_k: hits a query.
            top_ranked: {query: ids} of a task of re-ranking: only these are searched.
            more: as in `index`.

        Returns:
            {query: {id: score}}, the best first.

        Raises:
            InvalidArgument: `index` was not called for this task.

        Cost: a search a query.
        """
        name = _name(task_metadata, hf_split, hf_subset)
        if name not in self._collections:
            known = ", ".join(self._collections) or "nothing"
            raise InvalidArgument(f"search() came before index() of {name!r}; indexed: {known}")
        collection = self._collections[name]
        asked = {row["id"]: _text(row) for row in queries}
        if top_ranked is not None:
            return {
                query: _scores(
                    collection.search(
                        text,
                        top_k,
                        where={"id": {"$in": list(top_ranked.get(query, []))}},
                        **self._search,
                    )
                )
                for query, text in asked.items()
            }
        found: dict[str, dict[str, float]] = {}
        ids = list(asked)
        for start in range(0, len(ids), BATCH):
            some = ids[start : start + BATCH]
            answers = collection.search([asked[query] for query in some], top_k, **self._search)
            found.update(zip(some, map(_scores, answers), strict=True))
        return found

    @property
    def mteb_model_meta(self) -> Any:
        """What MTEB keeps of a model: its name.

        Raises:
            MissingExtra: mteb is not installed.
        """
        try:
            from mteb.models import ModelMeta
        except ImportError as error:
            raise MissingExtra("MTEB's results need MTEB itself: pip install mteb") from error
        from likewise import __version__

        encoder = self._create.get("encoder")
        name = encoder if isinstance(encoder, str) else getattr(encoder, "name", "fields")
        return ModelMeta.create_empty(
            overwrites={"name": f"likewise/{name}", "revision": __version__}
        )

    def close(self) -> None:
        """Close the collections.

        Example:
            >>> MTEBSearch("mteb").close()
        """
        for collection in self._collections.values():
            collection.close()


def _name(task_metadata: Any, hf_split: str, hf_subset: str) -> str:
    task = getattr(task_metadata, "name", None) or "task"
    words = "-".join((str(task), str(hf_subset), str(hf_split)))
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in words)


def _text(row: Mapping[str, Any]) -> str:
    text = row.get("text", row.get("body"))
    if not isinstance(text, str):
        raise InvalidArgument(
            f"row {row.get('id')!r} has no text (or body); this search model takes texts alone"
        )
    return f"{row.get('title') or ''} {text}".strip()


def _scores(answer: Any) -> dict[str, float]:
    return {str(hit.id): float(hit.score) for hit in answer}
