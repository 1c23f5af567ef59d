"""Our graph beside those of others: queries a second by recall, time to build, memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import apart
from benchmarks._graph_figures import Measured, detail, figures
from benchmarks.building import Built, build, keep_rows, load, map_rows
from benchmarks.curves import Point
from benchmarks.peers.engines import ENGINES, HNSWLIB, OURS, chosen
from benchmarks.plots import Picture, can_draw, draw, read_points, write_points
from benchmarks.protocol import Benchmark, Outcome, Setting
from benchmarks.sweep import BATCH, ROUNDS, SINGLES, sweep
from benchmarks.threads import one_core
from benchmarks.vectors import SETS, K, VectorSet, quick_sets
from likewise.errors import InvalidArgument, MissingExtra
from replications.data import MissingData

#: While building.
THREADS = 2
#: What Likewise is told to use where the processor's special instructions are switched off.
KERNELS = ("avx2", "plain")
PLOTS = Path(__file__).resolve().parents[1] / "docs" / "plots"
POINTS = "graph_search.json"


def run(setting: Setting) -> Outcome:
    """Measure set by set; what is built for one is let go before the next."""
    names = list(chosen(setting.engines, peers=setting.peers))
    missing: list[str] = []
    measured = [_measure(data, names, setting) for data in _sets(setting, missing)]
    return Outcome(
        [figure for one in measured for figure in figures(one)],
        [detail(one) for one in measured],
        [*_notes(names), *missing, *_draw(measured, setting)],
    )


def _sets(setting: Setting, missing: list[str]) -> Iterator[VectorSet]:
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


def _measure(data: VectorSet, names: Sequence[str], setting: Setting) -> Measured:
    workspace, rounds = setting.workspace, 2 if setting.quick else ROUNDS
    path = keep_rows(data, workspace)
    built = {}
    for i, name in enumerate(names):
        built[name] = build(name, data, THREADS, workspace)
        said = f"{data.name}: {name}, {built[name].seconds:.1f} s"
        setting.progress.step(i + 1, len(names), said)
    rows = map_rows(path)
    with one_core():
        points = sweep({n: load(built[n], data, rows) for n in names}, data, rounds=rounds)
    resident, kernels = {}, {}
    if not setting.quick:  # each takes a fresh process
        resident = {name: apart.resident(built[name], data, path) for name in names}
        pair = [built[name] for name in (OURS, HNSWLIB) if name in built]
        kernels = dict(_other_kernels(pair, data, path, rounds))
    return Measured(data.name, str(data), data.dim, built, points, resident, kernels)


def _other_kernels(
    pair: Sequence[Built], data: VectorSet, rows: Path, rounds: int
) -> Iterator[tuple[str, list[Point]]]:
    """The pair again for each kind of kernel that this processor can run."""
    for kernels in KERNELS:
        try:
            yield kernels, apart.with_kernels(kernels, pair, data, rows, rounds)
        except InvalidArgument:
            continue


def _draw(measured: Sequence[Measured], setting: Setting) -> list[str]:
    """Pictures for the docs, or in the workspace in the quick form; returns what to say of it."""
    folder = setting.workspace.root / "plots" if setting.quick else PLOTS
    pictures = [Picture(one.name, one.title, one.points) for one in measured]
    before = read_points(folder / POINTS) if (folder / POINTS).exists() else []
    others = [old for old in before if old.name not in {new.name for new in pictures}]
    write_points([*others, *pictures], folder / POINTS)
    if not can_draw():
        return ["matplotlib is not installed: no pictures were drawn."]
    for picture in pictures:
        draw(picture, folder)
    return []


def _notes(names: Sequence[str]) -> list[str]:
    return [
        f"k = {K}. Everybody is built with {THREADS} threads (compiled code compiled before), "
        "saved, loaded, and searched in one thread on one core. "
        f"Batches are of {BATCH:,} queries; one a call, {SINGLES}. Rates are medians of {ROUNDS} "
        "rounds in which all efforts of all engines take turns.",
        "Recall is the share of the true neighbours, found by an exact scan. A rate at a recall "
        "lies between two measured efforts, its logarithm linear in recall. It is never guessed "
        "beyond them: where the least effort finds more, the rate is that effort's.",
        "Beside hnswlib stands the fastest of the other engines, whichever it is. The process is "
        "what a fresh one grows by when it loads the index and answers a batch; ours maps its "
        "files, and pages of the originals that it read are counted.",
        f"Kernels {' and '.join(KERNELS)}: the same indexes, in a process where Likewise is kept "
        "from the processor's wider instructions; hnswlib is not.",
        "Fashion-MNIST and GloVe are as published; MiniLM is the first 220 characters of films, "
        "posts, news and utterances, encoded by `minilm`. SIFT is tiny here (4,000 rows), GloVe "
        "small: everything fits into the processor's caches, which says little of large sets.",
        *dict.fromkeys(ENGINES[name].note for name in names),
    ]


BENCHMARK = Benchmark("graph_search", "How fast are graphs, at which recall?", run)
