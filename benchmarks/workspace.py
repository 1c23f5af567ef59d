"""A folder for what a run builds; a collection built for one benchmark serves the next."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import Data, generate

BATCH = 1000


@dataclass(frozen=True, slots=True)
class Workspace:
    """``root`` is an existing folder; whoever made it removes it."""

    root: Path

    def fresh(self, name: str) -> Path:
        """A path under the folder where nothing is."""
        path = self.root / name
        shutil.rmtree(path, ignore_errors=True)
        return path

    def built(self, name: str, build: Callable[[Path], None]) -> Path:
        """What ``build`` leaves at a path, once a folder; half-built ones are built anew."""
        path, done = self.root / name, self.root / f"{name}.done"
        if not done.exists():
            build(self.fresh(name))
            done.touch()
        return path

    def forget(self, name: str) -> None:
        """Let `built` build it anew."""
        (self.root / f"{name}.done").unlink(missing_ok=True)

    def collection(self, rows: int, random_state: int) -> tuple[Path, Data]:
        """A sealed collection of generated rows, with ``year``, ``lang``, ``price`` indexed."""
        import likewise as lw

        data = generate(rows, random_state)

        def build(path: Path) -> None:
            with lw.create(path, dim=data.vectors.shape[1]) as collection:
                for start in range(0, rows, BATCH):
                    collection.add(data.rows(start, start + BATCH))
                for field in ("year", "lang", "price"):
                    collection.index_field(field)
                collection.compact()  # one segment, whatever the sealing in between did

        return self.built(f"{rows}-{random_state}.likewise", build), data

    def peer_store(self, name: str, data: Data, random_state: int) -> Path:
        """A peer's folder with all rows of ``data``, indexed."""
        from benchmarks.peers import STORES

        def build(path: Path) -> None:
            store = STORES[name](path)
            for start in range(0, len(data), BATCH):
                store.add(store.prepare(data, start, start + BATCH))
            store.finish()
            store.close()

        return self.built(f"{name}-{len(data)}-{random_state}", build)
