"""``likewise import``, ``export`` and ``index-text``: files to rows, and texts to terms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from likewise.cli.options import CollectionPath, Json
from likewise.cli.output import counted, remark, show_json
from likewise.cli.progress import Bar
from likewise.errors import InvalidArgument


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("import")(import_files)
    app.command("export")(export_file)
    app.command()(index_text)


def import_files(
    path: CollectionPath,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE",
            help="Parquet, CSV, TSV, JSONL (both also .gz), npy, npz, fvecs, bvecs, "
            "or a folder of text files.",
        ),
    ],
    id_column: Annotated[
        str | None, typer.Option(help="The column that holds the ids, if not 'id'.")
    ] = None,
    text_column: Annotated[
        str | None, typer.Option(help="The column that holds the texts, if not 'text'.")
    ] = None,
    vector_column: Annotated[
        str | None, typer.Option(help="The column that holds the vectors, if not 'vector'.")
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OLD=NEW",
            help="Another name for a column; 'OLD=' leaves it out; may be repeated.",
        ),
    ] = None,
    upsert: Annotated[
        bool, typer.Option("--upsert", help="Replace rows whose id is there already.")
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Set bad records aside and go on.")
    ] = False,
    rejects: Annotated[
        Path | None,
        typer.Option(help="The file for them; FILE.rejects.jsonl beside each if not given."),
    ] = None,
    skip: Annotated[int, typer.Option(help="Pass over this many records of the file first.")] = 0,
    batch_size: Annotated[int, typer.Option(help="Rows in one commit.")] = 1000,
    index_field: Annotated[
        list[str] | None,
        typer.Option("--index-field", help="A metadata field to filter fast by; may be repeated."),
    ] = None,
    window: Annotated[
        list[str] | None,
        typer.Option(
            "--window", help="A metadata field to search ranges of fast; may be repeated."
        ),
    ] = None,
    no_seal: Annotated[
        bool, typer.Option("--no-seal", help="Leave indexing and measuring for later.")
    ] = False,
    json_output: Json = False,
) -> None:
    """Add the rows of files to a collection, then index them.

    A bad record stops the import and is named by file and line; what was added before it
    stays. With --skip-bad it is written to a file of rejects instead.
    """
    import likewise as lw
    from likewise.store.importing import import_rows

    _only_with_one_file(files, {"--rejects": rejects is not None, "--skip": skip > 0})
    reports: list[dict[str, Any]] = []
    with lw.open(path) as collection:
        for file in files:
            with Bar(f"import {file.name}", quiet=json_output) as bar:
                report = import_rows(
                    collection,
                    file,
                    id=id_column,
                    text=text_column,
                    vector=vector_column,
                    rename=_renamed(rename or []),
                    upsert=upsert,
                    batch_size=batch_size,
                    skip=skip,
                    skip_bad=skip_bad,
                    rejects=rejects,
                    progress=bar.share,
                )
            reports.append({"file": str(file), **report.to_dict()})
            if not json_output:
                _say_imported(reports[-1])
        for name in index_field or []:
            collection.index_field(name)
        for name in window or []:
            collection.index_field(name, window=True)
        if not no_seal:
            with Bar("index", quiet=json_output) as bar:
                collection.seal(progress=bar.steps)
        rows = len(collection)
    if json_output:
        show_json({"files": reports, "rows": rows})
    else:
        remark(f"{path} now holds {counted(rows, 'row')}")


def export_file(
    path: CollectionPath,
    file: Annotated[Path, typer.Argument(help="A .parquet, .jsonl, .jsonl.gz or .npy file.")],
    using: Annotated[
        str | None, typer.Option(help="The vectors for .npy, where there are several fields.")
    ] = None,
    no_vectors: Annotated[
        bool, typer.Option("--no-vectors", help="Leave the vectors out.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    json_output: Json = False,
) -> None:
    """Write all rows to a file that `likewise import` reads back."""
    import likewise as lw
    from likewise.store.writers import export_rows

    with (
        lw.open(path, read_only=True) as collection,
        Bar(f"export {file.name}", quiet=json_output) as bar,
    ):
        total = len(collection)
        report = export_rows(
            collection.rows(vectors=not no_vectors),
            file,
            using=using,
            overwrite=force,
            progress=lambda done: bar.steps(done, total),
        )
    if json_output:
        show_json(report.to_dict())
    else:
        remark(f"wrote {counted(report.rows, 'row')} to {', '.join(report.files)}")


def index_text(
    path: CollectionPath,
    language: Annotated[
        str | None,
        typer.Option(
            help="Of the texts, to cut words to their stems: english, german, ...; 'none' cuts "
            "none. Left out, it stays what it is."
        ),
    ] = None,
    json_output: Json = False,
) -> None:
    """Keep the terms of all texts, so that the first search by words need not read them."""
    import likewise as lw

    given = {} if language is None else {"language": None if language == "none" else language}
    with lw.open(path) as collection:
        collection.index_text(**given)
        kept = collection.settings.language
        rows = len(collection)
    if json_output:
        show_json({"language": kept, "rows": rows})
    else:
        remark(f"{path}: the terms of {counted(rows, 'row')} are kept; language {kept or 'none'}")


def _only_with_one_file(files: list[Path], options: dict[str, bool]) -> None:
    for option, given in options.items():
        if given and len(files) > 1:
            raise InvalidArgument(
                f"{option} belongs to one file; got {len(files)} files; import them one by one"
            )


def _renamed(pairs: list[str]) -> dict[str, str | None]:
    renamed: dict[str, str | None] = {}
    for pair in pairs:
        old, equals, new = pair.partition("=")
        if not equals or not old:
            raise InvalidArgument(f"--rename expects OLD=NEW; got {pair!r}")
        renamed[old] = new or None
    return renamed


def _say_imported(report: dict[str, Any]) -> None:
    line = f"{report['file']}: added {counted(report['added'], 'row')} in {report['seconds']:.1f} s"
    if report["rejected"]:
        line += f"; set {counted(report['rejected'], 'record')} aside in {report['rejects']}"
    remark(line)
