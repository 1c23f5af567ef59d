"""``writer.lock``: one writing process at a time.

The lock is the operating system's (`flock`), so it vanishes with its holder, however that
ends; the pid in the file is there only for the message.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

from likewise.errors import CollectionLocked, StorageFailed
from likewise.store.forking import watch

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

POLL_SECONDS = 0.02


class WriterLock:
    """Held from the first write of a process until the collection is closed.

    Args:
        path: the lock file.
        timeout: seconds to wait for another writer before `CollectionLocked`.
    """

    def __init__(self, path: Path, timeout: float) -> None:
        self.path = path
        self.timeout = timeout
        self._descriptor: int | None = None
        self._pid = os.getpid()
        watch(self)

    @property
    def held(self) -> bool:
        """Whether this process holds it (a forked child does not)."""
        return self._descriptor is not None and self._pid == os.getpid()

    def acquire(self, timeout: float | None = None) -> None:
        """Take the lock; nothing to do when it is held already.

        Raises:
            CollectionLocked: another process kept it for ``timeout`` seconds.
            StorageFailed: the file cannot be opened or written.
        """
        if self.held:
            return
        waited_until = time.monotonic() + (self.timeout if timeout is None else timeout)
        try:
            self._take(waited_until)
        except OSError as error:
            raise StorageFailed(
                f"collection {self.path.parent.name!r}: the writer's lock {self.path} cannot be "
                f"taken ({error}); make it writable, or open with read_only=True"
            ) from error

    def _take(self, waited_until: float) -> None:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            while not _try_lock(descriptor):
                if time.monotonic() >= waited_until:
                    raise self._locked_by_another(descriptor)
                time.sleep(POLL_SECONDS)
            self._sign(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor, self._pid = descriptor, os.getpid()

    def release(self) -> None:
        """Let the next writer in; the file stays, empty."""
        if not self.held or self._descriptor is None:
            return
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)  # closing the last descriptor drops the flock
        self._descriptor = None

    def after_fork(self) -> None:
        """Drop the parent's lock here, or it would outlive the parent in this child."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _sign(self, descriptor: int) -> None:
        owner = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "start": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(owner).encode(), 0)

    def _locked_by_another(self, descriptor: int) -> CollectionLocked:
        try:
            owner = json.loads(os.pread(descriptor, 4096, 0))
        except ValueError:  # between taking the lock and signing it
            owner = {}
        pid = owner.get("pid")
        who = f"process {pid} on {owner['host']}, since {owner['start']}," if pid else "a process"
        if pid == os.getpid():
            who = f"this process ({pid}), through another handle,"
        return CollectionLocked(
            f"collection {self.path.parent.name!r}: {who} is writing to it; waited "
            f"{self.timeout:g} s. Close it there, write from there, or open with read_only=True",
            pid=pid,
        )


def _try_lock(descriptor: int) -> bool:
    if fcntl is None:  # pragma: no cover
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise
    return True
