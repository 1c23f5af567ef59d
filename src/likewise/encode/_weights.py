"""The weights of a safetensors file, mapped and not read: pages come in as they are used.

One short question touches a few rows of the word table, which is half of the file.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]

SAMPLES = 64
SAMPLE_BYTES = 4096


def map_weights(path: Path, prefix: str = "") -> dict[str, Float32Array]:
    """The float32 arrays of ``path`` by name, ``prefix`` taken off.

    The mapping is private (copy on write), so nothing done to an array can reach the file.
    """
    with open(path, "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    header, start = _header(mapped)
    arrays: dict[str, Float32Array] = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            begin, end = entry["data_offsets"]
            flat = np.frombuffer(mapped, "<f4", (end - begin) // 4, start + begin)
            arrays[name.removeprefix(prefix)] = flat.reshape(entry["shape"])
    return arrays


def weights_identity(path: Path) -> bytes:
    """A digest of size, header and 64 samples of 4 kB spread over the file, in a millisecond.

    Training moves every number, so other weights differ in every sample.
    """
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        digest.update(size.to_bytes(8, "little"))
        for i in range(SAMPLES):
            file.seek((size - SAMPLE_BYTES) * i // (SAMPLES - 1) if size > SAMPLE_BYTES else 0)
            digest.update(file.read(SAMPLE_BYTES))
    return digest.digest()


def _header(mapped: mmap.mmap) -> tuple[dict[str, Any], int]:
    """The JSON header (an 8-byte length stands before it) and where the data begin."""
    (length,) = struct.unpack_from("<Q", mapped)
    return json.loads(mapped[8 : 8 + length]), 8 + length
