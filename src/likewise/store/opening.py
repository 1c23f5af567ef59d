"""``create``, ``open`` and ``restore``: from a path to a `Collection`."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from likewise._arguments import check_number, suggest_arguments
from likewise._arrays import sync_directory
from likewise.encode import Encoder
from likewise.errors import (
    CollectionExists,
    CollectionNotFound,
    EncoderMismatch,
    InvalidType,
    NotACollection,
    StorageFailed,
)
from likewise.index import CostModel
from likewise.store.collection import Collection
from likewise.store.database import FILE_NAME, Database, new_database
from likewise.store.describe import check_fingerprint
from likewise.store.maintenance import CACHE
from likewise.store.schema import create_tables
from likewise.store.settings import AnyField, Settings, make_settings
from likewise.store.view import read_settings

#: An encoder, given itself or by its name, or one a field; each kind of field has its own.
Encoders = Any

#: Seconds that a second writer waits for the first.
TIMEOUT = 5.0


@suggest_arguments
def create(
    path: str | os.PathLike[str],
    *,
    encoder: str | Encoder | None = None,
    dim: int | None = None,
    metric: str | None = None,
    nested: bool | None = None,
    fields: Mapping[str, AnyField] | None = None,
    recall: float = 0.95,
    log_queries: bool = False,
    random_state: int = 0,
    language: str | None = "english",
    timeout: float = TIMEOUT,
    costs: CostModel | None = None,
) -> Collection:
    """Make a new collection in the directory ``path``.

    Args:
        path: a directory that does not exist yet, or is empty; ``name.likewise`` by custom.
        encoder: turns texts to vectors: a name such as ``"minilm"``, or an `Encoder`.
        dim: numbers a vector has, when rows bring vectors themselves.
        metric: see `likewise.metrics`; the encoder's own, or cosine, when left out.
        nested: whether the first numbers of vectors tell the most (Matryoshka), for searches by
            ``dims=``; the encoder's own word, or False, when left out.
        fields: the long form: several named `VectorField`, `SparseField`, `BagField` or
            `GaussianField`. The short form makes one `VectorField`, "dense".
        recall: the share of the true neighbours that a search aims at when it is not told.
        log_queries: keep the vectors of recent queries (the last 256 a field of dense vectors), to
            measure recall with them too. `compact` forgets them.
        random_state: seeds the graphs.
        language: of the texts, for ``using="lexical"``: a name of `likewise.encode.terms`, or
            None to cut no word to its stem. `Collection.index_text` changes it.
        timeout: seconds to wait for another process that writes.
        costs: the planner's constants; None has them measured on this machine when a graph
            is built, and keeps them with it.

    Returns:
        The collection, open for writing.

    Raises:
        CollectionExists: there is one already (use ``open``).
        NotACollection: the directory holds something else.
        InvalidArgument, InvalidType, UnknownMetric, UnknownEncoder: an impossible setting.

    Example:
        >>> import likewise as lw
        >>> with lw.create("words.likewise", dim=2) as col:
        ...     _ = col.add([{"id": "up", "vector": [0, 1]}, {"id": "right", "vector": [1, 0]}])
        ...     col.search([0.1, 0.9], k=1).ids
        ['up']
    """
    where = _path(path)
    settings = make_settings(
        dim=dim,
        metric=metric,
        nested=nested,
        encoder=encoder,
        fields=fields,
        recall=recall,
        log_queries=log_queries,
        random_state=random_state,
        language=language,
    )
    seconds = check_number("timeout", timeout)
    _check_costs(costs)
    _refuse_occupied(where)
    _lay_out(where, settings)
    return _collection(where, False, seconds, _instances(encoder, fields), costs)


@suggest_arguments
def open(
    path: str | os.PathLike[str],
    *,
    read_only: bool = False,
    encoder: Encoders = None,
    timeout: float = TIMEOUT,
    costs: CostModel | None = None,
) -> Collection:
    """Open the collection in ``path``.

    Any number of processes may have it open. The first write takes the writer's lock, which
    is kept until ``close``.

    Args:
        path: its directory.
        read_only: refuse to write.
        encoder: needed only when the collection was made with an `Encoder` of your own: that
            encoder, or a dict of vector field to encoder.
        timeout: seconds to wait for another process that writes.
        costs: as in ``create``.

    Raises:
        CollectionNotFound: nothing there (use ``create``).
        NotACollection: something else is there.
        NewerFormat, CorruptCollection: it cannot be read.
        EncoderMismatch: ``encoder`` is not the one that filled the field.

    Cost: some milliseconds; files are mapped, not read.

    Example:
        >>> import likewise as lw
        >>> lw.create("c.likewise", dim=2).close()
        >>> with lw.open("c.likewise", read_only=True) as col:
        ...     len(col)
        0
        >>> lw.open("nothing.likewise")
        Traceback (most recent call last):
        ...
        likewise.errors.CollectionNotFound: there is no collection at ...
    """
    where = _path(path)
    if not isinstance(read_only, bool):
        raise InvalidType(f"read_only must be True or False; got {read_only!r}")
    if not where.exists():
        raise CollectionNotFound(f"there is no collection at {where}; make one with create")
    if not where.is_dir() or not (where / FILE_NAME).is_file():
        raise NotACollection(f"{where} holds no collection (there is no {FILE_NAME} in it)")
    return _collection(where, read_only, check_number("timeout", timeout), encoder, costs)


@suggest_arguments
def restore(snapshot: str | os.PathLike[str], path: str | os.PathLike[str]) -> Collection:
    """A new collection at ``path`` from a snapshot, which stays as it is; opened for writing.

    Raises:
        CollectionNotFound, NotACollection, CorruptCollection: of the snapshot.
        CollectionExists: ``path`` is there already.

    Cost: the bytes of the snapshot, read and written once.

    Example:
        >>> import likewise as lw
        >>> with lw.create("c.likewise", dim=2) as col:
        ...     copy = col.snapshot("monday.likewise")
        >>> len(lw.restore("monday.likewise", "again.likewise"))
        0
    """
    target = _path(path)
    with open(snapshot, read_only=True) as source:
        source.copy_to(target)
    return open(target)


def _path(path: str | os.PathLike[str]) -> Path:
    if not isinstance(path, (str, os.PathLike)):
        raise InvalidType(f"path must be a string or a Path; got {type(path).__name__}")
    return Path(path).expanduser().absolute()


def _refuse_occupied(path: Path) -> None:
    if (path / FILE_NAME).exists():
        raise CollectionExists(f"there is a collection at {path} already; use open")
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise NotACollection(f"{path} holds something else; give an empty or a new directory")


def _lay_out(path: Path, settings: Settings) -> None:
    """Everything aside, then one rename: a collection is there whole, or not at all."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(aside, ignore_errors=True)
        (aside / CACHE).mkdir(parents=True)
        connection = new_database(aside / FILE_NAME)
        try:
            connection.execute("BEGIN IMMEDIATE")
            create_tables(connection, settings)
            connection.execute("COMMIT")
        finally:
            connection.close()
        sync_directory(aside)
        try:
            os.rename(aside, path)
        except OSError:
            _refuse_occupied(path)  # somebody was faster
            raise
        sync_directory(path.parent)
    except (OSError, sqlite3.Error) as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise StorageFailed(f"cannot make a collection at {path}: {error}") from error
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def _instances(encoder: str | Encoder | None, fields: Mapping[str, AnyField] | None) -> Encoders:
    if fields is None:
        return encoder
    return {name: field.encoder for name, field in fields.items() if field.encoder is not None}


def _collection(
    path: Path,
    read_only: bool,
    timeout: float,
    encoder: Encoders,
    costs: CostModel | None,
) -> Collection:
    _check_costs(costs)
    database = Database(path / FILE_NAME, read_only=read_only, name=path.name)
    try:
        with database.read() as connection:
            settings = read_settings(connection)
        given = _checked_encoders(encoder, settings, path.name)
        return Collection(path, database, given, timeout, costs)
    except BaseException:
        database.close()
        raise


def _check_costs(costs: object) -> None:
    if costs is not None and not isinstance(costs, CostModel):
        raise InvalidType(f"costs must be a CostModel or None; got {type(costs).__name__}")


def _checked_encoders(encoder: Encoders, settings: Settings, name: str) -> dict[str, Any]:
    if encoder is None:
        return {}
    if not isinstance(encoder, Mapping):
        encoder = {settings.default_field: encoder}
    checked: dict[str, Any] = {}
    for field, given in encoder.items():
        if field not in settings.fields:
            raise EncoderMismatch(
                f"collection {name!r} has no vector field {field!r}; "
                f"there are {', '.join(settings.fields)}"
            )
        checked[field] = settings.fields[field].get_encoder(given)
        check_fingerprint(checked[field], settings.fields[field], field, name)
    return checked
