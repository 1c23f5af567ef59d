"""The loops of a graph in plain numpy: slow, obvious, and for any metric.

For each kernel that Python calls there is a function of the same name here, with the same
arguments and results; those that compare rows also take the metric. They serve metrics that
no kernel was written for, and show in tests what the kernels ought to do: with 8-bit codes,
where sums are of whole numbers, links and answers are the same to the last bit. With float32
codes a kernel may add the squares of a row in another order, and round differently.
"""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

from likewise.index._plain.among import scan_among
from likewise.index._plain.hops import walk_among
from likewise.index._plain.link import insert, join, mend
from likewise.index._plain.parts import merged_parts, smallest_parts
from likewise.index._plain.reach import connect, reach
from likewise.index._plain.search import search
from likewise.index._plain.window import search_windows
from likewise.metrics import Metric


def functions(metric: Metric) -> SimpleNamespace:
    """In the place of `likewise.index._compiled.kernels`, for rows compared by ``metric``.

    Example:
        >>> from likewise.metrics import resolve
        >>> sorted(vars(functions(resolve("euclidean"))))
        ['among', 'hops', 'link', 'parts', 'reach', 'search', 'window']
    """
    return SimpleNamespace(
        among=SimpleNamespace(scan_among=partial(scan_among, metric=metric)),
        hops=SimpleNamespace(walk_among=partial(walk_among, metric=metric)),
        link=SimpleNamespace(
            insert=partial(insert, metric=metric),
            join=partial(join, metric=metric),
            mend=partial(mend, metric=metric),
        ),
        parts=SimpleNamespace(
            smallest_parts=partial(smallest_parts, metric=metric),
            merged_parts=partial(merged_parts, metric=metric),
        ),
        reach=SimpleNamespace(reach=reach, connect=connect),
        search=SimpleNamespace(search=partial(search, metric=metric)),
        window=SimpleNamespace(search_windows=partial(search_windows, metric=metric)),
    )
