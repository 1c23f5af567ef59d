"""Our windows beside what others do for a filter: queries a second at 95 % by width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

import likewise as lw
from benchmarks._window_figures import Measured, Size, details, figures
from benchmarks.attributed import SETS, AttributedSet, quick_sets
from benchmarks.building import WARMING
from benchmarks.peers.windows import ENGINES, FAMILY, OURS, WindowEngine, chosen
from benchmarks.plots import can_draw
from benchmarks.protocol import Benchmark, Outcome, Setting
from benchmarks.threads import one_core
from benchmarks.window_plots import WHOLE, WindowPicture, draw, read_pictures, write_pictures
from benchmarks.window_sweep import (
    FEWEST,
    PATIENCE,
    RECALL,
    ROUNDS,
    SECONDS,
    Timed,
    ready,
    sweep,
)
from benchmarks.windows import NARROWEST, K, Ordered, asked
from benchmarks.workspace import Workspace
from likewise.errors import MissingExtra
from replications.data import MissingData

#: While building.
THREADS = 2
PLOTS = Path(__file__).resolve().parents[1] / "docs" / "plots"
POINTS = "window_search.json"


def run(setting: Setting) -> Outcome:
    """Measure set by set; what is built for one is let go before the next."""
    names = chosen(setting.engines, peers=setting.peers)
    missing: list[str] = []
    measured = [_measure(data, names, setting) for data in _sets(setting, missing)]
    return Outcome(
        [figure for one in measured for figure in figures(one)],
        [table for one in measured for table in details(one)],
        [*_notes(names), *missing, *_draw(measured, setting)],
    )


def _sets(setting: Setting, missing: list[str]) -> Iterator[AttributedSet]:
    """The sets asked for, one at a time; ``missing`` gets a line for each that is not there."""
    unknown = [name for name in setting.sets if name not in SETS]
    if unknown:
        raise ValueError(f"no set {unknown[0]!r}; there are {', '.join(SETS)}")
    if setting.quick:
        yield from quick_sets()
        return
    for name in setting.sets or SETS:
        try:
            data = SETS[name]()
        except (MissingData, MissingExtra) as error:
            missing.append(f"{name} was not measured: {error}")
        else:
            yield data


def _measure(data: AttributedSet, names: Sequence[str], setting: Setting) -> Measured:
    ordered, rounds = Ordered.of(data), 2 if setting.quick else ROUNDS
    engines: dict[str, WindowEngine] = {}
    built = {}
    ours = set()
    for i, name in enumerate(names):
        kind = ENGINES[name]
        anew = kind.family == FAMILY and kind.place not in ours  # our own code is what changes
        ours.add(kind.place)
        engines[name], built[name] = ready(name, data, ordered, setting.workspace, THREADS, anew)
        said = f"{data.name}: {name}, {built[name].seconds:.1f} s"
        setting.progress.step(i + 1, len(names), said)
    every = list(asked(data, ordered, setting.workspace, setting.random_state))
    timed: list[Timed] = []
    for i, windows in enumerate(every):
        with one_core():
            whole = windows.exponent in WHOLE
            timed += sweep(engines, windows, rounds=rounds, whole=whole)
        setting.progress.step(i + 1, len(every), f"{data.name}: windows of {windows.size:,}")
    window = graph = None
    if OURS in engines:
        window = Size(built[OURS].seconds, built[OURS].megabytes)
        graph = _graph(data, setting.workspace)
    sizes = {windows.exponent: windows.size for windows in every}
    return Measured(data.name, str(data), sizes, built, timed, window, graph)


def _graph(data: AttributedSet, workspace: Workspace) -> Size:
    """The plain graph of the same rows, built and saved as our window is."""
    path = workspace.fresh(f"{data.name}-graph-beside")
    lw.index.Graph(data.metric, n_jobs=THREADS).fit(data.rows[:WARMING])  # compiled before
    started = perf_counter()
    graph = lw.index.Graph(data.metric, n_jobs=THREADS).fit(data.rows)
    graph.save(path, include_rows=False)
    return Size(perf_counter() - started, path.stat().st_size / 1e6)


def _draw(measured: Sequence[Measured], setting: Setting) -> list[str]:
    """Pictures for the docs, or in the workspace in the quick form; returns what to say of it."""
    folder = setting.workspace.root / "plots" if setting.quick else PLOTS
    pictures = [WindowPicture(one.name, one.title, one.sizes, one.timed) for one in measured]
    before = read_pictures(folder / POINTS) if (folder / POINTS).exists() else []
    others = [old for old in before if old.name not in {new.name for new in pictures}]
    write_pictures([*others, *pictures], folder / POINTS)
    if not can_draw():
        return ["matplotlib is not installed: no pictures were drawn."]
    for picture in pictures:
        draw(picture, folder)
    return []


def _notes(names: Sequence[str]) -> list[str]:
    return [
        f"k = {K}. Windows are 2^0 ... 2^-{NARROWEST} of the rows, as far as one holds a row, "
        "placed at random for each query; in the adversarial set at least half as far from the "
        "query's own number as can be. They are given by values, both bounds inclusive; where "
        "numbers are equal a window holds more rows than its width, for everybody.",
        f"Everybody is built with {THREADS} threads (compiled code compiled before) and searched "
        "in one thread on one core, in batches in which every query has a window of its own.",
        f"A rate is that of an engine's fastest setting that finds {RECALL:.0%}: its settings are "
        "tried, least effort first, and the best of each engine then timed in turn with the "
        f"others' (medians of {ROUNDS} rounds). Who is too slow for all queries is asked as many "
        f"as {SECONDS} s allow, at least {FEWEST}; no harder effort is tried at a width once "
        f"{PATIENCE:g} s are spent.",
        "Recall is the share of the true neighbours, found by an exact scan; a row as near as the "
        "last of them counts as one.",
        "The best single peer is the one with the greatest geometric mean of those that find "
        f"{RECALL:.0%} at every width.",
        *dict.fromkeys(ENGINES[name].note for name in names),
    ]


BENCHMARK = Benchmark("window_search", "How fast is a search in a window, at which width?", run)
