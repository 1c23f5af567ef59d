"""Rows as the user gives them, checked and turned to what the database keeps.

Nothing is written before a whole batch has passed: `prepare` either returns everything that
a transaction needs, or raises naming the row.
"""

from __future__ import annotations

import numbers
import uuid
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from likewise.encode import Encoder
from likewise.errors import DuplicateId, InvalidRow, InvalidType
from likewise.metrics import resolve
from likewise.store import metadata
from likewise.store.fields import Field
from likewise.store.settings import AnyField, Settings, VectorField
from likewise.vectors import Float32Array, as_dense, to_bytes

Id = str | int
Row = Mapping[str, Any]

#: Keys of a row that are not metadata.
OWN_KEYS = frozenset({"id", "text", "vector", "vectors"})
INT64 = 2**63


@dataclass(frozen=True, slots=True)
class Batch:
    """Checked rows, column by column.

    Attributes:
        ids: one a row.
        texts: the texts, or None.
        metadata: JSON texts.
        given: bit i is set where the row itself brought the i-th field.
        vectors: per field (n, dim) float32, or n values as bytes.
        paths: every metadata path that occurs.
    """

    ids: list[Id]
    texts: list[str | None]
    metadata: list[str]
    given: list[int]
    vectors: list[Float32Array | list[bytes]]
    paths: set[str]

    def __len__(self) -> int:
        return len(self.ids)

    def records(self, first_row: int) -> list[tuple[int, Id, str | None, str, int, int]]:
        """The rows of the table ``rows``, numbered from ``first_row``."""
        return [
            (first_row + i, id_, text, meta, given, crc)
            for i, (id_, text, meta, given, crc) in enumerate(
                zip(self.ids, self.texts, self.metadata, self.given, self.checksums(), strict=True)
            )
        ]

    def checksums(self) -> list[int]:
        """CRC-32 of everything a row keeps, by which `check` finds a flipped bit."""
        return [
            row_checksum(id_, text, meta, [memoryview(vectors[i]) for vectors in self.vectors])
            for i, (id_, text, meta) in enumerate(
                zip(self.ids, self.texts, self.metadata, strict=True)
            )
        ]


def row_checksum(
    id_: Id, text: str | None, meta: str, vectors: Iterable[bytes | memoryview]
) -> int:
    """The checksum kept in ``rows.crc``: of the id, text, metadata and vectors, in that order."""
    crc = zlib.crc32(f"{type(id_).__name__}\0{id_}\0{text!r}\0{meta}".encode())
    for blob in vectors:
        crc = zlib.crc32(blob, crc)
    return crc


def as_rows(rows: Any) -> list[Row]:
    """A list of dicts from whatever holds rows: a DataFrame, an Arrow table, an iterable.

    A missing value of a DataFrame (NaN, NaT, NA) is a missing value here; its index is left out.

    Raises:
        InvalidType: not rows, such as a single dict or a string.
    """
    if isinstance(rows, (Mapping, str, bytes)):
        raise InvalidType(
            f"rows must be a list (or other iterable) of dicts; got one {type(rows).__name__}; "
            "put it in a list"
        )
    if hasattr(rows, "to_pylist"):  # Arrow
        return list(rows.to_pylist())
    if hasattr(rows, "to_dicts"):  # polars, and our own Results
        return list(rows.to_dicts())
    if hasattr(rows, "columns") and hasattr(rows, "to_dict"):  # pandas
        kept = rows.astype(object).where(rows.notna(), None)
        return list(kept.to_dict("records"))
    if not isinstance(rows, Iterable):
        raise InvalidType(
            f"rows must be an iterable of dicts, a DataFrame or an Arrow table; "
            f"got {type(rows).__name__}"
        )
    return list(rows)


def check_id(value: Any, where: str) -> Id:
    """An id as the str or int it stays.

    Raises:
        InvalidRow: another type, an integer beyond 64 bits, or no Unicode.
    """
    if isinstance(value, str):
        return _unicode(str(value), where, "id")
    if isinstance(value, numbers.Integral) and not isinstance(value, (bool, np.bool_)):
        if not -INT64 <= int(value) < INT64:
            raise InvalidRow(f"{where}: an integer id must fit 64 bits; got {value}; use a string")
        return int(value)
    raise InvalidRow(
        f"{where}: an id must be a str or an int; got {value!r} of type {type(value).__name__}"
    )


def prepare(
    rows: Any,
    settings: Settings,
    encoders: Mapping[str, Callable[[], Any]],
    name: str,
    progress: Callable[[int, int], None] | None = None,
) -> Batch:
    """Check every row and make what the database keeps of them.

    Args:
        rows: see `as_rows`.
        settings: of the collection.
        encoders: per field, what gets its encoder when a text must be encoded.
        name: of the collection, for messages.
        progress: called with (done, total) while texts are encoded.

    Raises:
        InvalidRow and its children: which row, which key, what was expected.
    """
    listed = as_rows(rows)
    collection = f"collection {name!r}"
    batch = Batch([], [], [], [0] * len(listed), [], set())
    names: list[str] = []
    for number, row in enumerate(listed):
        names.append(_take_row(batch, number, row, collection))
    _refuse_duplicates(batch.ids, collection)
    to_encode: list[list[int]] = []
    for position, (field, spec) in enumerate(settings.fields.items()):
        column = _field_values(listed, names, field, settings, collection)
        for i, value in enumerate(column):
            batch.given[i] |= (value is not None) << position
        where = f"{collection}, field {field!r}"
        missing = [i for i, value in enumerate(column) if value is None]
        for i in missing:
            _require_encodable(batch.texts[i], spec, f"{where}: {names[i]}")
        if isinstance(spec, Field):
            batch.vectors.append(_values(column, names, spec, where))
        else:
            batch.vectors.append(_brought(column, missing, names, spec, where))
        to_encode.append(missing)
    # Only now, when nothing else can be wrong, the long part.
    for i, (field, spec) in enumerate(settings.fields.items()):
        encoder = encoders[field]() if to_encode[i] else None
        if encoder is None:
            continue
        made = batch.vectors[i]
        if isinstance(spec, Field):
            where = f"{collection}, field {field!r}"
            blobs = _made(encoder, batch.texts, names, to_encode[i], spec, progress, where)
            for place, blob in zip(to_encode[i], blobs, strict=True):
                made[place] = blob
        else:
            made[to_encode[i]] = _encoded(  # type: ignore[call-overload]
                encoder, batch.texts, names, to_encode[i], spec, progress, collection
            )
    return batch


def _take_row(batch: Batch, number: int, row: Any, collection: str) -> str:
    """Check the parts of a row but for its vectors, add them to ``batch``, and name the row."""
    name = f"row {number}"
    if not isinstance(row, Mapping):
        raise InvalidType(
            f"{collection}, {name}: a row must be a dict; got {type(row).__name__}; "
            "vectors go under the key 'vector'"
        )
    if row.get("id") is None:
        batch.ids.append(uuid.uuid4().hex)
    else:
        batch.ids.append(check_id(row["id"], f"{collection}, {name}"))
        name = f"{name} (id {batch.ids[-1]!r})"
    where = f"{collection}, {name}"
    batch.texts.append(_check_text(row.get("text"), where))
    rest = {key: value for key, value in row.items() if key not in OWN_KEYS}
    batch.metadata.append(metadata.encode(rest, where=where))
    batch.paths.update(metadata.flatten(rest))
    return name


def _encoded(
    encoder: Encoder,
    texts: Sequence[str | None],
    names: Sequence[str],
    rows: list[int],
    field: VectorField,
    progress: Callable[[int, int], None] | None,
    collection: str,
) -> Float32Array:
    """The vectors of the texts of ``rows``; an encoder's word is checked like a user's."""
    return as_dense(
        encoder.encode([str(texts[row]) for row in rows], progress=progress),
        dim=field.dim,
        metric=resolve(field.metric or "cosine"),
        what=f"{collection}, encoder {encoder.name}",
        name=lambda i: f"the vector it made of {names[rows[i]]}",
    )


def _values(values: list[Any], names: Sequence[str], field: Field, where: str) -> list[bytes]:
    """What rows bring for a field of other values, as bytes; nothing where a text is encoded."""
    brought = [i for i, value in enumerate(values) if value is not None]
    read = field.read([values[i] for i in brought], where, lambda i: names[brought[i]])
    column = [b""] * len(values)
    for i, blob in zip(brought, read, strict=True):
        column[i] = blob
    return column


def _made(
    encoder: Any,
    texts: Sequence[str | None],
    names: Sequence[str],
    rows: list[int],
    field: Field,
    progress: Callable[[int, int], None] | None,
    where: str,
) -> list[bytes]:
    """The values of the texts of ``rows`` as bytes; an encoder's word is checked like a user's."""
    asked = [str(texts[row]) for row in rows]
    try:
        values = field.encode(encoder, asked, progress)
    except InvalidRow:
        for row, text in zip(rows, asked, strict=True):  # which of them is it?
            try:
                field.encode(encoder, [text], None)
            except InvalidRow as error:
                raise type(error)(f"{where}: {names[row]}: {error}") from error
        raise
    what = f"{where}, encoder {field.encoder_name}"
    return field.read(values, what, lambda i: f"what it made of {names[rows[i]]}")


def _check_text(text: Any, where: str) -> str | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise InvalidRow(f"{where}: text must be a str; got {type(text).__name__}")
    return _unicode(str(text), where, "text")


def _unicode(text: str, where: str, what: str) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InvalidRow(
                f"{where}: the {what} holds half a surrogate pair, which no file can keep; "
                "decode it with errors='replace'"
            ) from None
    return text


def _refuse_duplicates(ids: Sequence[Id], collection: str) -> None:
    if len(set(ids)) == len(ids):
        return
    first: dict[Id, int] = {}
    for number, id_ in enumerate(ids):
        if id_ in first:
            raise DuplicateId(
                f"{collection}: id {id_!r} stands twice in one batch, in rows {first[id_]} and "
                f"{number}; nothing was written"
            )
        first[id_] = number


def _field_values(
    rows: Sequence[Row], names: Sequence[str], field: str, settings: Settings, collection: str
) -> list[Any]:
    """What each row brings for ``field``, or None."""
    default = field == settings.default_field
    values = [row.get("vector") if default else None for row in rows]
    for i, row in enumerate(rows):
        named = row.get("vectors")
        if named is None:
            continue
        where = f"{collection}, {names[i]}"
        if not isinstance(named, Mapping):
            raise InvalidRow(f"{where}: vectors must be a dict of field to vector")
        unknown = [key for key in named if key not in settings.fields]
        if unknown:
            raise InvalidRow(
                f"{where}: no vector field {unknown[0]!r}; there are {', '.join(settings.fields)}"
            )
        if named.get(field) is not None:
            if values[i] is not None:
                raise InvalidRow(f"{where}: 'vector' and 'vectors' both bring field {field!r}")
            values[i] = named[field]
    return values


def _brought(
    values: list[Any],
    missing: list[int],
    names: Sequence[str],
    field: VectorField,
    where: str,
) -> Float32Array:
    """The vectors that rows bring, checked; those of ``missing`` rows are to be encoded."""
    brought = [i for i, value in enumerate(values) if value is not None]
    vectors = np.empty((len(values), field.dim or 0), dtype=np.float32)
    if brought:
        checked = as_dense(
            _flat([values[i] for i in brought], [names[i] for i in brought], where),
            dim=field.dim,
            metric=resolve(field.metric or "cosine"),
            what=where,
            name=lambda i: names[brought[i]],
            expects=f"encoder {field.encoder_name}" if field.encoder else "",
        )
        if not missing:
            return checked
        vectors[brought] = checked
    return vectors


def _flat(values: list[Any], names: list[str], where: str) -> list[Any]:
    """Each value as a 1-d array; a nested or scalar one is refused by its row."""
    arrays = []
    for name, value in zip(names, values, strict=True):
        try:
            array = np.asarray(value)
        except ValueError:
            array = np.empty((0, 0))
        if array.ndim != 1 or array.dtype.kind not in "fiub":
            raise InvalidRow(
                f"{where}: {name} must bring a flat list of numbers; got {value!r:.60}"
            )
        arrays.append(array)
    return arrays


def _require_encodable(text: str | None, field: AnyField, row: str) -> None:
    if field.encoder is None:
        raise InvalidRow(
            f"{row} brings no {_wanted(field)}, and the field has no encoder for its text"
        )
    if text is None or not text.strip():
        raise InvalidRow(
            f"{row} brings neither a {_wanted(field)} nor a text for encoder {field.encoder_name}"
        )


def _wanted(field: AnyField) -> str:
    return f"{field.kind} value" if isinstance(field, Field) else "vector"


def blobs(batch: Batch, position: int) -> list[bytes]:
    """The bytes of one field, a row each."""
    column = batch.vectors[position]
    return column if isinstance(column, list) else [to_bytes(row) for row in column]
