"""Rows as JSON and back, with nothing lost: dates get a tag, vectors become lists of numbers.

JSON has no dates, so ``{"$date": "2024-05-01"}`` and ``{"$datetime": "2024-05-01T12:00:00"}``
stand for them; so does ``{"$terms": [[7, 0.5]]}`` for a sparse vector whose terms are integers,
which are no keys of JSON. An object of the user's own that happens to look like a tag is written
with one more ``$`` and loses it again when read.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from likewise.errors import InvalidMetadata

_TAG = re.compile(r"\$+(date|datetime|float32|terms)")


def dump_row(row: Mapping[str, Any], *, packed: bool = False) -> str:
    """One line of JSON for ``row``.

    Args:
        row: a row dict. Dates and datetimes are tagged; arrays become lists of numbers.
        packed: write float32 arrays as base64 instead, a quarter of the size; for files
            that Likewise alone reads.

    Raises:
        InvalidMetadata: NaN, infinity, or a value that JSON cannot carry.

    Example:
        >>> import datetime
        >>> dump_row({"id": 1, "day": datetime.date(2024, 5, 1)})
        '{"id":1,"day":{"$date":"2024-05-01"}}'
    """
    try:
        return dump_value(row, packed=packed)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidMetadata(
            f"row {row.get('id')!r} cannot be written as JSON: {error}"
        ) from error


def dump_value(value: Any, *, packed: bool = False) -> str:
    """As `dump_row`, for any value; what JSON cannot carry raises TypeError or ValueError."""
    plain = _plain(value, packed)
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if is_unicode(text):
        return text
    return json.dumps(plain, allow_nan=False, separators=(",", ":"))


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can hold ``text``; half a surrogate pair has only an escape."""
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            return False
    return True


def load_value(line: str | bytes) -> Any:
    """The value that one line of JSON holds; the inverse of `dump_row`.

    Raises:
        ValueError: not JSON, NaN or infinity in it, or a tag with a date that is none.

    Example:
        >>> load_value('{"id": 1, "day": {"$date": "2024-05-01"}}')
        {'id': 1, 'day': datetime.date(2024, 5, 1)}
    """
    text = line.decode("utf-8") if isinstance(line, bytes) else line
    return json.loads(text, object_hook=_untag, parse_constant=_refuse_constant)


def readable(value: Any) -> Any:
    """``value`` as JSON for eyes and other programs: dates as ISO text, arrays as lists.

    Example:
        >>> import datetime
        >>> readable({"day": datetime.date(2024, 5, 1)})
        {'day': '2024-05-01'}
    """
    if isinstance(value, Mapping):
        return {str(key): readable(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [readable(inner) for inner in value]
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    if isinstance(value, (np.ndarray, np.generic)):
        return readable(value.tolist())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _plain(value: Any, packed: bool) -> Any:
    if isinstance(value, Mapping) and _are_terms(value):
        return {"$terms": [[key, _plain(inner, packed)] for key, inner in value.items()]}
    if isinstance(value, Mapping):
        return _escaped({key: _plain(inner, packed) for key, inner in value.items()})
    if isinstance(value, (list, tuple)):
        return [_plain(inner, packed) for inner in value]
    if isinstance(value, dt.datetime):  # before date: every datetime is a date
        return {"$datetime": value.isoformat()}
    if isinstance(value, dt.date):
        return {"$date": value.isoformat()}
    if isinstance(value, np.ndarray):
        if packed and value.dtype == np.float32:
            return {"$float32": base64.b64encode(value.astype("<f4").tobytes()).decode("ascii")}
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value


def _are_terms(mapping: Mapping[Any, Any]) -> bool:
    """Whether these are integer terms with their weights: nothing else a row holds is."""
    pairs = mapping.items()
    return bool(mapping) and all(type(key) is int and type(value) is float for key, value in pairs)


def _escaped(mapping: dict[Any, Any]) -> dict[Any, Any]:
    for key in mapping:
        if not isinstance(key, str):
            raise TypeError(f"keys must be strings; got {key!r}")
    if len(mapping) == 1:
        ((key, inner),) = mapping.items()
        if _TAG.fullmatch(key):
            return {f"${key}": inner}
    return mapping


def _untag(mapping: dict[str, Any]) -> Any:
    if len(mapping) != 1:
        return mapping
    ((key, inner),) = mapping.items()
    if not _TAG.fullmatch(key):
        return mapping
    if key.startswith("$$"):
        return {key[1:]: inner}
    try:
        return _DECODERS[key](inner)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{key} expects {_EXPECTED[key]}; got {inner!r}") from error


def _float32(text: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4").astype(np.float32)


def _terms(pairs: Any) -> dict[int, float]:
    return dict(pairs)


_DECODERS: dict[str, Callable[[str], Any]] = {
    "$date": dt.date.fromisoformat,
    "$datetime": dt.datetime.fromisoformat,
    "$float32": _float32,
    "$terms": _terms,
}


_EXPECTED = {
    "$date": "ISO text such as '2024-05-01'",
    "$datetime": "ISO text such as '2024-05-01'",
    "$float32": "base64 text",
    "$terms": "pairs of a term and its weight",
}


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
