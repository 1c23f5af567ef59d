"""Loading behind a process that already answers: one thread, and another process to compile.

Compiling is a minute of Python that would slow the searches it serves, and a process that
ends soon would never finish it. So a thread has a process of its own do it, at low priority,
which goes on when this one ends; then the thread loads what was made, which takes moments.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

from likewise.errors import CacheWarning
from likewise.index._compiled.gate import watch
from likewise.index._compiled.library import Library

#: A process that asks once and ends should not begin to load: the thread waits so long first.
HEAD_START_SECONDS = 0.25
#: How long the end of the process waits for a step of the thread. A thread that is inside
#: LLVM while the process takes LLVM down would crash it.
EXIT_SECONDS = 30.0
_POLL_SECONDS = 0.05
_NICE = 5


class Behind:
    """Loads a library in the background, once.

    Args:
        library: what to load.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._stop = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._failure: Exception | None = None
        self._registered = False
        #: The process that compiles, when there is one.
        self.child: subprocess.Popen[bytes] | None = None
        watch(self)

    def after_fork(self) -> None:
        """The parent's thread is not in the child, which may start one of its own."""
        self._starting = threading.Lock()
        self._stop = threading.Event()
        self._thread = None
        self._forget_child()

    def start(self) -> None:
        """Begin, unless it was begun or is not needed. Cost: none to speak of.

        What stands in the way is told by a `CacheWarning` at the next call, once.
        """
        if self._library.ready:
            return
        with self._starting:
            failure, self._failure = self._failure, None
            if self._thread is None:
                self._begin()
        if failure is not None:
            warnings.warn(
                f"the compiled search kernels cannot be loaded ({failure!r}); searches scan "
                "instead; `likewise warm` shows why",
                CacheWarning,
                stacklevel=3,
            )

    @property
    def under_way(self) -> bool:
        """Whether the thread is at it. Cost: none."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    def compile_elsewhere(self) -> None:
        """Have another process compile, unless it was done; for a process that is about to end."""
        working = self.child is not None and self.child.poll() is None
        if not working and not self._library.cached() and self._library.place.folder is not None:
            self._start_child()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the thread; gives whether the kernels are ready."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return self._library.ready

    def _begin(self) -> None:
        self._leave_in_order()
        self._thread = threading.Thread(target=self._run, name="likewise-kernels", daemon=True)
        self._thread.start()

    def _leave_in_order(self) -> None:
        if not self._registered:
            atexit.register(self._leave)
            self._registered = True

    def _leave(self) -> None:
        self._stop.set()
        self.wait(EXIT_SECONDS)
        self._forget_child()

    def _forget_child(self) -> None:
        """It is left to itself on purpose: no warning about that."""
        if self.child is not None and self.child.poll() is None:
            self.child.returncode = 0
        self.child = None

    # -- in the thread ---------------------------------------------------------------

    def _run(self) -> None:
        try:
            if self._stop.wait(HEAD_START_SECONDS):
                return
            self.compile_elsewhere()
            self._wait_for_child()
            self._library.kernels(self._check, quiet=True)
        except _Stopped:
            pass
        except Exception as error:
            self._failure = error

    def _check(self, done: int, total: int) -> None:
        if self._stop.is_set():
            raise _Stopped

    def _start_child(self) -> None:
        command = compiling_command(self._library)
        if command is not None:
            silent = subprocess.DEVNULL
            self.child = subprocess.Popen(
                command, stdin=silent, stdout=silent, stderr=silent, start_new_session=True
            )
            self._leave_in_order()

    def _wait_for_child(self) -> None:
        child = self.child
        while child is not None and child.poll() is None:
            self._check(0, 1)
            time.sleep(_POLL_SECONDS)


class _Stopped(Exception):
    """The process ends."""


def compiling_command(library: Library) -> list[str] | None:
    """The command of a process that compiles ``library``; None when Python cannot be started.

    It finds modules where this process does.
    """
    program = sys.executable
    if not program or not Path(program).is_file() or getattr(sys, "frozen", False):
        return None
    path = [os.path.abspath(entry) for entry in sys.path]
    arguments = (library.package, library.modules)
    code = (
        f"import os, sys; sys.path[:] = {path!r}; hasattr(os, 'nice') and os.nice({_NICE}); "
        "from likewise.index._compiled.library import Library; "
        f"Library(*{arguments!r}).warm()"
    )
    return [program, "-c", code]
