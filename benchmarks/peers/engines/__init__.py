"""Engines behind one protocol; one joins by a file here and a line in `ENGINES`."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from benchmarks.peers.engines.base import Engine, Ids, label
from benchmarks.peers.engines.faiss_indexes import FaissFastScan, FaissHnsw
from benchmarks.peers.engines.hnsw import Hnswlib
from benchmarks.peers.engines.likewise_graph import Likewise
from benchmarks.peers.engines.pynndescent_index import Pynndescent, QuantizedPynndescent
from benchmarks.peers.engines.svs_vamana import SvsVamana
from benchmarks.peers.engines.usearch_index import Usearch

#: Ours first, then the one that ratios are to.
ENGINES: dict[str, type[Engine]] = {
    engine.name: engine
    for engine in (
        Likewise,
        Hnswlib,
        SvsVamana,
        FaissHnsw,
        FaissFastScan,
        Usearch,
        Pynndescent,
        QuantizedPynndescent,
    )
}
OURS, HNSWLIB = Likewise.name, Hnswlib.name
#: What needs no package beyond our own.
BARE = (OURS, FaissHnsw.name)


def chosen(names: Iterable[str] = (), *, peers: bool = True) -> dict[str, type[Engine]]:
    """The engines that are installed: those named (all without names), or the bare ones.

    Raises:
        ValueError: a name is not in `ENGINES`.
    """
    asked = list(names) or (list(ENGINES) if peers else list(BARE))
    unknown = [name for name in asked if name not in ENGINES]
    if unknown:
        raise ValueError(f"no engine {unknown[0]!r}; there are {', '.join(ENGINES)}")
    return {
        name: engine
        for name, engine in ENGINES.items()
        if name in asked and find_spec(engine.package)
    }


__all__ = ["BARE", "ENGINES", "HNSWLIB", "OURS", "Engine", "Ids", "chosen", "label"]
