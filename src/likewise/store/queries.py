"""What a user gives to a search, checked: limits, filter, ids, field, and the query itself."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from likewise._arguments import check_count, check_k, check_number, check_recall
from likewise.errors import InvalidArgument, InvalidType, UnknownField
from likewise.filters import Filter, parse
from likewise.metrics import resolve
from likewise.store.batch import Id, check_id
from likewise.store.database import damaged
from likewise.store.fields import Field
from likewise.store.fusing import DEPTH, FUSIONS, Fusion
from likewise.store.schema import vector_table
from likewise.store.settings import LEXICAL, AnyField, Settings, VectorField
from likewise.vectors import Bags, Gaussians, as_dense, from_bytes

Where = Filter | str | Mapping[str, Any] | None


class Limits:
    """The checked limits of one search: what `Collection.search` calls them, and their errors."""

    __slots__ = ("exact", "k", "min_score", "radius", "recall")

    def __init__(self, k: Any, radius: Any, min_score: Any, recall: Any, exact: Any) -> None:
        if k is None and radius is None and min_score is None:
            raise InvalidArgument("k=None asks for all rows within a limit; give radius= too")
        if not isinstance(exact, bool):
            raise InvalidType(f"exact must be True or False; got {exact!r}")
        self.k = None if k is None else check_k(k)
        self.radius = None if radius is None else check_number("radius", radius)
        self.min_score = None if min_score is None else check_number("min_score", min_score)
        self.recall = None if recall is None else check_recall(recall)
        if self.min_score is not None and self.min_score > 1:
            raise InvalidArgument(f"min_score must be at most 1; got {self.min_score}")
        self.exact = exact

    def within(self, from_score: Callable[[float], float]) -> float | None:
        """The distance that both limits allow; the score itself is looked at afterwards."""
        if self.min_score is None:
            return self.radius
        # A few steps lower: where a score is nearly flat, one rounding spans much distance.
        reach = float(from_score(self.min_score - 1e-15))
        reach += 1e-9 * max(1.0, abs(reach))  # rounding must not lose a hit at the limit
        nearest = reach if self.radius is None else min(reach, self.radius)
        return nearest if np.isfinite(nearest) else (1e300 if nearest > 0 else -1e300)


@functools.lru_cache(maxsize=256)
def _parse_text(where: str) -> Filter | None:
    return parse(where)


def read_filter(where: Where) -> Filter | None:
    """The filter in any of its spellings; strings seen lately are not read again."""
    return _parse_text(where) if isinstance(where, str) else parse(where)


def read_ids(ids: Any) -> list[Id]:
    """One id or several as a list."""
    if isinstance(ids, (str, int, np.integer)) and not isinstance(ids, bool):
        ids = [ids]
    if isinstance(ids, (Mapping, bytes, bytearray)) or not isinstance(ids, Iterable):
        raise InvalidType(f"ids must be an id or a list of ids; got {ids!r:.80}")
    return [check_id(id_, "ids") for id_ in ids]


def read_field(using: Any, settings: Settings) -> str:
    """The one field of dense vectors that ``using`` names; None means the default."""
    if using is None:
        using = settings.default_field
    if not isinstance(using, str) and isinstance(using, Sequence) and len(using) == 1:
        using = using[0]
    if not isinstance(using, str) or using not in settings.dense:
        raise UnknownField(
            f"using={using!r}: name one vector field; there are "
            f"{', '.join(settings.dense) or 'none'}"
        )
    return using


def read_windows(window: Any, using: Any, settings: Settings) -> tuple[str, ...] | None:
    """The vector fields that get windows, in their order; none; or None: it stays as it is."""
    if window is not None and not isinstance(window, bool):
        raise InvalidType(f"window must be True, False or None; got {window!r}")
    if using is None:
        return None if window is None else tuple(settings.dense) if window else ()
    if not window:
        raise InvalidArgument("using= says which vector fields get windows; give window=True too")
    named = [using] if isinstance(using, str) or not isinstance(using, Iterable) else list(using)
    chosen = {read_field(name, settings) for name in named}
    if not chosen:
        raise InvalidArgument("using= names no vector field; leave it out for all of them")
    return tuple(name for name in settings.dense if name in chosen)


def read_using(using: Any, settings: Settings) -> tuple[str, ...]:
    """What to search: vector fields, the lexical branch, or several of them; None: the default."""
    if using is None:
        return (settings.default_field,)
    several = not isinstance(using, str) and isinstance(using, Sequence)
    names = tuple(using) if several else (using,)
    valid = (*settings.fields, LEXICAL)
    for name in names:
        if not isinstance(name, str) or name not in valid:
            raise UnknownField(f"using={using!r}: {name!r} is none of {', '.join(valid)}")
    if not names or len(set(names)) < len(names):
        raise InvalidArgument(f"using={using!r}: name each field once; there are {_listed(valid)}")
    return names


def dims_fields(
    names: tuple[str, ...], settings: Settings, limits: Limits
) -> list[tuple[str, VectorField]]:
    """The fields among ``names`` that ``dims=`` is for, with what they are.

    Raises:
        InvalidArgument: there is none, or the limits say otherwise how to search.
    """
    if limits.exact or limits.recall is not None or limits.k is None:
        raise InvalidArgument(
            "dims= says how to search; recall=, exact= and k=None say how much to find: give one "
            "or the other"
        )
    dense = settings.dense
    found = [(name, dense[name]) for name in names if name in dense]
    if not found:
        raise InvalidArgument(
            f"dims= is for dense vectors, which have first numbers; using={_listed(names)} names "
            f"none. Leave it out, or name one of {_listed(dense) or 'no field: there is none'}"
        )
    return found


def read_fusion(
    names: tuple[str, ...], fuse: Any, weights: Any, depth: Any, limits: Limits
) -> Fusion | None:
    """How to fuse the branches ``names``; None where there is only one.

    Raises:
        InvalidArgument, InvalidType: an impossible argument, or one that says nothing here.
    """
    if len(names) == 1:
        given = {"fuse": fuse, "weights": weights, "depth": depth}
        for name, value in given.items():
            if value is not None:
                raise InvalidArgument(
                    f"{name}= is for several fields at once; using={names[0]!r} is one. Leave it "
                    f"out, or give using=[{names[0]!r}, …]"
                )
        return None
    if limits.radius is not None:
        raise InvalidArgument(
            "radius= is a distance, and fused hits have none; limit them by min_score="
        )
    fuse = "rrf" if fuse is None else fuse
    if not isinstance(fuse, str) or fuse not in FUSIONS:
        raise InvalidArgument(f"fuse={fuse!r} is none of {_listed(FUSIONS)}")
    least = DEPTH if depth is None else check_count("depth", depth)
    return Fusion(fuse, _read_weights(names, weights), least)


def _read_weights(names: tuple[str, ...], weights: Any) -> tuple[float, ...]:
    """A positive weight a branch; what is not named has weight 1."""
    if weights is None:
        return (1.0,) * len(names)
    if not isinstance(weights, Mapping):
        raise InvalidType(
            f"weights must be a dict of field to number, such as {{{names[0]!r}: 2.0}}; "
            f"got {weights!r:.80}"
        )
    for name in weights:
        if name not in names:
            raise InvalidArgument(f"weights name {name!r}, which is not among {_listed(names)}")
    checked = {name: check_number(f"weights[{name!r}]", w) for name, w in weights.items()}
    for name, weight in checked.items():
        if weight <= 0:
            raise InvalidArgument(
                f"weights[{name!r}] must be positive; got {weight}. To do without a field, leave "
                "it out of using="
            )
    return tuple(checked.get(name, 1.0) for name in names)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


@dataclass(frozen=True, slots=True)
class Query:
    """What was asked: texts, vectors, or a row to find more like.

    Attributes:
        texts: to be encoded, and their terms to be looked up.
        vectors: field to queries, checked: (m, dim) vectors, or what the kind of field takes.
        like: the id of the row that more is wanted of.
        single: one `Results` is wanted, not a list.
    """

    texts: list[str] | None = None
    vectors: Mapping[str, Any] = field(default_factory=dict)
    like: Id | None = None
    single: bool = True


def read_query(query: Any, names: tuple[str, ...], settings: Settings, collection: str) -> Query:
    """A string, a value of the fields, ``{"id": …}``, a row, or a batch of strings or values.

    Args:
        query: as the user gave it.
        names: the branches it is for.
        settings, collection: of the collection: its fields, and its name for messages.
    """
    if isinstance(query, str):
        return Query(texts=[query])
    if isinstance(query, Mapping) and set(query) == {"id"}:
        return Query(like=check_id(query["id"], "the query"))
    if isinstance(query, Mapping) and isinstance(query.get("vectors"), Mapping):
        return _read_row(query, names, settings, collection)
    dense = [name for name in names if name not in settings.others]
    if isinstance(query, Mapping) and dense:
        raise InvalidArgument(
            f"a query dict must be {{'id': …}}, or {{'vectors': {{field: …}}, 'text': …}}, for "
            f"using={dense[0]!r}; got the keys "
            f"{sorted(map(str, query))}"
        )
    if hasattr(query, "__array__"):
        query = np.asarray(query)
    elif not _whole(query) and isinstance(query, Iterable):
        query = list(query)
        if not query:
            raise InvalidArgument("the query is empty; give a text, a vector or {'id': …}")
        if all(isinstance(item, str) for item in query):
            return Query(texts=query, single=False)
    if LEXICAL in names:
        raise InvalidArgument(
            f"using={LEXICAL!r} looks for the words of a text, and a vector has none; give a text "
            f"or {{'id': …}}, or leave {LEXICAL!r} out"
        )
    read = {
        name: _read_value(
            query, settings.fields[name], f"collection {collection!r}, field {name!r}"
        )
        for name in names
    }
    shapes = {name: (single, len(values)) for name, (values, single) in read.items()}
    if len(set(shapes.values())) > 1:
        one, other = sorted(shapes, key=lambda name: shapes[name][1])[:: len(shapes) - 1]
        raise InvalidArgument(
            f"the query is {shapes[one][1]} queries for field {one!r} and {shapes[other][1]} for "
            f"field {other!r}; search by each alone, or give {{'vectors': {{field: …}}}}"
        )
    ((single, _),) = set(shapes.values())
    return Query(vectors={name: values for name, (values, _) in read.items()}, single=single)


def _read_row(
    query: Mapping[str, Any], names: tuple[str, ...], settings: Settings, collection: str
) -> Query:
    """``{"vectors": {field: value}, "text": …}``, in the form of a row: one query."""
    text, values = query.get("text"), query["vectors"]
    strange = [*(set(query) - {"text", "vectors"}), *(name for name in values if name not in names)]
    if strange:
        raise InvalidArgument(
            f"the query brings {strange[0]!r}; it may bring 'text', and 'vectors' of "
            f"{_listed(name for name in names if name != LEXICAL)}"
        )
    if text is not None and not isinstance(text, str):
        raise InvalidType(f"the text of the query must be a str; got {text!r:.60}")
    vectors = {}
    for name in names:
        if name not in values:
            if text is None:
                raise InvalidArgument(
                    f"using={name!r}: the query brings neither a value for it nor a text"
                )
            continue
        where = f"collection {collection!r}, field {name!r}"
        vectors[name], single = _read_value(values[name], settings.fields[name], where)
        if not single:
            raise InvalidArgument(
                f"{where}: a query in the form of a row is one; got a batch: search by each alone"
            )
    return Query(texts=None if text is None else [text], vectors=vectors)


def _whole(query: Any) -> bool:
    """Whether a query is more than a list, or none, and must not be taken apart."""
    return isinstance(query, (bytes, Set, Mapping, Bags, Gaussians)) or hasattr(query, "tocsr")


def _read_value(query: Any, spec: AnyField, where: str) -> tuple[Any, bool]:
    """A query that is a value of a field, or a batch of them; and whether it is one alone."""
    if isinstance(spec, Field):
        return spec.query(query, f"{where}, query")
    vectors = as_dense(
        query,
        dim=spec.dim,
        metric=resolve(spec.metric or "cosine"),
        what=f"{where}, query",
        expects=f"encoder {spec.encoder_name}" if spec.encoder else "",
    )
    return vectors, np.ndim(query[0]) == 0 if isinstance(query, list) else query.ndim == 1


def text_of(connection: sqlite3.Connection, id_: Id, collection: str) -> tuple[int, str | None]:
    """The row number and text of the row that more is wanted of."""
    found = connection.execute("SELECT row, text FROM rows WHERE id = ?", (id_,)).fetchone()
    if found is None:
        raise InvalidArgument(
            f"collection {collection!r} has no row with id {id_!r} to search like"
        )
    return found[0], found[1]


def vectors_of(
    connection: sqlite3.Connection, settings: Settings, names: Iterable[str], row: int
) -> dict[str, Any]:
    """The values of one row as queries: those of ``names`` that are fields."""
    vectors: dict[str, Any] = {}
    for position, (name, spec) in enumerate(settings.fields.items()):
        if name in names:
            found = connection.execute(
                f"SELECT data FROM {vector_table(position)} WHERE row = ?", (row,)
            ).fetchone()
            if found is None:
                raise damaged(f"row {row} has no vector of field {name!r}")
            if isinstance(spec, Field):
                vectors[name] = spec.as_query(found[0])
            else:
                vectors[name] = from_bytes([found[0]], spec.dim or 0)
    return vectors
