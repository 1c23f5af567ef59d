"""Peers behind one protocol, and which of them are installed here."""

from __future__ import annotations

from importlib.util import find_spec

from benchmarks.peers.base import Store
from benchmarks.peers.chroma import Chroma
from benchmarks.peers.lance import Lance
from benchmarks.peers.likewise_store import Likewise
from benchmarks.peers.sqlite import Sqlite

#: Stores that keep rows and search them, ours first.
STORES: dict[str, type[Store]] = {store.name: store for store in (Likewise, Lance, Chroma)}
#: The bare baseline of durable writing; it cannot search.
BARE: type[Store] = Sqlite


def installed(stores: dict[str, type[Store]]) -> dict[str, type[Store]]:
    """Those whose package is there."""
    return {name: store for name, store in stores.items() if find_spec(store.package)}
