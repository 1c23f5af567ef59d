"""What a collection says of itself, and the switches that change its settings."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from likewise.errors import EncoderMismatch, UnknownField
from likewise.index import Graph, Window
from likewise.store.field_kinds import field_kinds
from likewise.store.fields import Field
from likewise.store.kinds import KINDS
from likewise.store.maintenance import directory_bytes
from likewise.store.prefix_kinds import prefix_kinds
from likewise.store.prefix_ways import PrefixWay
from likewise.store.schema import format_of
from likewise.store.segments import Segment
from likewise.store.settings import LEXICAL, AnyField, Settings
from likewise.store.view import View, ViewKeeper, read_settings
from likewise.store.writing import commit_number


def describe(path: Path, view: View, connection: sqlite3.Connection) -> dict[str, Any]:
    """The answer of `Collection.info`."""
    known = [r[0] for r in connection.execute("SELECT path FROM known_fields ORDER BY path")]
    return {
        "name": path.name,
        "path": str(path),
        "format": format_of(view.settings),
        "rows": view.live,
        "bytes": directory_bytes(path),
        "default_recall": view.settings.recall,
        "log_queries": view.settings.log_queries,
        "fields": {
            name: field.to_dict()
            if isinstance(field, Field)
            else {
                "dim": field.dim,
                "metric": field.metric,
                "encoder": field.encoder_name,
                "fingerprint": field.fingerprint,
                "nested": bool(field.nested),
                "prefixes": [way.name for way in view.settings.prefixes.get(name, ())],
            }
            for name, field in view.settings.fields.items()
        },
        "metadata_fields": {
            name: {
                "indexed": name in view.settings.indexed,
                "windows": list(view.settings.windows.get(name, ())),
            }
            for name in known
        },
        "lexical": {"language": view.settings.language, "kept": LEXICAL in view.settings.kept},
        "segments": [_segment(segment, view.settings) for segment in view.segments],
        "tail_rows": len(view.tail),
        "recall": _curves(view, connection),
    }


def _segment(segment: Segment, settings: Settings) -> dict[str, Any]:
    return {
        "number": segment.entry.number,
        "rows": len(segment),
        "bytes": sum(segment.entry.files.values()),
        "indexes": {name: index.name for name, index in segment.indexes.items()}
        | {
            name: kind.field.index
            for name, kind in field_kinds(settings).items()
            if kind.name in segment.derived.mapped
        },
        "graphs": {
            name: {"codes": index.codes, "degree": index.degree, "bytes": index.nbytes}
            for name, index in segment.indexes.items()
            if isinstance(index, Graph | Window)
        },
        "windows": {
            path: {
                name: {"codes": window.codes, "bytes": window.nbytes}
                for name, window in windows.items()
            }
            for path, windows in segment.windows.items()
        },
        "derived": sorted(
            name
            for name in segment.derived.mapped
            if name in KINDS or name in prefix_kinds(settings)
        ),
        "damaged": list(segment.damaged),
    }


def _curves(view: View, connection: sqlite3.Connection) -> dict[str, list[dict[str, Any]]]:
    """Per field, the recall curve of each segment that was measured."""
    found: dict[str, list[dict[str, Any]]] = {
        name: [
            {"segment": segment.entry.number, **index.curve.to_dict()}
            for segment in view.segments
            if isinstance(index := segment.indexes[name], Graph | Window)
            and index.curve is not None
        ]
        for name in view.settings.dense
    }
    for name, kind in field_kinds(view.settings).items():
        found[name] = []
        for segment, rows, alive in zip(view.segments, view.parts, view.alive, strict=False):
            if kind.name not in segment.derived.mapped:
                continue  # it would have to be made first, and is then searched exactly
            made = segment.derived.current(kind, rows, alive, connection, view.settings)
            curves = [getattr(piece.index, "curve", None) for piece in made.pieces]
            number = segment.entry.number
            found[name] += [{"segment": number, **c.to_dict()} for c in curves if c is not None]
    return found


def tail_rows(connection: sqlite3.Connection, keeper: ViewKeeper) -> int:
    """At most how many rows are in no segment: counted by row numbers, without reading them."""
    found = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'rows'").fetchone()
    return (int(found[0]) if found else 0) - keeper.sealed_up_to()


def add_indexed_field(
    connection: sqlite3.Connection,
    name: str,
    collection: str,
    windows: tuple[str, ...] | None,
) -> None:
    """Note in the settings that ``name`` is kept as a column (inside a transaction).

    ``windows`` are the vector fields that get windows of it, maybe none; None leaves them.

    Raises:
        UnknownField: no row has ever had it.
    """
    settings = read_settings(connection)
    known = [r[0] for r in connection.execute("SELECT path FROM known_fields ORDER BY path")]
    if name not in known:
        raise UnknownField(
            f"collection {collection!r}: no row has had a field {name!r}; "
            f"there are {', '.join(known) or 'none'}"
        )
    changed = settings
    if name not in settings.indexed:
        changed = replace(changed, indexed=(*settings.indexed, name))
    if windows is not None:
        every = {**settings.windows, name: windows}
        changed = replace(
            changed, windows={path: chosen for path, chosen in every.items() if chosen}
        )
    if changed != settings:
        _save(connection, changed)


def keep_kinds(connection: sqlite3.Connection, kinds: Iterable[str]) -> None:
    """Note in the settings that these kinds are kept in the cache (inside a transaction)."""
    settings = read_settings(connection)
    kept = tuple(sorted({*settings.kept, *kinds}))
    if kept != settings.kept:
        _save(connection, replace(settings, kept=kept))


def keep_prefixes(
    connection: sqlite3.Connection, ways: Mapping[str, Iterable[PrefixWay]], keep: bool
) -> None:
    """Note that these prefixes of fields are kept, or no longer (inside a transaction)."""
    settings = read_settings(connection)
    changed = dict(settings.prefixes)
    for name, given in ways.items():
        known, given = changed.get(name, ()), tuple(given)
        new = tuple(way for way in given if way not in known)
        changed[name] = (*known, *new) if keep else tuple(way for way in known if way not in given)
    prefixes = {name: kept for name, kept in changed.items() if kept}
    if prefixes != settings.prefixes:
        _save(connection, replace(settings, prefixes=prefixes))


def set_language(connection: sqlite3.Connection, language: str | None) -> None:
    """Take texts apart as those of ``language`` from now on (inside a transaction)."""
    settings = read_settings(connection)
    if language != settings.language:
        _save(connection, replace(settings, language=language))


def set_query_logging(connection: sqlite3.Connection, enabled: bool) -> None:
    """Switch the log on or off; off also empties it (inside a transaction)."""
    _save(connection, replace(read_settings(connection), log_queries=enabled))
    if not enabled:
        connection.execute("DELETE FROM queries")


def _save(connection: sqlite3.Connection, settings: Settings) -> None:
    connection.execute("UPDATE state SET settings = ?", (settings.dumps(),))
    commit_number(connection)


def check_fingerprint(encoder: Any, spec: AnyField, field: str, name: str) -> None:
    """Refuse an encoder that is not the one that filled the field.

    Raises:
        EncoderMismatch: names both.
    """
    if encoder.fingerprint != spec.fingerprint:
        filled = spec.fingerprint or "vectors that the rows brought"
        raise EncoderMismatch(
            f"collection {name!r}, field {field!r} was filled by {filled}; got encoder "
            f"{encoder.fingerprint}. Vectors of two encoders cannot be compared: use the first, "
            "or make a new field or collection"
        )
