"""Metadata as it is kept: checked on the way in, compact JSON on disk, exact types back.

Allowed are str, int, float, bool, date, datetime, None, lists of these, and nested dicts.
Times are tagged objects, ``{"$date": "2020-01-31"}`` and ``{"$datetime": "…"}``; keys that
begin with ``$`` are therefore refused. Tuples and 1-d arrays come back as lists, numpy
scalars as Python ones, enums as their values.

>>> text = encode({"year": 2020, "day": date(2020, 1, 31)}, where="row 0")
>>> text
'{"year":2020,"day":{"$date":"2020-01-31"}}'
>>> decode(text)
{'year': 2020, 'day': datetime.date(2020, 1, 31)}
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from likewise._values import ALLOWED, is_list, lookup, plain
from likewise.errors import InvalidArgument, InvalidMetadata, InvalidType

__all__ = ["check_metadata", "decode", "encode", "flatten", "lookup"]

MAX_DEPTH = 64

_AS_IS = frozenset({str, bool, type(None)})
_to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_to_ascii = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def encode(metadata: Mapping[str, Any], *, where: str) -> str:
    """``metadata`` as compact JSON text that `decode` turns back into equal, same-typed values.

    Args:
        metadata: a dict, possibly nested.
        where: names the row in errors, such as ``"row 17 (id 'a9')"``.

    Raises:
        InvalidMetadata: names the row, the key path, the type that came and those allowed.

    Cost: a few microseconds for a flat dict of strings and small numbers.
    """
    plain_values = (
        metadata if _is_simple(metadata) else _tagged(check_metadata(metadata, where=where))
    )
    text = _to_json(plain_values)
    try:
        if not text.isascii():
            text.encode()
    except UnicodeEncodeError:  # half a surrogate pair: only its escape can be stored
        return _to_ascii(plain_values)
    return text


def decode(text: str) -> dict[str, Any]:
    """What `encode` wrote. Cost: that of ``json.loads``; more only when a time occurs."""
    hook = _untagged if '"$date' in text else None
    metadata: dict[str, Any] = json.loads(text, object_hook=hook)
    return metadata


def check_metadata(metadata: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """A copy of ``metadata`` in plain types.

    Raises:
        InvalidMetadata: as `encode`.
    """
    if not isinstance(metadata, Mapping):
        raise InvalidMetadata(
            f"{where}: metadata must be a dict; got {metadata!r:.80} "
            f"of type {type(metadata).__name__}"
        )
    checked = _checked(metadata, where, "", 1)
    seen: set[str] = set()
    for path, _ in _paths(checked, ""):
        if path in seen:
            raise InvalidMetadata(
                f"{where}, metadata key {path!r}: it is there twice, as a key with a dot and as a "
                "nested key; rename one of them"
            )
        seen.add(path)
    return checked


def flatten(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The values by dotted path; an empty nested dict leaves no trace.

    Example:
        >>> flatten({"year": 2020, "author": {"name": "Ada", "tags": ["x"]}})
        {'year': 2020, 'author.name': 'Ada', 'author.tags': ['x']}
    """
    return dict(_paths(metadata, ""))


def _paths(metadata: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in metadata.items():
        if isinstance(value, Mapping):
            yield from _paths(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _is_simple(metadata: Any) -> bool:
    """Whether nothing needs a closer look: a flat dict of strings, small numbers and nulls."""
    if type(metadata) is not dict:
        return False
    for key, value in metadata.items():
        kind = type(value)
        if type(key) is not str or key[:1] == "$":
            return False
        if kind is int:
            if not -(2**63) <= value < 2**63:
                return False
        elif kind is float:
            if not math.isfinite(value):
                return False
        elif kind not in _AS_IS:
            return False
    return True


def _checked(metadata: Mapping[Any, Any], where: str, prefix: str, depth: int) -> dict[str, Any]:
    if depth > MAX_DEPTH:
        raise InvalidMetadata(
            f"{where}, metadata key {prefix[:80]!r}…: nested more than {MAX_DEPTH} levels deep"
        )
    checked: dict[str, Any] = {}
    for key, value in metadata.items():
        name = _key(key, where, prefix)
        path = prefix + name
        if name in checked:
            raise InvalidMetadata(f"{where}, metadata key {path!r}: two keys are spelled the same")
        if isinstance(value, Mapping):
            checked[name] = _checked(value, where, f"{path}.", depth + 1)
        elif is_list(value):
            checked[name] = [_scalar(v, where, f"{path}[{i}]") for i, v in enumerate(value)]
        else:
            checked[name] = _scalar(value, where, path)
    return checked


def _key(key: Any, where: str, prefix: str) -> str:
    if not isinstance(key, str):
        raise InvalidMetadata(
            f"{where}, metadata key {prefix}{key!r}: keys must be strings; "
            f"got one of type {type(key).__name__}"
        )
    name: str = plain(key)
    if name.startswith("$"):
        raise InvalidMetadata(
            f"{where}, metadata key {prefix + name!r}: keys that begin with '$' are reserved for "
            "the operators of filters; rename it"
        )
    return name


def _scalar(value: Any, where: str, path: str) -> Any:
    if isinstance(value, Mapping) or is_list(value):
        raise InvalidMetadata(
            f"{where}, metadata key {path!r}: a {type(value).__name__} inside a list cannot be "
            f"kept; allowed are {ALLOWED}"
        )
    try:
        return plain(value)
    except (InvalidType, InvalidArgument) as error:
        raise InvalidMetadata(f"{where}, metadata key {path!r}: {error}") from None


def _tagged(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tagged(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_tagged(item) for item in value]
    if isinstance(value, datetime):
        return {"$datetime": value.isoformat()}
    if isinstance(value, date):
        return {"$date": value.isoformat()}
    return value


def _untagged(found: dict[str, Any]) -> Any:
    if len(found) == 1:
        [(key, value)] = found.items()
        if key == "$date":
            return date.fromisoformat(value)
        if key == "$datetime":
            return datetime.fromisoformat(value)
    return found
