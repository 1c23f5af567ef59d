"""Long work: a bar with an estimate on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

_SECONDS_BETWEEN_LINES = 5.0


class Bar:
    """Shows how far some work is, on stderr.

    Args:
        label: what is being done: ``"import papers.csv"``.
        quiet: show nothing.
    """

    def __init__(self, label: str, *, quiet: bool = False) -> None:
        self.label, self.quiet = label, quiet
        self._bar: Any = None
        self._task: Any = None
        self._started = self._spoken = time.monotonic()

    def __enter__(self) -> Bar:
        if not self.quiet and sys.stderr.isatty():
            self._bar = _rich_bar()
            self._bar.start()
            self._task = self._bar.add_task(self.label, total=None, amount="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def steps(self, done: int, total: int | None = None) -> None:
        """``done`` of ``total`` steps are through."""
        self.share(done, done / total if total else None)

    def count(self, done: int) -> None:
        """``done`` rows are through, of nobody knows how many."""
        self.share(done, None)

    def share(self, done: int, fraction: float | None) -> None:
        """``done`` rows are through, which is ``fraction`` of all."""
        if self._bar is not None:
            total = None if fraction is None else 1.0
            self._bar.update(self._task, completed=fraction or 0, total=total, amount=f"{done:,}")
        elif self._is_worth_a_line(done):
            self._spoken = time.monotonic()
            print(self._line(done, fraction), file=sys.stderr)

    def _is_worth_a_line(self, done: int) -> bool:
        if self.quiet or done == 0:  # what must come first speaks for itself
            return False
        return time.monotonic() - self._spoken >= _SECONDS_BETWEEN_LINES

    def _line(self, done: int, fraction: float | None) -> str:
        if not fraction:
            return f"{self.label}: {done:,}"
        left = (time.monotonic() - self._started) * (1 / fraction - 1)
        return f"{self.label}: {done:,} ({fraction:.0%}), about {left:.0f} s left"


def _rich_bar() -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[amount]}", markup=False),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
