"""All benchmarks by name, in the order they run; the command line and the report read it."""

from __future__ import annotations

from benchmarks import (
    class_means,
    cold_start,
    convolutions,
    filtered_search,
    graph_search,
    index_families,
    ingest,
    kernel_ridge,
    label_errors,
    lexical_search,
    memory,
    neighbor_graph,
    neighbors,
    ntk,
    outliers,
    planner_regret,
    search_overhead,
    window_search,
)
from benchmarks.protocol import Benchmark

BENCHMARKS: dict[str, Benchmark] = {
    benchmark.name: benchmark
    for benchmark in (
        search_overhead.BENCHMARK,
        filtered_search.BENCHMARK,
        ingest.BENCHMARK,
        cold_start.BENCHMARK,
        memory.BENCHMARK,
        planner_regret.BENCHMARK,
        graph_search.BENCHMARK,
        index_families.BENCHMARK,
        window_search.BENCHMARK,
        lexical_search.BENCHMARK,
        kernel_ridge.BENCHMARK,
        ntk.BENCHMARK,
        convolutions.BENCHMARK,
        neighbors.BENCHMARK,
        outliers.BENCHMARK,
        neighbor_graph.BENCHMARK,
        class_means.BENCHMARK,
        label_errors.BENCHMARK,
        class_means.BENCHMARK,
        neighbors.BENCHMARK,
    )
}
