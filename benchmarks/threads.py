"""One thread each, for us and for every peer, said before any library is loaded."""

from __future__ import annotations

import os

#: What the libraries at work here read when they are loaded.
VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "TOKIO_WORKER_THREADS",
    "LANCE_CPU_THREADS",
)


def pin(threads: int) -> None:
    """Allow so many threads; call it before numpy is imported (child processes inherit it)."""
    for name in VARIABLES:
        os.environ[name] = str(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def pinned() -> str:
    """What is in force, for the report."""
    return os.environ.get(VARIABLES[0], "not pinned")
