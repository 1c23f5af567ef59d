"""Files written aside, synced, and put in place together when all went well."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

Row = Mapping[str, Any]
#: Called with the rows written so far.
Progress = Callable[[int], None]

_STEP = 1000


class Writing:
    """One export under way: where its files grow, and how many rows have passed.

    As a context it makes a folder beside the target, and at the end either renames what
    was written into place or, after an error, leaves nothing behind.

    Args:
        target: the file to write.
        using: the vector field chosen, if any.
        progress: called with the number of rows so far.
    """

    def __init__(self, target: Path, *, using: str | None, progress: Progress | None) -> None:
        self.target, self.using = target, using
        self.rows = 0
        self.files: list[Path] = []
        self._progress = progress

    def aside(self, target: Path) -> Path:
        """The path to write to for a file that shall be ``target`` in the end."""
        self.files.append(target)
        return self.scratch(target.name)

    def scratch(self, name: str) -> Path:
        """A path for a file that is needed only while writing."""
        return Path(self._folder.name, name)

    def counted(self, rows: Iterable[Row]) -> Iterator[Row]:
        """``rows``, counted and reported as they pass."""
        for row in rows:
            yield row
            self.rows += 1
            if self._progress is not None and self.rows % _STEP == 0:
                self._progress(self.rows)
        if self._progress is not None:
            self._progress(self.rows)

    def __enter__(self) -> Writing:
        # Beside the target: only within one file system is a rename whole or nothing.
        self._folder = tempfile.TemporaryDirectory(
            prefix=f".{self.target.name}.", dir=self.target.parent, ignore_cleanup_errors=True
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        with self._folder:
            if error is None:
                # The named file last: it is what a reader looks for.
                for target in reversed(self.files):
                    _sync(self.scratch(target.name))
                for target in reversed(self.files):
                    self.scratch(target.name).replace(target)
                _sync(self.target.parent)


#: A writer takes the rows and writes them to the files that `Writing` gives it.
Writer = Callable[[Iterable[Row], Writing], None]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
