"""``likewise search``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from likewise.cli.options import (
    DEFAULT_K,
    IDS_HELP,
    CollectionPath,
    Cutoff,
    Fuse,
    Json,
    Using,
    Weight,
    Where,
    find_rows,
    read_cutoff,
    read_names,
    read_weights,
)
from likewise.cli.output import counted, one_line, remark, shortened, show_json, show_table
from likewise.errors import InvalidArgument, InvalidFile


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(search)


def search(
    path: CollectionPath,
    question: Annotated[str | None, typer.Argument(help="What to look for, in words.")] = None,
    id: Annotated[
        str | None, typer.Option("--id", help=f"More like the row with this id. {IDS_HELP}")
    ] = None,
    vector: Annotated[
        Path | None, typer.Option("--vector", help="Look for the one vector in this .npy file.")
    ] = None,
    k: Annotated[
        int | None,
        typer.Option("-k", help="How many hits: 10 if not given, all with --radius."),
    ] = None,
    where: Where = None,
    radius: Annotated[float | None, typer.Option(help="Only hits within this distance.")] = None,
    min_score: Annotated[
        float | None, typer.Option(help="Only hits of this score or more.")
    ] = None,
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
    dims: Annotated[
        int | None,
        typer.Option(help="Propose by this many of the first numbers, rank by all."),
    ] = None,
    cutoff: Cutoff = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say which strategies were weighed, and why.")
    ] = False,
    json_output: Json = False,
) -> None:
    """Find the rows most like a question, a row, or a vector."""
    import likewise as lw

    with lw.open(path, read_only=True) as collection:
        results = collection.search(
            read_question("search", collection, question, id, vector),
            k=DEFAULT_K if k is None and radius is None else k,
            where=where,
            radius=radius,
            min_score=min_score,
            recall=recall,
            exact=exact,
            using=read_names(using),
            fuse=fuse,
            weights=read_weights(weight),
            depth=depth,
            dims=dims,
            cutoff=read_cutoff(cutoff),
            explain=explain,
        )
    if json_output:
        show_json({"hits": [_hit(hit) for hit in results], "info": results.info.to_dict()})
    else:
        _show(results, explain, cutoff is not None)


def read_question(
    command: str, collection: Any, question: str | None, id: str | None, vector: Path | None
) -> Any:
    """The query that was typed, in one of its three forms."""
    if [question is None, id is None, vector is None].count(False) != 1:
        raise InvalidArgument(f"{command} expects one of a question, --id or --vector")
    if question is not None:
        return question
    if id is None:
        return _read_vector(vector)
    rows, _ = find_rows(collection, [id])
    return {"id": rows[0]["id"] if rows else id}  # an unknown id is the collection's to refuse


def _read_vector(path: Any) -> Any:
    import numpy as np

    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InvalidFile(f"{path}: not a .npy file of numbers ({error})") from error
    if array.ndim == 2 and len(array) == 1:
        array = array[0]
    if array.ndim != 1:
        raise InvalidFile(f"{path}: expected one vector; got shape {array.shape}")
    return array


def _hit(hit: Any) -> dict[str, Any]:
    branches = {name: asdict(branch) for name, branch in hit.branches.items()}
    return {
        "id": hit.id,
        "distance": hit.distance,
        "score": hit.score,
        **({} if hit.probability is None else {"probability": hit.probability}),
        "text": hit.text,
        "metadata": hit.metadata,
        **({"branches": branches} if branches else {}),
    }


def _place(hit: Any) -> Any:
    """The distance; of a fused hit, which has none, its rank in each branch."""
    if not hit.branches:
        return hit.distance
    return " ".join(f"{name}:{branch.rank or '-'}" for name, branch in hit.branches.items())


def _cells(hit: Any) -> tuple[Any, ...]:
    """The hit's line; its probability is in it where the answer was cut."""
    probability = [] if hit.probability is None else [f"{hit.probability:.3f}"]
    shown = shortened(hit.text), one_line(hit.metadata)
    return hit.id, f"{hit.score:.4f}", _place(hit), *probability, *shown


def _show(results: Any, explain: bool, cut: bool) -> None:
    show_table(
        ["id", "score", "distance", *["probability"] * cut, "text", "metadata"],
        [_cells(hit) for hit in results],
        wide="text",
    )
    if cut and not len(results):
        remark("nothing is close enough to be relevant")
    info = results.info
    remark(
        f"{counted(len(results), 'hit')} of {counted(info.matching, 'matching row')} "
        f"by {info.strategy}, recall {info.recall:.3f}, "
        f"{counted(info.scanned, 'distance')}, {1000 * info.seconds:.1f} ms"
    )
    if explain:
        remark(info.reason)
        for name, seconds in info.candidates.items():
            remark(f"  {name}: about {1000 * seconds:.2f} ms")
        if info.actual is not None:
            remark(f"  it took {1000 * info.actual:.2f} ms")
