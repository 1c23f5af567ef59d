"""`import_rows`: a file into a collection, in batches, with every bad row named."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol

from likewise._arguments import check_count
from likewise.errors import (
    InvalidArgument,
    InvalidRow,
    InvalidType,
    LikewiseError,
    StorageFailed,
)
from likewise.store._json_values import dump_row, readable
from likewise.store.readers import Columns, Record, read_records, reader_of

#: Called with the rows added so far and the share of the file that has been read.
Progress = Callable[[int, float], None]


class Target(Protocol):
    """What rows are added to: a `Collection`."""

    def add(self, rows: Any, /) -> list[Any]: ...

    def upsert(self, rows: Any, /) -> list[Any]: ...


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What `import_rows` did.

    Attributes:
        added: rows that are now in the collection (replaced ones too).
        rejected: records set aside.
        skipped: records passed over because of ``skip``.
        seconds: wall time.
        rejects: the file with the rejected records, None when there are none.
    """

    added: int
    rejected: int
    skipped: int
    seconds: float
    rejects: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self)


def import_rows(
    collection: Target,
    path: str | Path,
    *,
    id: str | None = None,
    text: str | None = None,
    vector: str | None = None,
    rename: Mapping[str, str | None] | None = None,
    upsert: bool = False,
    batch_size: int = 1000,
    skip: int = 0,
    skip_bad: bool = False,
    rejects: str | Path | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Add the rows of a file, or of a folder of text files, to ``collection``.

    Args:
        collection: an open collection.
        path: a file with a suffix in `READERS`, or a folder of text files.
        id, text, vector: the columns that hold them, where they have other names.
        rename: other columns to other keys; None as the key leaves a column out, and
            ``"vectors.NAME"`` makes a column the vector of the field NAME.
        upsert: replace rows whose id is there already, instead of refusing them; of two
            rows with one id in the file, the later stays.
        batch_size: rows in one commit.
        skip: pass over this many records first: those that an earlier run has added.
        skip_bad: set bad records aside and go on, instead of stopping at the first.
        rejects: the file for them, JSON Lines with ``place``, ``error`` and ``raw``;
            ``PATH.rejects.jsonl`` when None. It is written only when there are any.
        progress: called after each batch with the rows added and the share read, in [0, 1].

    Returns:
        An `ImportReport`.

    Raises:
        InvalidRow: a record that is broken, or that the collection refuses; names file and
            line, says how many rows were added before it and how to go on. The class is
            that of the refusal, such as `DimensionMismatch`.
        InvalidFile: the file as a whole cannot be read.
        InvalidArgument: a named column that the file does not have, or ``rejects`` without
            ``skip_bad``.

    Cost:
        One pass (two for CSV), in the memory of one batch. A batch with a bad row is added
        in halves until the row is found: about log2(batch_size) more commits a bad row.
    """
    started = time.perf_counter()
    check_count("batch_size", batch_size)
    check_count("skip", skip, minimum=0)
    source = Path(path)
    columns = Columns(id=id, text=text, vector=vector, rename=dict(rename or {}))
    if rejects is not None and not skip_bad:
        raise InvalidArgument(
            f"rejects={str(rejects)!r} names the file for bad records, which are set aside only "
            "with skip_bad=True; give both or none"
        )
    reader_of(source)  # refuses a missing or unknown file before anything else happens
    with _Rejects(_rejects_path(source, rejects), skip_bad) as bad:
        run = _Import(collection, columns, upsert, skip, bad)
        for batch in _batches(read_records(source, columns), batch_size):
            run.take(batch)
            if progress is not None:
                progress(run.added, batch[-1].fraction)
    seconds = time.perf_counter() - started
    return ImportReport(run.added, bad.count, run.skipped, seconds, bad.written)


class _Import:
    """One run of `import_rows`: what has been added, and how rows are handed over."""

    def __init__(
        self, collection: Target, columns: Columns, upsert: bool, skip: int, bad: _Rejects
    ) -> None:
        self.write = collection.upsert if upsert else collection.add
        self.columns, self.upsert, self.skip, self.bad = columns, upsert, skip, bad
        self.added = self.skipped = self.seen = 0

    def take(self, batch: Sequence[Record]) -> None:
        if self.seen == 0:
            _check_columns(batch, self.columns)
        fresh = batch[max(self.skip - self.seen, 0) :]
        self.skipped += len(batch) - len(fresh)
        self.seen += len(batch)
        self._add(self._whole(fresh))

    def _whole(self, records: Sequence[Record]) -> list[Record]:
        """The records that hold rows; a broken one is set aside, or stops all that follows."""
        whole: list[Record] = []
        for record in records:
            error = record.error or self._lacks_id(record)
            if error is None:
                whole.append(record)
            elif not self.bad.wanted:
                self._add(whole)
                raise self._stop(record, error)
            else:
                self.bad.put(record, error)
        return whole

    def _lacks_id(self, record: Record) -> InvalidRow | None:
        if self.columns.id is None or (record.row or {}).get("id") is not None:
            return None
        return InvalidRow(f"{record.place}: column {self.columns.id!r} holds no id here")

    def _add(self, records: Sequence[Record]) -> None:
        """Write the records, halving those that are refused until each bad one is alone."""
        if not records:
            return
        try:
            self.write([record.row for record in records])
        except (InvalidArgument, InvalidType) as error:  # anything else is not about a row
            if len(records) > 1:
                middle = len(records) // 2
                self._add(records[:middle])
                self._add(records[middle:])
            elif self.bad.wanted:
                self.bad.put(records[0], error)
            else:
                raise self._stop(records[0], error) from error
        else:
            self.added += len(records)

    def _stop(self, record: Record, error: LikewiseError) -> InvalidRow:
        place = str(record.place)
        text = str(error) if str(error).startswith(place) else f"{place}: {error}"
        kind = type(error) if isinstance(error, InvalidRow) else InvalidRow
        return kind(f"{text}. {self._how_to_go_on(record)}")

    def _how_to_go_on(self, record: Record) -> str:
        if self.added == 0 and self.skipped == 0:
            return "Nothing was added; mend the record, or set bad ones aside with skip_bad=True"
        if record.row is None or "id" in record.row:
            again = "run again with upsert=True, which replaces them by themselves"
        else:  # ids are made anew in each run, so that an upsert would add the rows twice
            again = f"run again with skip={self.added + self.skipped}"
        return (
            f"The {self.added} rows before it in the file were added and stay; mend the record "
            f"and {again}, or set bad ones aside with skip_bad=True"
        )


class _Rejects:
    """The file of rejected records; it comes into being with the first of them."""

    def __init__(self, path: Path, wanted: bool) -> None:
        self.path, self.wanted, self.count = path, wanted, 0
        self._file: IO[str] | None = None

    @property
    def written(self) -> str | None:
        return str(self.path) if self.count else None

    def put(self, record: Record, error: LikewiseError) -> None:
        raw = readable(record.row) if record.raw is None else record.raw
        if isinstance(raw, bytes):
            raw = raw.decode("utf-8", "backslashreplace").rstrip("\r\n")
        line = dump_row({"place": str(record.place), "error": str(error), "raw": raw})
        try:
            if self._file is None:
                self._file = self.path.open("w", encoding="utf-8", errors="backslashreplace")
            self._file.write(line + "\n")
        except OSError as failed:
            raise StorageFailed(f"{self.path}: rejects cannot be written ({failed})") from failed
        self.count += 1

    def __enter__(self) -> _Rejects:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()


def _rejects_path(source: Path, rejects: str | Path | None) -> Path:
    if rejects is not None:
        return Path(rejects)
    return source.with_name(f"{source.name}.rejects.jsonl")


def _batches(records: Iterator[Record], size: int) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for record in records:
        batch.append(record)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _check_columns(batch: Sequence[Record], columns: Columns) -> None:
    """Refuse a named column that no row of the first batch has."""
    rows = [record.row for record in batch if record.row is not None]
    if not rows:
        return
    keys = {key for row in rows for key in (*row, *_field_keys(row))}
    for column, key in columns.named.items():
        if key is not None and key not in keys:
            raise InvalidArgument(
                f"{batch[0].place.file}: expected a column {column!r} to take as {key!r}; "
                f"the rows have {', '.join(sorted(keys)) or 'none'}"
            )


def _field_keys(row: Mapping[str, Any]) -> list[str]:
    fields = row.get("vectors")
    return [f"vectors.{name}" for name in fields] if isinstance(fields, dict) else []
