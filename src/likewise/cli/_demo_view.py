"""How the demo looks: progress and steps on stderr, answers on stdout."""

from __future__ import annotations

import shlex
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from likewise.results import Hit, Results

PLAIN_EVERY = 5.0  # seconds between plain lines, where there is no terminal to draw a bar on
SHOWN = 130  # characters of a hit's text


#: Called with how much is done, and of how much.
Advance = Callable[[int, int], None]


class View:
    """Prints the demo.

    Args:
        out: where answers go.
        err: where steps and progress go; a bar is drawn on a terminal only.
    """

    def __init__(self, out: Console | None = None, err: Console | None = None) -> None:
        self.out = out or Console(highlight=False, soft_wrap=True)
        self.err = err or Console(stderr=True, highlight=False, soft_wrap=True)

    def step(self, text: str) -> None:
        self.err.print(f"[bold cyan]•[/] {escape(text)}")

    @contextmanager
    def progress(self, label: str) -> Iterator[Advance]:
        """A bar with the time left, or a plain line every few seconds."""
        if not self.err.is_terminal:
            yield self._plain(label)
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        columns = ("  {task.description}", BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeRemainingColumn(), console=self.err, transient=True) as bar:
            task = bar.add_task(label, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    def _plain(self, label: str) -> Advance:
        start = last = time.perf_counter()

        def advance(done: int, total: int) -> None:
            nonlocal last
            now = time.perf_counter()
            if 0 < done < total and now - last >= PLAIN_EVERY:
                last = now
                left = (now - start) / done * (total - done)
                self.err.print(f"  {label}: {done:,} of {total:,}, about {left:.0f} s left")

        return advance

    def answer(
        self, query: str, where: str | None, results: Results, seconds: float, rows: int
    ) -> None:
        """One question, its hits with scores, and how they were found."""
        condition = f"   [dim]where[/] {escape(where)}" if where else ""
        self.out.print(f"\n[bold]? {escape(query)}[/]{condition}")
        for hit in results:
            self.out.print(
                f"  [green]{hit.score:.3f}[/]  [bold]{escape(str(hit.id))}[/]  {_facts(hit)}"
            )
            self.out.print(f"         {escape(_summary(hit, self._room(9)))}")
        if not len(results):
            self.out.print("  nothing passes the filter")
        info = results.info
        plan = f"plan: {info.strategy}, {info.reason}"
        for line in textwrap.wrap(plan, self._room(6), subsequent_indent="    "):
            self.out.print(f"  [dim]{escape(line)}[/]")
        self.out.print(
            f"  [dim]recall {info.recall:.3f} · {info.matching:,} of {rows:,} rows match · "
            f"{info.scanned:,} distances · {seconds * 1e3:.0f} ms with encoding the question[/]"
        )

    def _room(self, indent: int) -> int:
        """Characters that fit a line of the terminal; a file has room for a long line."""
        width = self.out.width if self.out.is_terminal else SHOWN + indent
        return max(40, width - indent)

    def what_next(self, path: str, rows: int) -> None:
        """What to type now."""
        self.out.print(f"\n[bold]{rows:,} objects are in {escape(path)}. Ask your own:[/]")
        for line in next_commands(path):
            self.out.print(f"  {escape(line)}")


def next_commands(path: str) -> list[str]:
    """Commands that go on from the demo; they run as they stand."""
    place = shlex.quote(path)
    filtered = '"smooth a noisy signal" --where "package = \'scipy\'" --explain'
    return [
        f'likewise search {place} "read a file line by line"',
        f"likewise search {place} {filtered}",
        f"likewise info {place}",
    ]


def _facts(hit: Hit) -> str:
    facts: dict[str, Any] = hit.metadata
    parts = [str(facts.get("kind", "")), str(facts.get("package", ""))]
    if "lines" in facts:
        parts.append(f"{facts['lines']} lines")
    return f"[dim]{escape(' · '.join(part for part in parts if part))}[/]"


def _summary(hit: Hit, room: int) -> str:
    text = (hit.text or "").partition(": ")[2]
    length = min(room, SHOWN)
    return text if len(text) <= length else text[: length - 1].rsplit(" ", 1)[0] + " …"
