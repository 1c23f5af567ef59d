"""``likewise create``, ``info`` and ``recall``: a collection as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from likewise.cli.options import DEFAULT_K, CollectionPath, Json
from likewise.cli.output import remark, show_fields, show_json
from likewise.encode import ENCODERS
from likewise.metrics import METRICS


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(create)
    app.command()(info)
    app.command()(recall)


def metric_names() -> list[str]:
    """The metrics by their own names, without synonyms."""
    return sorted({metric.name for metric in METRICS.values()})


def encoder_names() -> list[str]:
    """The encoders there are."""
    return sorted(ENCODERS)


def create(
    path: Annotated[Path, typer.Argument(help="The directory to make.")],
    encoder: Annotated[
        str | None,
        typer.Option(
            help=f"Makes the vectors from texts: {', '.join(encoder_names())}.",
            autocompletion=encoder_names,
        ),
    ] = None,
    dim: Annotated[
        int | None, typer.Option(help="Numbers in a vector, where rows bring their own vectors.")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            help=f"What near means: {', '.join(metric_names())}; cosine if not given.",
            autocompletion=metric_names,
        ),
    ] = None,
    nested: Annotated[
        bool | None,
        typer.Option(help="The first numbers of vectors tell the most (Matryoshka)."),
    ] = None,
    json_output: Json = False,
) -> None:
    """Make an empty collection, with an encoder for texts or a dimension for vectors."""
    import likewise as lw

    given = {"encoder": encoder, "dim": dim, "metric": metric, "nested": nested}
    arguments: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    with lw.create(path, **arguments) as collection:
        about = collection.info()
    if json_output:
        show_json(about)
    else:
        remark(f"created {path}; fill it with: likewise import {path} FILE")


def info(path: CollectionPath, json_output: Json = False) -> None:
    """Say what a collection holds: rows, fields, metrics, encoders, segments, sizes, recall."""
    import likewise as lw

    with lw.open(path, read_only=True) as collection:
        about = collection.info()
    if json_output:
        show_json(about)
    else:
        show_fields({**about, "recall": _curves(about["recall"])})


def _curves(fields: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, str]]:
    """Each segment's recall curve in a line: the ends of it, for the hits people ask for."""
    return {
        field: {f"segment {curve['segment']}": _curve(curve) for curve in curves}
        for field, curves in fields.items()
        if curves
    }


def _curve(curve: dict[str, Any]) -> str:
    depths, efforts = curve["depths"], curve["efforts"]
    place = min(range(len(depths)), key=lambda i: abs(depths[i] - DEFAULT_K))
    low, high = curve["recall"][0][place], curve["recall"][-1][place]
    return (
        f"{low:.3f} at effort {efforts[0]} to {high:.3f} at effort {efforts[-1]}, "
        f"for {depths[place]} hits"
    )


def recall(
    path: CollectionPath,
    k: Annotated[int, typer.Option("-k", help="Measured for this many hits.")] = DEFAULT_K,
    json_output: Json = False,
) -> None:
    """Measure how many of the true neighbours the indexes find, on the collection's own rows."""
    import likewise as lw

    with lw.open(path, read_only=True) as collection:
        measured = collection.recall(k=k).to_dict()
    if json_output:
        show_json(measured)
    else:
        show_fields(measured)
