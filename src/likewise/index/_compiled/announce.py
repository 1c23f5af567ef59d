"""A word on stderr when search kernels are compiled, or waited for, longer than a moment."""

from __future__ import annotations

import sys
import time

#: Shorter work is not worth a word; longer work gets one more so often.
MOMENT_SECONDS, AGAIN_SECONDS = 1.0, 5.0
COMPILING = (
    "likewise: compiling search kernels for this machine, once: about a minute "
    "(`likewise warm` does it ahead)"
)
WAITING = "likewise: waiting for another process that compiles the search kernels"


class Announcer:
    """Says what lasts, and how far it is.

    Args:
        quiet: say nothing at all.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._started = self._spoken = time.monotonic()
        self._said, self._quiet = set[str](), quiet

    def compiling(self, done: int, total: int) -> None:
        """To be called between two pieces of work, of which ``done`` are through."""
        if self._notice(COMPILING) or done == 0:
            return
        if not self._quiet and time.monotonic() - self._spoken >= AGAIN_SECONDS:
            self._say(f"likewise: {done} of {total} search kernels are there")

    def waiting(self) -> None:
        """To be called now and then while another process works."""
        self._notice(WAITING)

    def _notice(self, text: str) -> bool:
        lasted = time.monotonic() - self._started >= MOMENT_SECONDS
        wanted = lasted and not self._quiet and text not in self._said
        if wanted:
            self._said.add(text)
            self._say(text)
        return wanted

    def _say(self, text: str) -> None:
        self._spoken = time.monotonic()
        print(text, file=sys.stderr)
