"""Small coded spaces of every kind, and the graphs in them, for tests of the kernels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import numpy as np

from likewise.index import _among, _hops, _net, _part_links, _plain, _walking, _windows
from likewise.index._codes import Codes
from likewise.index._net import Net
from likewise.index._rows import summarise
from likewise.metrics import resolve

#: A metric and codes. With float32 codes the rows are small whole numbers, whose sums and
#: squares are the same in whatever order a kernel adds them.
BYTES = [
    (metric, codes) for codes in ("8-bit", "4-bit") for metric in ("euclidean", "cosine", "dot")
]
FLOATS = [
    (metric, "float32")
    for metric in ("sqeuclidean", "manhattan", "chebyshev", "hamming", "jaccard")
]
KINDS = BYTES + FLOATS


def make_rows(codes: str, count: int, dim: int, seed: int = 0) -> Any:
    """(count, dim) float32; whole numbers from 0 to 3 for float32 codes."""
    rng = np.random.default_rng(seed)
    if codes == "float32":
        return rng.integers(0, 4, (count, dim)).astype(np.float32)
    return rng.standard_normal((count, dim)).astype(np.float32)


def make_codes(metric: str, codes: str, rows: Any) -> Codes:
    """The rows as codes."""
    made = Codes(resolve(metric), rows.shape[1], codes, summarise(rows))
    made.append(rows)
    return made


@contextmanager
def plain_loops() -> Iterator[None]:
    """Nets, parts, walkers and windows used inside run plain loops instead of kernels."""
    with ExitStack() as stack:
        for module in (_among, _hops, _net, _part_links, _walking, _windows):
            stack.enter_context(mock.patch.object(module, "loops", _plain.functions))
        yield


def make_net(codes: Codes, rows: Any, *, degree: int = 6, effort: int = 24, jobs: int = 1) -> Net:
    """A graph over all the rows, in order."""
    net = Net(codes, degree, effort)
    with mock.patch.object(_net, "SMALLEST_BATCH", 40):
        net.insert(rows, np.arange(len(rows)), jobs)
    return net
