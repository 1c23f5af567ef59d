"""All benchmarks by name, in the order they run; the command line and the report read it."""

from __future__ import annotations

from benchmarks import (
    cold_start,
    filtered_search,
    ingest,
    memory,
    planner_regret,
    recall_speed,
    search_overhead,
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
        recall_speed.BENCHMARK,
    )
}
