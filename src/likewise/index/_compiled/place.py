"""Where compiled kernels are kept, and by which name: one folder for all that they depend on.

numba looks only at the file of the function that it loads, not at those of the functions it
calls, nor at settings that change the code. So everything compiled code depends on is
hashed to the name of its folder: when any of it changes, it is another folder.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shutil
import stat
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from pathlib import Path

from likewise.index._compiled.marker import is_complete
from likewise.index._compiled.processor import (
    instruction_set,
    processor_features,
    processor_name,
)

#: The environment variable that names the folder to keep things in.
VARIABLE = "LIKEWISE_CACHE"
#: Settings of numba that do not change the code it makes.
_INDIFFERENT = ("NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS", "NUMBA_DEBUG_CACHE")


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of one set of kernels.

    Attributes:
        folder: where they are; None when nothing can be written anywhere.
        wanted: where they should be.
    """

    folder: Path | None
    wanted: Path

    @property
    def problem(self) -> str:
        """What stands in the way of ``wanted``; empty when it is used."""
        if self.folder == self.wanted:
            return ""
        instead = "are not kept" if self.folder is None else f"are kept in {self.folder} instead"
        return (
            f"compiled kernels cannot be kept in {self.wanted.parent} and {instead}; "
            f"make it writable, or set {VARIABLE} to a folder that is"
        )


@functools.cache
def place_of(package: str) -> Place:
    """The place for the kernels of ``package``, found once a process.

    Cost: reads the sources and the versions (some milliseconds), writes one temporary file.
    """
    return find_place(f"kernels-{fingerprint(package)}")


def find_place(name: str) -> Place:
    """The first folder called ``name`` that can be written: the user's own, or a temporary one.

    A complete folder that cannot be written (an image made ahead, say) is copied to the
    temporary one, since numba refuses a folder that it cannot write to.
    """
    wanted = user_folder() / name
    if writable(wanted):
        return Place(wanted, wanted)
    spare = _private_temporary_folder()
    if spare is None or not writable(spare / name):
        return Place(None, wanted)
    if is_complete(wanted) and not is_complete(spare / name):
        _copy(wanted, spare / name)
    return Place(spare / name, wanted)


def user_folder() -> Path:
    """Where this user's caches of Likewise go: ``LIKEWISE_CACHE``, or the custom of the system."""
    told = os.environ.get(VARIABLE)
    if told:
        return Path(told).expanduser().absolute()
    try:
        home = Path.home()
    except RuntimeError:  # no HOME, and a user whom the system does not know
        home = Path(os.sep)
    if platform.system() == "Darwin":
        return home / "Library" / "Caches" / "likewise"
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(xdg) if os.path.isabs(xdg) else home / ".cache") / "likewise"


def writable(folder: Path) -> bool:
    """Whether a file can be written in ``folder``, which is made if need be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _private_temporary_folder() -> Path | None:
    # Compiled code is run, so a folder that others could have made or may write is no place.
    user = os.getuid() if hasattr(os, "getuid") else 0
    try:
        folder = Path(tempfile.gettempdir()) / f"likewise-{user}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    others_write = stat.S_IMODE(found.st_mode) & 0o022
    mine = stat.S_ISDIR(found.st_mode) and (found.st_uid == user or not hasattr(os, "getuid"))
    return folder if mine and not others_write else None


def _copy(source: Path, target: Path) -> None:
    aside = target.with_name(f"{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        shutil.copytree(source, aside)
        shutil.rmtree(target)  # empty, or left incomplete
        aside.replace(target)
    except OSError:  # another process was faster, or the disk is full: the kernels are compiled
        shutil.rmtree(aside, ignore_errors=True)


# -- the name ------------------------------------------------------------------------


def fingerprint(package: str) -> str:
    """16 hexadecimal digits that change with anything the compiled kernels depend on.

    The sources of ``package`` and where they lie, the versions of Python, numba, llvmlite and
    numpy, the processor, the instruction set, and numba's settings.
    """
    digest = hashlib.sha256()
    for part in _dependencies(package):
        digest.update(f"{len(part)}:".encode())
        digest.update(part)
    return digest.hexdigest()[:16]


def _dependencies(package: str) -> Iterator[bytes]:
    root = resources.files(package)
    yield str(root).encode()  # numba keeps code by the folder of its source
    for name, source in sorted(_sources(root)):
        yield name.encode()
        yield source
    yield sys.version.encode()
    for library in ("numba", "llvmlite", "numpy"):
        yield metadata.version(library).encode()
    yield f"{sys.platform} {platform.machine()}".encode()
    yield processor_name().encode()
    yield ",".join(sorted(processor_features())).encode()
    yield instruction_set().encode()
    for name in sorted(os.environ):
        if name.startswith("NUMBA_") and name not in _INDIFFERENT:
            yield f"{name}={os.environ[name]}".encode()


def _sources(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _sources(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".py"):
            yield prefix + entry.name, entry.read_bytes()
