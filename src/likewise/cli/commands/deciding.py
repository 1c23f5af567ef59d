"""``likewise predict``, ``audit``, ``outliers`` and ``suggest``: what the rows decide."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from likewise.cli.commands.searching import read_question
from likewise.cli.options import IDS_HELP, CollectionPath, Json, Where
from likewise.cli.output import answer, counted, one_line, remark, shortened, show_json, show_table

Field = Annotated[
    str | None, typer.Option("--using", help="The field of vectors; the default one if not given.")
]
Label = Annotated[str, typer.Argument(metavar="LABEL", help="The metadata field that is known.")]
Votes = Annotated[int, typer.Option("-k", help="How many rows vote.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (predict, audit, outliers, suggest):
        app.command()(command)


def predict(
    path: CollectionPath,
    label: Label,
    question: Annotated[
        str | None, typer.Argument(help="A text; rows without the label if nothing is given.")
    ] = None,
    id: Annotated[
        str | None, typer.Option("--id", help=f"The row with this id. {IDS_HELP}")
    ] = None,
    vector: Annotated[
        Path | None, typer.Option("--vector", help="The one vector in this .npy file.")
    ] = None,
    k: Votes = 10,
    where: Where = None,
    using: Field = None,
    weights: Annotated[
        str, typer.Option(help="How votes count: uniform, distance or softmax.")
    ] = "uniform",
    temperature: Annotated[
        float | None, typer.Option(help="Of softmax, in the units of the distances.")
    ] = None,
    task: Annotated[str, typer.Option(help="classify, regress, or auto: floats regress.")] = "auto",
    json_output: Json = False,
) -> None:
    """Predict a label by the nearest rows that have it, and say who voted."""
    import likewise as lw

    given: dict[str, Any] = {"k": k, "where": where, "using": using, "weights": weights}
    given["temperature"] = temperature
    with lw.open(path, read_only=True) as collection:
        if question is None and id is None and vector is None:
            found = collection.predict_missing(label, task=task, **given)
        else:
            asked = read_question("predict", collection, question, id, vector)
            single: Any = collection.predict(label, asked, task=task, **given)
            if json_output:
                show_json(single.to_dict())
            else:
                _show_answer(label, single)
            return
    if json_output:
        show_json([{"id": id_, **one.to_dict()} for id_, one in found.items()])
    else:
        cells = [(id_, one.value, _sureness(one)) for id_, one in found.items()]
        show_table(["id", label, "sureness"], cells)
        remark(f"{counted(len(cells), 'row')} without {label!r}; nothing was written")


def _sureness(found: Any) -> str:
    """The probability of a label; of a number, how much the votes differ."""
    if found.probability is not None:
        return f"{found.probability:.3f}"
    return f"± {one_line(found.deviation)}"


def _show_answer(label: str, found: Any) -> None:
    show_table(
        ["id", label, "weight", "distance", "text"],
        [
            (one.id, one.label, f"{one.weight:.3f}", one.distance, shortened(one.text))
            for one in found.evidence
        ],
        wide="text",
    )
    remark(f"{label}: {one_line(found.value)} ({_sureness(found)})")
    flip = found.evidence.flip
    if flip is not None:
        ids = ", ".join(one_line(id_) for id_ in flip.ids)
        remark(f"without {counted(len(flip.ids), 'row')} ({ids}): {one_line(flip.value)}")


def audit(
    path: CollectionPath,
    label: Annotated[
        str | None, typer.Argument(metavar="[LABEL]", help="The metadata field to look at.")
    ] = None,
    k: Annotated[int, typer.Option("-k", help="Neighbours of each row.")] = 20,
    where: Where = None,
    using: Field = None,
    check: Annotated[
        list[str] | None, typer.Option("--check", help="Only this check; may be repeated.")
    ] = None,
    examples: Annotated[int, typer.Option(help="Findings of each kind to write out.")] = 3,
    json_output: Json = False,
) -> None:
    """Look for wrong labels, copies, odd rows and whatever else seems wrong."""
    import likewise as lw

    with lw.open(path, read_only=True) as collection:
        report = collection.audit(label, k=k, where=where, using=using, checks=check)
    if json_output:
        show_json(report.to_dicts())
    else:
        answer([report.summary(examples)])


def outliers(
    path: CollectionPath,
    k: Annotated[int, typer.Option("-k", help="How many rows.")] = 10,
    neighbors: Annotated[int, typer.Option(help="With how many others each is compared.")] = 15,
    method: Annotated[
        str, typer.Option(help="distance (to the last of these) or lof (sparser than around).")
    ] = "distance",
    where: Where = None,
    using: Field = None,
    json_output: Json = False,
) -> None:
    """Find the rows that are least like the others."""
    import likewise as lw

    with lw.open(path, read_only=True) as collection:
        found = collection.outliers(k, neighbors=neighbors, method=method, where=where, using=using)
    if json_output:
        show_json([hit.to_dict() for hit in found])
        return
    cells = [
        (hit.id, hit.score, hit.neighbors[0].id, shortened(hit.text), one_line(hit.metadata))
        for hit in found
    ]
    show_table(["id", "score", "nearest", "text", "metadata"], cells, wide="text")


def suggest(
    path: CollectionPath,
    label: Annotated[str, typer.Argument(metavar="LABEL", help="The metadata field to fill.")],
    n: Annotated[int, typer.Option("-n", help="How many rows.")] = 10,
    where: Where = None,
    using: Field = None,
    selection: Annotated[
        str, typer.Option(help="lcmd, k_center, typicality, margin, random, ...")
    ] = "lcmd",
    random_state: Annotated[int, typer.Option(help="The seed of what is drawn.")] = 0,
    json_output: Json = False,
) -> None:
    """Choose the rows without a label that would tell most if they had one."""
    import likewise as lw

    with lw.open(path, read_only=True) as collection:
        found = collection.suggest(
            n,
            label=label,
            where=where,
            using=using,
            selection=selection,
            random_state=random_state,
        )
    if json_output:
        show_json([row.to_dict() for row in found])
        return
    cells = [
        (row.id, "" if row.nearest is None else row.nearest.id, shortened(row.text))
        for row in found
    ]
    show_table(["id", "nearest labelled", "text"], cells, wide="text")
