"""``likewise evaluate``: how good the answers are, by files of queries and judgements."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from likewise.cli.options import (
    Cutoff,
    Fuse,
    Json,
    Using,
    Weight,
    Where,
    read_cutoff,
    read_names,
    read_weights,
)
from likewise.cli.output import counted, remark, show_json, show_table
from likewise.errors import InvalidArgument

METRICS = "ndcg@10,recall@100"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(evaluate)


def evaluate(
    source: Annotated[
        Path, typer.Argument(metavar="PATH", help="A collection, or a run file of TREC.")
    ],
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="[QUERIES] QRELS",
            help="Queries (JSONL with id and text, or an id, a tab and a text a line; none with a "
            "run), then judgements (four columns of TREC, or BEIR's table).",
        ),
    ],
    metrics: Annotated[
        str,
        typer.Option(help="Names with commas between: ndcg@10, recall@100, map, mrr@10, ..."),
    ] = METRICS,
    save_run: Annotated[
        Path | None,
        typer.Option("--save-run", metavar="FILE", help="Write what was found as a TREC run."),
    ] = None,
    k: Annotated[
        int | None, typer.Option("-k", help="Hits a query; as many as the metrics look at.")
    ] = None,
    where: Where = None,
    recall: Annotated[
        float | None, typer.Option(help="The share of the true neighbours to find, in (0, 1].")
    ] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Find all of them, at any cost.")] = False,
    using: Using = None,
    fuse: Fuse = None,
    weight: Weight = None,
    depth: Annotated[
        int | None, typer.Option(help="Candidates that each of several fields gives.")
    ] = None,
    cutoff: Cutoff = None,
    json_output: Json = False,
) -> None:
    """Measure how good the answers to judged queries are: nDCG, recall and others of TREC."""
    import likewise as lw

    given = {
        "k": k,
        "where": where,
        "recall": recall,
        "exact": exact or None,
        "using": read_names(using),
        "fuse": fuse,
        "weights": read_weights(weight),
        "depth": depth,
        "cutoff": read_cutoff(cutoff),
    }
    search: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    names = [name.strip() for name in metrics.split(",")]
    is_run = source.is_file()
    if len(files) != (1 if is_run else 2):
        raise InvalidArgument(
            f"evaluate expects {'QRELS alone with a run file' if is_run else 'QUERIES and QRELS'}; "
            f"got {counted(len(files), 'file')}"
        )
    if is_run:
        report = lw.evaluate(source, qrels=files[0], metrics=names, **search)
    else:
        with lw.open(source, read_only=True) as collection:
            report = lw.evaluate(collection, *files, metrics=names, **search)
    if save_run is not None:
        report.run.save(save_run)
    if json_output:
        show_json(report.to_dict())
    else:
        _show(report)


def _show(report: Any) -> None:
    show_table(["metric", "mean"], [(name, f"{v:.4f}") for name, v in report.means.items()])
    about = report.to_dict()
    line = f"mean of {about['queries']} judged queries"
    if report.unanswered:
        line += f", {len(report.unanswered)} of them without a hit"
    if report.unjudged:
        line += f"; {len(report.unjudged)} not judged were left out"
    if report.recall is not None:
        line += f"; recall of the index {report.recall:.3f}, {1000 * report.seconds:.1f} ms a query"
    remark(line)
