"""The command line: ``python -m replications NAME [--quick | --renew]``, ``--all``, ``--list``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from replications.data import DataFolder, MissingData
from replications.protocol import Replication, Setting
from replications.registry import REPLICATIONS
from replications.report import Run, renewed, report, section

REPORT = Path(__file__).resolve().parents[1] / "REPLICATIONS.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.list:
        for name, replication in REPLICATIONS.items():
            print(f"{name}: {replication.paper}")
        return 0
    if options.all == (options.name is not None) or (options.all and options.quick):
        parser.error("give one NAME, with --quick if you like, or --all")
    if options.renew and (options.quick or options.all):
        parser.error("--renew takes one NAME, run in full")
    chosen = list(REPLICATIONS.values()) if options.all else [REPLICATIONS[options.name]]
    try:
        runs = _run(chosen, options.quick, options.seed)
    except MissingData as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    if options.all:
        options.output.write_text(report(runs), encoding="utf-8")
        print(f"wrote {options.output}")
    if options.renew:
        text = options.output.read_text(encoding="utf-8")
        options.output.write_text(renewed(text, runs[0], list(REPLICATIONS)), encoding="utf-8")
        print(f"renewed {runs[0].replication.name} in {options.output}")
    return 0


def _run(chosen: Sequence[Replication], quick: bool, seed: int) -> list[Run]:
    data = DataFolder.find()
    if not quick:  # before hours of work, not after
        data.require([name for replication in chosen for name in replication.needs])
    runs = []
    for replication in chosen:
        print(f"{replication.name}: {replication.paper}", flush=True)
        started = time.perf_counter()
        outcome = replication.run(Setting(quick, data, seed))
        runs.append(Run(replication, outcome, time.perf_counter() - started, seed))
        print(f"\n{section(runs[-1])}\n", flush=True)
        if quick:
            print("This was the quick form on generated data: it says nothing about the claim.")
    return runs


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m replications", description=__doc__)
    parser.add_argument("name", nargs="?", choices=sorted(REPLICATIONS), metavar="NAME")
    parser.add_argument("--all", action="store_true", help="run all in full, write the report")
    parser.add_argument("--list", action="store_true", help="name them all")
    parser.add_argument("--quick", action="store_true", help="seconds, on generated data")
    parser.add_argument("--renew", action="store_true", help="put NAME's section into the report")
    parser.add_argument("--seed", type=int, default=0, help="the seed of everything drawn")
    parser.add_argument("--output", type=Path, default=REPORT, help="the report (REPLICATIONS.md)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
