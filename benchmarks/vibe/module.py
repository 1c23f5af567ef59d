"""Likewise in VIBE; this folder goes to ``vibe/algorithms/likewise``."""

import os

import numpy as np

import likewise as lw

try:
    from ..base.module import BaseANN
except ImportError:  # read where that project is not, as by our tests
    BaseANN = object

#: Its names for metrics, and ours.
METRICS = {"cosine": "cosine", "normalized": "cosine", "euclidean": "euclidean", "ip": "dot"}
#: Rows of noise that are indexed before the clock, so that loops are compiled by then.
WARMING = 1_200


class Likewise(BaseANN):
    """`likewise.index.Graph`, asked for an effort or a recall.

    Args:
        metric: cosine, normalized (cosine over rows of unit length), euclidean or ip.
        dimension: numbers in a row.
        build: keyword arguments of `Graph`.
    """

    def __init__(self, metric, dimension, build=None):
        if metric not in METRICS:
            raise NotImplementedError(f"metric must be one of {', '.join(METRICS)}; got {metric}")
        self._metric, self._build = METRICS[metric], dict(build or {})
        self._asked = {}
        # Compiled loops are kept on disk, once a machine; a container starts without them.
        noise = np.random.default_rng(0).standard_normal((WARMING, dimension), dtype=np.float32)
        self._new().fit(noise).search(noise[0])

    def _new(self):
        # What the container may use, which is less than what the machine has.
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
        return lw.index.Graph(self._metric, n_jobs=threads, **self._build)

    def fit(self, X):
        """Index the rows."""
        self._index = self._new().fit(np.asarray(X, dtype=np.float32))

    def set_query_arguments(self, effort):
        """An effort from 1 on is the length of the list; below, it is the recall aimed at."""
        self._asked = {"recall": effort} if effort < 1 else {"effort": effort}

    def query(self, q, n):
        """The positions of the n nearest of one query."""
        return self._index.search(q, n, **self._asked)[0].ids

    def batch_query(self, X, n):
        """Those of many, with all threads."""
        self.res = self._index.search(X, n, **self._asked).ids

    def get_batch_results(self):
        """What `batch_query` found."""
        return self.res

    def __str__(self):
        settings = {**self._build, **self._asked}
        return f"Likewise({', '.join(f'{name}={value}' for name, value in settings.items())})"
