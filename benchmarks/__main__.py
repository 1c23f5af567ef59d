"""The command line: ``python -m benchmarks [NAME …] [--quick]``; without a name, all."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.threads import pin

if TYPE_CHECKING:
    from benchmarks.report import Run

RESULTS = Path(__file__).resolve().parent / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; returns the exit status."""
    options = _parser().parse_args(arguments)
    pin(options.threads)  # before anything below loads numpy
    from benchmarks.registry import BENCHMARKS
    from benchmarks.report import as_json, figures_table, report

    if options.list:
        for name, benchmark in BENCHMARKS.items():
            print(f"{name}: {benchmark.question}")
        return 0
    unknown = sorted(set(options.names) - set(BENCHMARKS))
    if unknown:
        print(f"error: no benchmark {unknown[0]!r}; use {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    runs = []
    with tempfile.TemporaryDirectory(prefix="likewise-benchmarks-") as folder:
        root = options.folder or Path(folder)
        root.mkdir(parents=True, exist_ok=True)
        for name in options.names or BENCHMARKS:
            print(f"{name}: {BENCHMARKS[name].question}", flush=True)
            runs.append(_in_a_process_of_its_own(name, root, options))
            print(f"\n{figures_table(runs[-1].outcome.figures)}\n", flush=True)
            # After each, so that what is measured is kept when a later one fails.
            _write(options.output, "results.json", json.dumps(as_json(runs, quick=options.quick)))
            _write(options.output, "results.md", report(runs, quick=options.quick))
    print(f"wrote {options.output / 'results.md'} and results.json")
    return 0


def _in_a_process_of_its_own(name: str, root: Path, options: argparse.Namespace) -> Run:
    """What one benchmark leaves in memory must not stand in the way of the next."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(_run, name, root, options).result()


def _run(name: str, root: Path, options: argparse.Namespace) -> Run:
    from benchmarks.protocol import Setting
    from benchmarks.registry import BENCHMARKS
    from benchmarks.report import Run
    from benchmarks.workspace import Workspace

    setting = Setting(
        quick=options.quick,
        workspace=Workspace(root),
        peers=not options.no_peers,
        minutes=options.minutes,
        random_state=options.seed,
    )
    started = time.perf_counter()
    outcome = BENCHMARKS[name].run(setting)
    return Run(name, BENCHMARKS[name].question, outcome, time.perf_counter() - started)


def _write(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which to run; all without")
    parser.add_argument("--list", action="store_true", help="name them all")
    parser.add_argument("--quick", action="store_true", help="seconds each, to see that they run")
    parser.add_argument("--no-peers", action="store_true", help="ourselves and bare baselines only")
    parser.add_argument(
        "--minutes", type=float, default=60.0, help="how long the memory benchmark goes on (60)"
    )
    parser.add_argument("--threads", type=int, default=1, help="threads for everybody (1)")
    parser.add_argument("--seed", type=int, default=0, help="the seed of everything drawn")
    parser.add_argument(
        "--folder", type=Path, help="keep what is built here, for the next run of the same code"
    )
    parser.add_argument(
        "--output", type=Path, default=RESULTS, help="where results.md and results.json go"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
