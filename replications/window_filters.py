"""Nearest rows within a range of labels: a tree of indexes, and filtering before and after.

Every row has a number, a query asks among the rows whose number lies in a window, and windows are
1, 1/2, 1/4, ... of the rows. How much faster at recall 0.95 is a tree of indexes (Engels et al.,
2024), or what we do ourselves, than an exact scan of the window and than a graph of all rows that
is asked for more and more until enough of the answers lie in the window?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmarks.attributed import QUERIES as HELD_OUT
from benchmarks.attributed import AttributedSet, correlated, held_out
from benchmarks.data import generate
from benchmarks.windows import Asked, K, Ordered, exponents, farthest, placed, width
from replications._window_baselines import FACTORS, LONGEST_SHARE
from replications._window_factors import (
    GROUPS,
    Factor,
    Study,
    largest,
    summary_table,
    tables,
)
from replications._window_methods import (
    BASELINES,
    PAPER,
    PRE,
    ROUNDS,
    TARGET,
    measure,
    methods,
)
from replications.protocol import Outcome, Paper, Progress, Replication, Setting, Verdict

ROWS, DIM, QUERIES = 100_000, 64, 200
#: The quick form: parts of 2,048 rows and the whole.
FEW_ROWS, FEW_NUMBERS, FEW_QUERIES = 2_200, 20, 40
FEW_METHODS = ("tree", "super")
PUBLISHED = 75.0
#: Less than this is not called faster.
FASTER = 2.0
#: A call's own time is little beside that of so many distances.
MANY = 2_000


def run(setting: Setting) -> Outcome:
    """Measure both sets, width by width; the second alone when quick."""
    some = slice(1, None) if setting.quick else slice(None)
    return outcome([_study(data, setting) for data in sets(setting)[some]])


def sets(setting: Setting) -> list[AttributedSet]:
    """Clusters with labels drawn at random; and with labels that follow the vectors, asked afar."""
    rows, dim, asked = (ROWS, DIM, QUERIES)
    if setting.quick:
        rows, dim, asked = (FEW_ROWS, FEW_NUMBERS, FEW_QUERIES)
    seed = setting.random_state
    vectors = generate(rows + asked, seed, dim=dim).vectors
    labels = np.random.default_rng([seed, 1]).random(len(vectors))
    random = held_out("random", "labels at random", "cosine", vectors, labels, queries=asked)
    against = correlated(rows + HELD_OUT, dim, seed, ask="elsewhere")
    few = replace(against, queries=against.queries[:asked], own=against.own[:asked])
    return [random, replace(few, name="against", title="labels against the query")]


def _study(data: AttributedSet, setting: Setting) -> Study:
    ordered = Ordered.of(data)
    setting.progress.say(f"{data}: building a window index and a graph")
    paper = FEW_METHODS if setting.quick else PAPER  # each is measured first, in a second or two
    ways = methods(data, ordered, setting.random_state, paper)
    every = exponents(len(data.rows))[: 6 if setting.quick else None]
    measured, sizes = [], {}
    progress = Progress(setting.progress.say)  # its estimate starts with the searches
    for exponent in every:
        asked = _asked(data, ordered, exponent, setting.random_state)
        sizes[exponent] = asked.size
        measured += measure(ways, data, ordered, asked)
        progress.step(len(sizes), len(every), f"{data.title}, windows of {asked.size:,}")
    return Study(data.title, sizes, measured)


def _asked(data: AttributedSet, ordered: Ordered, exponent: int, seed: int) -> Asked:
    """A window of 2^-exponent of the rows for every query, and the true neighbours in it."""
    size = max(1, round(len(data.rows) / 2**exponent))
    first = placed(data, ordered, size, np.random.default_rng([seed, exponent]))
    lows, highs = ordered.numbers[first], ordered.numbers[first + size - 1]
    starts, stops = ordered.span(lows, highs)
    far = farthest(ordered.rows, data.queries, starts, stops)
    count = np.minimum(stops - starts, K)
    return Asked(exponent, size, lows, highs, starts, stops, far, count)


# -- what it says -------------------------------------------------------------------


def outcome(studies: Sequence[Study]) -> Outcome:
    """The verdict by the rule, and all that was measured."""
    times = [largest(study, PAPER, BASELINES, "time") for study in studies]
    counts = [largest(study, PAPER, BASELINES, "distances") for study in studies]
    if any(_times(one) >= PUBLISHED for one in times):
        verdict = Verdict.REPRODUCED
    elif all(_times(one) >= FASTER for one in [*times, *counts]):
        verdict = Verdict.PARTLY
    else:
        verdict = Verdict.NOT_REPRODUCED
    said = "; ".join(
        f"{study.title}, the best of the paper's methods: at most {_of(time)} times as fast as "
        f"the better baseline, with {_of(count)} times fewer distances"
        for study, time, count in zip(studies, times, counts, strict=True)
    )
    return Outcome(
        verdict,
        said,
        "; ".join(_measured(study) for study in studies),
        [summary_table(studies), *(table for study in studies for table in tables(study))],
        _notes(studies),
    )


def _times(factor: Factor | None) -> float:
    return 0.0 if factor is None else factor.times


def _of(factor: Factor | None) -> str:
    if factor is None:
        return "0"
    return f"{factor.times:.1f} ({factor.method} at {width(factor.exponent)})"


def _measured(study: Study) -> str:
    tree = largest(study, GROUPS["tree"], BASELINES, "time")
    ours = largest(study, GROUPS["ours"], BASELINES, "time")
    return (
        f"{study.title}: the tree at most {_times(tree):.1f} times as fast as the better baseline, "
        f"our own way {_times(ours):.1f} times"
    )


def _nanoseconds(studies: Sequence[Study], name: str) -> str:
    """What a method takes for a distance, in wide windows."""
    some = [
        one.seconds / one.computed
        for study in studies
        for exponent, rows in study.sizes.items()
        if rows >= MANY and (one := study.one(name, exponent))
    ]
    return f"{np.median(some) * 1e9:.1f}" if some else "?"


def _notes(studies: Sequence[Study]) -> list[str]:
    rows = max(studies[0].sizes.values())
    return [
        "The paper compares C++ with C++: a tree of Vamana graphs over a million rows and more, "
        "an exact scan in float32, and post-filtering by Vamana. Here the four methods walk "
        "through the links of one `Window` over 8-bit codes; pre-filtering is numpy in float32 "
        "over rows in the order of the number; post-filtering asks our own `Graph`.",
        f"An exact scan takes at most {rows:,} distances here, so that no method can be "
        f"{PUBLISHED:.0f} times as good that needs more than {rows / PUBLISHED:,.0f}; "
        "the factor over it grows with the rows, and the paper had ten times as many and more.",
        f"A distance takes {_nanoseconds(studies, PRE)} ns in pre-filtering, where rows are read "
        f"in order, {_nanoseconds(studies, 'scan')} ns in a scan of codes, and "
        f"{_nanoseconds(studies, 'tree')} ns in a walk by tree, where they are not (medians over "
        f"windows of at least {MANY:,} rows): a walk must save that much first.",
        "Distances are those that walks and scans compute, by codes or floats; beside them every "
        "method ranks a few dozen rows by the exact formula, post-filtering all that it fetched.",
        f"Post-filtering doubles its list until {K} rows are in the window, and all that work "
        f"counts; then asks once more for {', '.join(map(str, FACTORS[1:]))} times as many, where "
        f"recall needs it. Past 1/{1 / LONGEST_SHARE:.0f} of the rows it scans all of them.",
        f"A cell is that of the first setting that finds {TARGET}; it is empty where none does, "
        "and where codes are scanned in place of a walk: in windows of a hundred or two rows and "
        "fewer, by tree and three-split where no part of 2,048 rows fits into the window, and for "
        "`parts` where walks were seen to take longer than scans.",
        f"Times are of batches in one thread with a window for each query, the best of {ROUNDS} in "
        "turn; what else the machine does moves them, but not the distances. Each query draws its "
        "window at random; with labels against the query, at least half as far from its own "
        "number as can be.",
        "Settings: the length of the list; of post-filtering (x) how much longer the last list is; "
        "of the planner (>=) the recall that was asked for.",
    ]


REPLICATION = Replication(
    name="window_filters",
    paper=Paper(
        "Engels, Landrum, Yu, Dhulipala and Shun",
        2024,
        "Approximate Nearest Neighbor Search with Window Filters",
        "ICML",
    ),
    claim="A tree of indexes over parts of the rows in the order of a label answers queries within "
    "a range of labels up to 75 times faster at equal recall than pre-filtering and "
    "post-filtering.",
    rule="reproduced when at some width a method of the paper (tree, postfilter in the smallest "
    "part, three-split, super) is 75 times as fast as the better of pre- and post-filtering at "
    "recall@10 of 0.95; partly when the best of them is at least twice as fast, and with at most "
    "half the distances, on both sets; not reproduced otherwise",
    needs=(),
    run=run,
)
