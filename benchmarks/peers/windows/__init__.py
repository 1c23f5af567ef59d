"""Engines that search in windows behind one protocol; one joins by a file here and a line below."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from benchmarks.peers.windows.base import WindowEngine
from benchmarks.peers.windows.doubling import Doubling
from benchmarks.peers.windows.faiss_selector import SelectorHnsw, SelectorIvf
from benchmarks.peers.windows.hnsw_filter import FilterFunction
from benchmarks.peers.windows.lance_prefilter import LancePrefilter
from benchmarks.peers.windows.likewise_window import (
    FAMILY,
    LikewiseParts,
    LikewisePostfilter,
    LikewiseScan,
    LikewiseSuper,
    LikewiseThreeSplit,
    LikewiseTree,
    LikewiseWindow,
)
from benchmarks.peers.windows.paper import (
    PaperOptimised,
    PaperPostfilter,
    PaperPrefilter,
    PaperSuper,
    PaperThreeSplit,
    PaperTree,
)
from benchmarks.peers.windows.scan import SliceScan

#: Ours first.
ENGINES: dict[str, type[WindowEngine]] = {
    engine.name: engine
    for engine in (
        LikewiseWindow,
        LikewiseScan,
        LikewiseParts,
        LikewisePostfilter,
        LikewiseTree,
        LikewiseThreeSplit,
        LikewiseSuper,
        SliceScan,
        Doubling,
        SelectorHnsw,
        SelectorIvf,
        FilterFunction,
        LancePrefilter,
        PaperPrefilter,
        PaperPostfilter,
        PaperTree,
        PaperOptimised,
        PaperThreeSplit,
        PaperSuper,
    )
}
OURS = LikewiseWindow.name
#: What needs no package beyond our own.
BARE = (OURS, SliceScan.name)
#: The two ways to filter without an index for it.
PRE = (SliceScan.name, PaperPrefilter.name)
POST = (Doubling.name, PaperPostfilter.name)


def chosen(names: Iterable[str] = (), *, peers: bool = True) -> list[str]:
    """The engines that are installed: those named (all without names), or the bare ones.

    Raises:
        ValueError: a name is not in `ENGINES`.
    """
    asked = list(names) or (list(ENGINES) if peers else list(BARE))
    unknown = [name for name in asked if name not in ENGINES]
    if unknown:
        raise ValueError(f"no engine {unknown[0]!r}; there are {', '.join(ENGINES)}")
    return [n for n, engine in ENGINES.items() if n in asked and find_spec(engine.package)]


__all__ = ["BARE", "ENGINES", "FAMILY", "OURS", "POST", "PRE", "WindowEngine", "chosen"]
