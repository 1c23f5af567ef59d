"""SVS: Intel's Vamana graph over two-level LVQ codes, the fastest peer in sight."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.data import FloatRows
from benchmarks.peers.engines.base import LENGTHS, Engine, Ids

DEGREE, ALPHA, WINDOW, POOL = 64, 1.2, 128, 80
PADDING = 32


class SvsVamana(Engine):
    """LVQ4x8: 4 bits to walk by, 8 more to rank again."""

    name, package = "SVS LVQ4x8", "svs"
    note = (
        f"SVS: Vamana of degree {DEGREE} (window {WINDOW}, alpha {ALPHA}) over LVQ4x8, turbo; "
        "efforts are the window and the candidates kept for ranking again, once or twice as many."
    )

    @property
    def efforts(self) -> Sequence[Any]:
        return [(window, window * times) for window, times in product(LENGTHS, (1, 2))]

    def build(self, rows: FloatRows, threads: int) -> None:
        import svs

        parameters = svs.VamanaBuildParameters(
            graph_max_degree=DEGREE,
            alpha=ALPHA,
            window_size=WINDOW,
            max_candidate_pool_size=POOL,
        )
        with TemporaryDirectory(prefix="svs-") as folder:  # it compresses files only
            path = str(Path(folder) / "rows.fvecs")
            svs.write_vecs(rows, path)
            loader = svs.VectorDataLoader(path, svs.DataType.float32, dims=rows.shape[1])
            codes = svs.LVQLoader(
                loader, primary=4, residual=8, strategy=svs.LVQStrategy.Turbo, padding=PADDING
            )
            # Over rows of unit length the euclidean distance ranks as the cosine does.
            self._index: Any = svs.Vamana.build(
                parameters, codes, distance_type=svs.DistanceType.L2, num_threads=threads
            )

    def save(self, folder: Path) -> None:
        self._index.save(*(str(folder / part) for part in ("config", "graph", "data")))

    def load(self, folder: Path, rows: FloatRows) -> None:
        import svs

        codes = svs.LVQLoader(str(folder / "data"), strategy=svs.LVQStrategy.Turbo, padding=PADDING)
        graph = svs.GraphLoader(str(folder / "graph"))
        self._index = svs.Vamana(
            str(folder / "config"), graph, codes, svs.DistanceType.L2, num_threads=1
        )

    def set_effort(self, effort: tuple[int, int]) -> None:
        import svs

        parameters = self._index.search_parameters
        parameters.buffer_config = svs.SearchBufferConfig(*effort)
        self._index.search_parameters = parameters

    def search(self, queries: FloatRows, k: int) -> Ids:
        found: Ids = self._index.search(queries, k)[0]
        return found

    def search_one(self, query: FloatRows, k: int) -> Ids:
        found: Ids = self._index.search(query, k)[0][0]
        return found
