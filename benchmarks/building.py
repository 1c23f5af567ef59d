"""Engines built with so many threads, and kept in the workspace: how long, and how large."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.data import FloatRows
from benchmarks.peers.engines import ENGINES, OURS, Engine
from benchmarks.vectors import VectorSet
from benchmarks.workspace import Workspace

#: Enough rows for an engine to compile what it must (some take other ways with few).
WARMING = 5_000


@dataclass(frozen=True, slots=True)
class Built:
    """One engine over one set.

    Attributes:
        engine: its name.
        folder: where it was saved.
        seconds: to build, compiled beforehand.
        megabytes: of the files; without the rows where those are mapped beside it.
        now: whether it was built in this run, and not found from an earlier one.
    """

    engine: str
    folder: Path
    seconds: float
    megabytes: float
    now: bool = True


def build(name: str, data: VectorSet, threads: int, workspace: Workspace) -> Built:
    """Build and save; of a peer, also what an earlier run of the same workspace left."""
    fresh = []

    def make(folder: Path) -> None:
        engine = ENGINES[name](data.metric)
        warm(engine, data.rows, threads)
        started = perf_counter()
        engine.build(data.rows, threads)
        seconds = perf_counter() - started
        (folder / "files").mkdir(parents=True)
        engine.save(folder / "files")
        (folder / "built.json").write_text(json.dumps({"seconds": seconds}), encoding="utf-8")
        fresh.append(folder)

    place = f"{data.name}-{name.replace(' ', '-')}-{threads}"
    if name == OURS:  # our own code is what changes between two runs
        workspace.forget(place)
    folder = workspace.built(place, make)
    seconds = json.loads((folder / "built.json").read_text(encoding="utf-8"))["seconds"]
    files = folder / "files"
    size = sum(path.stat().st_size for path in files.rglob("*") if path.is_file())
    return Built(name, files, seconds, size / 1e6, now=bool(fresh))


def warm(engine: Engine, rows: FloatRows, threads: int) -> None:
    """Build a little of it, so that what is compiled once a machine is not in the time."""
    engine.build(rows[:WARMING], threads)


def load(built: Built, data: VectorSet, rows: FloatRows) -> Engine:
    """The engine, ready to be searched; ``rows`` as `keep_rows` maps them."""
    engine = ENGINES[built.engine](data.metric)
    engine.load(built.folder, rows)
    return engine


def keep_rows(data: VectorSet, workspace: Workspace) -> Path:
    """The rows in a file, to be mapped beside an index as a collection maps them."""
    folder = workspace.built(f"{data.name}-rows", lambda path: _write(path, data.rows))
    return folder / "rows.npy"


def map_rows(path: Path) -> FloatRows:
    """The rows, mapped."""
    rows: FloatRows = np.load(path, mmap_mode="r")
    return rows


def _write(folder: Path, rows: FloatRows) -> None:
    folder.mkdir(parents=True)
    np.save(folder / "rows.npy", rows)
