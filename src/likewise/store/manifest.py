"""``cache/manifest.json``: which cache files are valid, and what each covers.

It is replaced whole, and only after every file it names is safely on disk. ``version`` grows
with each; the database states the least version it still has the tombstones for.
"""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from likewise._arrays import DamagedFile, sync_directory

FILE_NAME = "manifest.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """One sealed segment.

    Attributes:
        number: names its files; never used twice.
        seq: the commit it was read at; later tombstones apply to it.
        first_row, last_row: the row numbers it stands for, whether or not they still live.
        rows: how many rows it holds.
        files: file name to size in bytes.
        columns: indexed metadata path to file name.
        indexes: vector field to file name.
        windows: metadata path to vector field to file name; the first window of a vector field
            is its index too, one file under two names.
        derived: what else is derived of the rows: kind to its identity and file name.
    """

    number: int
    seq: int
    first_row: int
    last_row: int
    rows: int
    files: dict[str, int]
    columns: dict[str, str]
    indexes: dict[str, str]
    windows: dict[str, dict[str, str]] = field(default_factory=dict)
    derived: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The valid segments, in the order of their rows, as of commit ``seq``.

    ``identity`` is that of the database whose rows they hold.
    """

    identity: str = ""
    version: int = 0
    seq: int = 0
    segments: tuple[SegmentEntry, ...] = ()

    @property
    def last_row(self) -> int:
        """Rows with higher numbers are in no segment."""
        return self.segments[-1].last_row if self.segments else 0

    @property
    def files(self) -> set[str]:
        """Every file that is named."""
        return {name for segment in self.segments for name in segment.files}


def read_manifest(cache: Path) -> Manifest | None:
    """The manifest in ``cache``; None when there is none.

    Raises:
        DamagedFile: it is not what was written.
    """
    try:
        text = (cache / FILE_NAME).read_text()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedFile(f"{cache / FILE_NAME} cannot be read: {error}") from None
    try:
        outer = json.loads(text)
        body: dict[str, Any] = outer["manifest"]
        sound = outer["crc32"] == _checksum(body) and body["format"] == FORMAT
        if not sound:
            raise ValueError
        segments = tuple(SegmentEntry(**entry) for entry in body["segments"])
        return Manifest(body["identity"], body["version"], body["seq"], segments)
    except (ValueError, KeyError, TypeError):
        raise DamagedFile(f"{cache / FILE_NAME} is not what was written") from None


def write_manifest(cache: Path, manifest: Manifest) -> None:
    """Replace the manifest, durably: aside, synced, renamed."""
    body = json.loads(json.dumps({"format": FORMAT, **asdict(manifest)}))
    temporary = cache / f".{FILE_NAME}.{os.getpid()}.new"
    with open(temporary, "w") as file:
        json.dump({"crc32": _checksum(body), "manifest": body}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, cache / FILE_NAME)
    sync_directory(cache)


def _checksum(body: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(body, sort_keys=True).encode())
