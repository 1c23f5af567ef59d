"""Every engine in windows of one width, on one core, in turn: recall, and queries a second."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.attributed import AttributedSet
from benchmarks.building import WARMING, Built
from benchmarks.peers.engines import label
from benchmarks.peers.windows import ENGINES, FAMILY, OURS, WindowEngine
from benchmarks.peers.windows.likewise_window import ASKED
from benchmarks.timing import interleaved, median
from benchmarks.windows import Asked, K, Ordered, recall_of
from benchmarks.workspace import Workspace

RECALL = 0.95
#: A ladder is climbed to here where a whole curve is wanted.
ENOUGH = 0.998
#: An engine is asked so many queries, or as many as it answers in so many seconds.
FEWEST, SECONDS = 5, 0.3
#: No harder effort is tried at a width once all before took so many seconds.
PATIENCE = 10.0
#: A quick batch is repeated for so many seconds, lest what others left in the caches count.
BEAT = 0.05
ROUNDS = 3

Key = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Timed:
    """One engine at one effort, in windows of one width.

    Attributes:
        engine, exponent: its name, and the width (2^-exponent of the rows).
        effort: how hard it searched, as a reader may set it.
        recall: the share of the true neighbours that it found.
        rate: queries a second.
        queries: over how many.
        chosen: the fastest that finds 95 %, its rate measured in turn with the others'.
        asked: ours as asked for 95 %, measured so too.
    """

    engine: str
    exponent: int
    effort: str
    recall: float
    rate: float
    queries: int
    chosen: bool = False
    asked: bool = False


def ready(
    name: str,
    data: AttributedSet,
    ordered: Ordered,
    workspace: Workspace,
    threads: int,
    anew: bool = False,
) -> tuple[WindowEngine, Built]:
    """The engine over the set; unless ``anew``, what was built in the same workspace before."""
    engine, fresh = ENGINES[name](data, ordered), []

    def make(folder: Path) -> None:
        started = perf_counter()
        engine.build(threads, folder / "files")
        seconds = perf_counter() - started
        (folder / "built.json").write_text(json.dumps({"seconds": seconds}), encoding="utf-8")
        fresh.append(folder)

    place = f"{data.name}-windows-{engine.place or name.replace(' ', '-')}-{threads}"
    if anew:  # what is compiled once a machine is compiled before
        workspace.forget(place)
        few = replace(data, rows=data.rows[:WARMING], attribute=data.attribute[:WARMING])
        ENGINES[name](few, ordered).build(threads, workspace.fresh("warm"))
    folder = workspace.built(place, make)
    files = folder / "files"
    engine.load(files)
    seconds = json.loads((folder / "built.json").read_text(encoding="utf-8"))["seconds"]
    size = sum(path.stat().st_size for path in files.rglob("*") if path.is_file())
    return engine, Built(name, files, seconds, size / 1e6, now=bool(fresh))


def sweep(
    engines: Mapping[str, WindowEngine],
    windows: Asked,
    *,
    rounds: int = ROUNDS,
    whole: bool = False,
) -> list[Timed]:
    """Try each engine's efforts up its ladders until it finds 95 %, then time the best in turn.

    Ladders are climbed further where ``whole`` curves are wanted. An engine too slow for all
    queries is asked the first of them, as many as half a second allows.
    """
    found: dict[str, list[tuple[Any, Timed]]] = {}
    for name, engine in engines.items():
        if engine.able(int((windows.stops - windows.starts).min())):
            found[name] = _tried(name, engine, windows, ENOUGH if whole else RECALL)
    keys: dict[Key, Timed] = {}
    for name, trials in found.items():
        able = [pair for pair in trials if pair[1].recall >= RECALL]
        if able:
            effort, timed = max(able, key=lambda pair: pair[1].rate)
            keys[name, effort] = replace(timed, chosen=True)
    for effort, timed in found.get(OURS, ()):
        if effort == ASKED:
            keys[OURS, effort] = replace(keys.get((OURS, effort), timed), asked=True)

    times = {key: 1 + int(BEAT * timed.rate / timed.queries) for key, timed in keys.items()}

    def many(key: Key) -> Callable[[int], object]:
        name, effort = key
        few = slice(0, keys[key].queries)

        def ask(_: int) -> None:
            engines[name].set_effort(effort)
            for _ in range(times[key]):
                _ask(engines[name], windows, few)

        return ask

    # One that took so long for a few queries keeps the rate of its trial: nobody is near it.
    again = [key for key, timed in keys.items() if timed.queries / timed.rate <= 3 * SECONDS]
    seconds = interleaved({key: many(key) for key in again}, rounds, warm=1) if again else {}
    settled = dict(keys)
    for key in again:
        rate = times[key] * keys[key].queries / median(seconds[key])
        settled[key] = replace(keys[key], rate=rate)
    return [
        settled.get((name, effort), timed)
        for name, trials in found.items()
        for effort, timed in trials
    ]


def _tried(
    name: str, engine: WindowEngine, windows: Asked, enough: float
) -> list[tuple[Any, Timed]]:
    """Its efforts, each tried twice: up a ladder until it finds enough, or takes too long."""
    trials: list[tuple[Any, Timed]] = []
    started = perf_counter()
    for ladder in engine.ladders:
        for effort in ladder:
            engine.set_effort(effort)
            timed = _try(name, engine, windows, label(effort))
            trials.append((effort, timed))
            # What we are asked for by default is always tried.
            least = effort >= ASKED if name == OURS else True
            if least and (timed.recall >= enough or perf_counter() - started > PATIENCE):
                break
        if perf_counter() - started > PATIENCE:
            break
    return trials


def _try(name: str, engine: WindowEngine, windows: Asked, effort: str) -> Timed:
    few = slice(0, min(FEWEST, len(windows)))
    _ask(engine, windows, few)  # whatever is done at a first search, is done
    begun = perf_counter()
    found = _ask(engine, windows, few)
    taken = [perf_counter() - begun]
    if taken[0] <= SECONDS:  # not so slow that this was the trial
        few = slice(0, min(len(windows), max(few.stop, int(SECONDS * few.stop / taken[0]))))
        taken = []
        for _ in range(2):
            begun = perf_counter()
            found = _ask(engine, windows, few)
            taken.append(perf_counter() - begun)
    recall = recall_of(found, engine.data.queries[few], engine.ordered, windows, few)
    return Timed(name, windows.exponent, effort, recall, few.stop / min(taken), few.stop)


def _ask(engine: WindowEngine, windows: Asked, few: slice) -> Any:
    return engine.search(engine.data.queries[few], windows.lows[few], windows.highs[few], K)


def at(timed: Sequence[Timed], engine: str, exponent: int, *, asked: bool = False) -> Timed | None:
    """What an engine does at 95 % in windows of one width (ours as asked for it, with
    ``asked``); None when it never finds so much."""
    for one in timed:
        if (
            one.engine == engine
            and one.exponent == exponent
            and (one.asked if asked else one.chosen)
        ):
            return one
    return None


def geometric(values: Sequence[float]) -> float:
    """The geometric mean."""
    return float(np.exp(np.mean(np.log(values))))


def regret(timed: Sequence[Timed], exponent: int) -> float | None:
    """How many times as long ours, asked for 95 %, takes as the best of our ways that finds it."""
    ours = at(timed, OURS, exponent, asked=True)
    rates = [
        found.rate
        for name, engine in ENGINES.items()
        if engine.family == FAMILY and (found := at(timed, name, exponent)) is not None
    ]
    return max(*rates, ours.rate) / ours.rate if ours is not None and rates else None
