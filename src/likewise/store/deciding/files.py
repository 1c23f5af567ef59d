"""The files of neighbour graphs in the cache folder, which no manifest names.

They may be removed at any time, and are then made anew by the next writer who needs them.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from likewise._arrays import DamagedFile, verify_arrays

#: What files end in; the tidying of the cache leaves those alone.
ENDING = ".neighbors"


def paths_of(cache: Path, position: int) -> tuple[Path, Path]:
    """The file of the graph of the field at ``position``, and that of its row numbers."""
    return cache / f"{position}{ENDING}", cache / f"{position}{ENDING}-rows"


def damaged_files(cache: Path) -> list[tuple[str, str]]:
    """The files that are not what was written: name, and what is wrong."""
    found = []
    for path in _files(cache):
        try:
            verify_arrays(path)
        except FileNotFoundError:
            continue
        except (DamagedFile, OSError) as error:
            found.append((path.name, str(error)))
    return found


def remove_files(cache: Path) -> None:
    """All of them."""
    for path in _files(cache):
        with contextlib.suppress(OSError):
            path.unlink()


def _files(cache: Path) -> list[Path]:
    return sorted(cache.glob(f"*{ENDING}*"))
