"""``likewise search``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from likewise.cli.options import DEFAULT_K, IDS_HELP, CollectionPath, Json, Using, Where, find_rows
from likewise.cli.output import counted, one_line, remark, shortened, show_json, show_table
from likewise.errors import InvalidArgument, InvalidFile

Fuse = Annotated[
    str | None, typer.Option("--fuse", help="How several fields are fused: rrf (ranks) or score.")
]
Weight = Annotated[
    list[str] | None,
    typer.Option(
        "--weight", metavar="FIELD=NUMBER", help="How much a field counts; may be repeated."
    ),
]


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
    explain: Annotated[
        bool, typer.Option("--explain", help="Say which strategies were weighed, and why.")
    ] = False,
    json_output: Json = False,
) -> None:
    """Find the rows most like a question, a row, or a vector."""
    import likewise as lw

    if [question is None, id is None, vector is None].count(False) != 1:
        raise InvalidArgument("search expects one of a question, --id or --vector")
    with lw.open(path, read_only=True) as collection:
        results = collection.search(
            _query(collection, question, id, vector),
            k=DEFAULT_K if k is None and radius is None else k,
            where=where,
            radius=radius,
            min_score=min_score,
            recall=recall,
            exact=exact,
            using=_names(using),
            fuse=fuse,
            weights=_weights(weight),
            depth=depth,
            dims=dims,
            explain=explain,
        )
    if json_output:
        show_json({"hits": [_hit(hit) for hit in results], "info": results.info.to_dict()})
    else:
        _show(results, explain)


def _names(using: list[str] | None) -> list[str] | None:
    """``dense,lexical`` as two names, and options given twice as well."""
    return [name for item in using for name in item.split(",")] if using else None


def _weights(given: list[str] | None) -> dict[str, float] | None:
    if not given:
        return None
    weights: dict[str, float] = {}
    for item in given:
        name, _, number = item.partition("=")
        try:
            weights[name] = float(number)
        except ValueError:
            raise InvalidArgument(
                f"--weight takes FIELD=NUMBER, such as lexical=0.5; got {item!r}"
            ) from None
    return weights


def _query(collection: Any, question: str | None, id: str | None, vector: Path | None) -> Any:
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
        "text": hit.text,
        "metadata": hit.metadata,
        **({"branches": branches} if branches else {}),
    }


def _place(hit: Any) -> Any:
    """The distance; of a fused hit, which has none, its rank in each branch."""
    if not hit.branches:
        return hit.distance
    return " ".join(f"{name}:{branch.rank or '-'}" for name, branch in hit.branches.items())


def _show(results: Any, explain: bool) -> None:
    show_table(
        ["id", "score", "distance", "text", "metadata"],
        [
            (hit.id, f"{hit.score:.4f}", _place(hit), shortened(hit.text), one_line(hit.metadata))
            for hit in results
        ],
        wide="text",
    )
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
