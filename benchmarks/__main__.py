"""The command line: ``python -m benchmarks [NAME …] [--quick]``; without a name, all."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

from benchmarks.threads import pin

RESULTS = Path(__file__).resolve().parent / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; returns the exit status."""
    options = _parser().parse_args(arguments)
    pin(options.threads)  # before anything below loads numpy
    from benchmarks.protocol import Setting
    from benchmarks.registry import BENCHMARKS
    from benchmarks.report import as_json, figures_table, report
    from benchmarks.running import run_apart
    from benchmarks.workspace import Workspace

    if options.list:
        for name, benchmark in BENCHMARKS.items():
            print(f"{name}: {benchmark.question}")
        return 0
    unknown = sorted(set(options.names) - set(BENCHMARKS))
    if unknown:
        print(f"error: no benchmark {unknown[0]!r}; use {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    runs, failed = [], []
    with tempfile.TemporaryDirectory(prefix="likewise-benchmarks-") as folder:
        root = options.folder or Path(folder)
        root.mkdir(parents=True, exist_ok=True)
        setting = Setting(
            options.quick,
            Workspace(root),
            peers=not options.no_peers,
            minutes=options.minutes,
            random_state=options.seed,
            sets=tuple(options.sets),
            engines=tuple(options.engines),
        )
        for name in options.names or BENCHMARKS:
            print(f"{name}: {BENCHMARKS[name].question}", flush=True)
            try:
                runs.append(run_apart(name, setting))
            except Exception:  # whatever a peer raises; the others are measured all the same
                traceback.print_exc()
                failed.append(name)
                continue
            print(f"\n{figures_table(runs[-1].outcome.figures)}\n", flush=True)
            # After each, so that what is measured is kept when a later one fails.
            _write(options.output, "results.json", json.dumps(as_json(runs, quick=options.quick)))
            _write(options.output, "results.md", report(runs, quick=options.quick))
    print(f"wrote {options.output / 'results.md'} and results.json")
    if failed:
        print(f"error: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


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
        "--sets",
        nargs="+",
        default=(),
        metavar="SET",
        help="for graph_search and window_search: these alone",
    )
    parser.add_argument(
        "--engines",
        nargs="+",
        default=(),
        metavar="ENGINE",
        help="for graph_search and window_search: these alone",
    )
    parser.add_argument(
        "--folder", type=Path, help="keep what is built here, for the next run of the same code"
    )
    parser.add_argument(
        "--output", type=Path, default=RESULTS, help="where results.md and results.json go"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
