"""One file of named arrays: checksummed, memory-mapped, replaced whole or not at all.

Layout: 8 bytes magic, 8 bytes little-endian length of the header, 4 bytes CRC-32 of the
header, the header (JSON: format, attributes, and per array its dtype, shape, offset and
CRC-32; and the size of the whole file), then the arrays, each at a multiple of 64 bytes.

A file is written aside, synced and renamed, so a reader sees the old or the new one; it is
never written through a mapping and never cut in place. No pickle.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from likewise.errors import DamagedFile as DamagedFile

MAGIC = b"LKWARRAY"
FORMAT = 1
ALIGNMENT = 64
PREFIX = struct.Struct("<8sQI")


@dataclass(frozen=True, slots=True)
class ArrayFile:
    """What `open_arrays` found: ``attributes`` (plain JSON values) and read-only ``arrays``."""

    attributes: dict[str, Any]
    arrays: dict[str, npt.NDArray[Any]]


def save_arrays(
    path: Path, arrays: Mapping[str, npt.NDArray[Any]], attributes: Mapping[str, Any] | None = None
) -> None:
    """Write ``arrays`` and ``attributes`` to ``path``, atomically and durably.

    Raises:
        OSError: the disk is full or refuses; ``path`` is as it was.
    """
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    header = _header(contiguous, dict(attributes or {}))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with open(temporary, "wb") as file:
            file.write(PREFIX.pack(MAGIC, len(header), zlib.crc32(header)))
            file.write(header)
            for array in contiguous.values():
                file.write(b"\0" * (-file.tell() % ALIGNMENT))
                file.write(array.reshape(-1).view(np.uint8).data if array.size else b"")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_directory(path.parent)


def open_arrays(path: Path) -> ArrayFile:
    """Map the file; checks the size and the header, not every byte (see `verify_arrays`).

    Raises:
        DamagedFile: not such a file, or cut short.
        FileNotFoundError: it is not there.
    """
    header, mapped = _read(path)
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, entry in header["arrays"].items():
        dtype, shape = np.dtype(entry["dtype"]), tuple(entry["shape"])
        count = int(np.prod(shape, dtype=np.int64))
        flat = np.frombuffer(mapped, dtype=dtype, count=count, offset=entry["offset"])
        arrays[name] = flat.reshape(shape)
    return ArrayFile(header["attributes"], arrays)


def verify_arrays(path: Path) -> None:
    """Read every byte and compare the checksums. Cost: one pass over the file.

    Raises:
        DamagedFile: names the first array that is not what was written.
    """
    header, mapped = _read(path)
    view = memoryview(mapped)
    for name, entry in header["arrays"].items():
        found = zlib.crc32(view[entry["offset"] : entry["offset"] + entry["bytes"]])
        if found != entry["crc32"]:
            raise DamagedFile(f"{path}: the bytes of {name!r} are not those that were written")


def sync_directory(path: Path) -> None:
    """Make a rename or removal in ``path`` durable (nothing to do where it is not supported)."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except (PermissionError, IsADirectoryError):  # Windows cannot open directories
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _header(arrays: Mapping[str, npt.NDArray[Any]], attributes: dict[str, Any]) -> bytes:
    entries = {
        name: {
            "dtype": array.dtype.newbyteorder("<").str,
            "shape": list(array.shape),
            "bytes": array.nbytes,
            "crc32": zlib.crc32(array.reshape(-1).view(np.uint8).data if array.size else b""),
        }
        for name, array in arrays.items()
    }
    # The offsets depend on the header's length and the other way round: fix the length first.
    length = 0
    while True:
        offset = PREFIX.size + length
        for entry in entries.values():
            offset += -offset % ALIGNMENT
            entry["offset"] = offset
            offset += int(entry["bytes"])  # type: ignore[call-overload]
        content = {"format": FORMAT, "size": offset, "attributes": attributes, "arrays": entries}
        text = json.dumps(content, allow_nan=False).encode()
        if len(text) <= length:
            return text.ljust(length)
        length = len(text) + 16


def _read(path: Path) -> tuple[dict[str, Any], mmap.mmap]:
    with open(path, "rb") as file:
        try:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:
            raise DamagedFile(f"{path}: the file is empty") from None
    if len(mapped) < PREFIX.size:
        raise DamagedFile(f"{path}: {len(mapped)} bytes are too few for a header")
    magic, length, crc = PREFIX.unpack_from(mapped)
    text = mapped[PREFIX.size : PREFIX.size + length]
    if magic != MAGIC or zlib.crc32(text) != crc:
        raise DamagedFile(f"{path}: the header is not what was written")
    header: dict[str, Any] = json.loads(text)
    if header["format"] != FORMAT:
        raise DamagedFile(f"{path}: format {header['format']}; this version reads {FORMAT}")
    if header["size"] != len(mapped):
        raise DamagedFile(f"{path}: {len(mapped)} bytes of {header['size']} are there")
    return header, mapped
