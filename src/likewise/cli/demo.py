"""``likewise demo``: search your own Python by meaning."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from likewise.cli._demo_view import View, next_commands
from likewise.encode import get_encoder

ENCODER = "minilm"
ROWS_AT_ONCE = 256
HITS = 3
INDEXED = ("package", "kind", "lines", "year")
QUESTIONS: tuple[tuple[str, str | None], ...] = (
    ("run a function at most n times a second", None),
    ("smooth a noisy signal", None),
    ("retry when the network fails", None),
    ("solve a system of linear equations", "package = 'numpy' and lines >= 10"),
    ("which words are spelled almost the same?", "package = 'python' and kind != 'module'"),
)


def run_demo(
    path: str | Path | None = None,
    *,
    everything: bool = False,
    queries: Sequence[str] | None = None,
    where: str | None = None,
    json_output: bool = False,
    view: View | None = None,
) -> dict[str, Any]:
    """Collect, encode, index and search the docstrings of this Python.

    The first run takes a minute or two; a later one reuses the collection and answers at once.
    A run that was interrupted goes on where it stopped.

    Args:
        path: the collection's folder; None is `default_path`.
        everything: all installed packages instead of a few thousand well-known objects.
        queries: questions to ask instead of the demo's own.
        where: a filter for every question.
        json_output: print one JSON object instead of text.
        view: prints; None prints to the terminal.

    Returns:
        What was printed, as plain values: ``path, rows, added, seconds, answers, next``.

    Raises:
        MissingExtra: the extra ``text`` is not installed; the message has the install line.
    """
    start = time.perf_counter()
    view = view or View()
    encoder = get_encoder(ENCODER)  # first: without it nothing else is worth its time
    folder = Path(path) if path is not None else default_path()
    added = 0
    if not is_complete(folder, everything):
        added = build(folder, everything, view)
    asked = [(query, where) for query in queries] if queries else list(QUESTIONS)
    if where and not queries:
        asked = [(query, where) for query, _ in QUESTIONS]

    library = _library()
    with library.open(folder, read_only=True) as collection:
        rows = len(collection)
        if not added:
            view.step(f"{rows:,} objects from an earlier run in {folder}")
        encoder.encode_query("warm up")  # so that the first time shown is a usual one
        answers = [_ask(collection, q, w, None if json_output else view) for q, w in asked]
    report = {
        "path": str(folder),
        "rows": rows,
        "added": added,
        "seconds": round(time.perf_counter() - start, 3),
        "answers": answers,
        "next": next_commands(str(folder)),
    }
    if json_output:
        view.out.print_json(json.dumps(report))
    else:
        view.what_next(str(folder), rows)
    return report


def default_path() -> Path:
    """``python.likewise`` in ``$LIKEWISE_HOME``, else in ``likewise`` of the user's cache."""
    if home := os.environ.get("LIKEWISE_HOME"):
        return Path(home) / "python.likewise"
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "likewise" / "python.likewise"


def build(folder: Path, everything: bool, view: View) -> int:
    """Fill the collection with what it lacks; how many rows were added."""
    from likewise.cli.demo_corpus import collect

    start = time.perf_counter()
    _mark(folder).unlink(missing_ok=True)  # until this run has finished, too
    view.step("reading docstrings of the standard library and of installed packages")
    with view.progress("reading packages") as advance:
        corpus = collect(everything=everything, progress=advance)
    view.step(f"{len(corpus):,} objects read in {time.perf_counter() - start:.1f} s")
    with _open_or_create(folder) as collection:
        missing = _missing(collection, corpus)
        if len(missing) < len(corpus):
            view.step(f"{len(corpus) - len(missing):,} of them are there from an earlier run")
        _add(collection, missing, view)
        for name in INDEXED:
            collection.index_field(name)
        begin = time.perf_counter()
        view.step("building the index and measuring its recall")
        collection.seal()
        view.step(f"indexed in {time.perf_counter() - begin:.1f} s; all in {folder}")
        _mark_complete(folder, everything, len(collection))
    return len(missing)


def is_complete(folder: Path, everything: bool) -> bool:
    """Whether an earlier run finished, for at least as much as is asked now."""
    try:
        mark = json.loads(_mark(folder).read_text("utf-8"))
        return folder.is_dir() and bool(mark["everything"] or not everything)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _ask(collection: Any, query: str, where: str | None, view: View | None) -> dict[str, Any]:
    start = time.perf_counter()
    results = collection.search(query, k=HITS, where=where, explain=True)
    seconds = time.perf_counter() - start
    if view is not None:
        view.answer(query, where, results, seconds, len(collection))
    return {
        "query": query,
        "where": where,
        "hits": results.to_dicts(),
        "info": results.info.to_dict(),
        "seconds": round(seconds, 6),
    }


def _open_or_create(folder: Path) -> Any:
    library = _library()
    if folder.exists():
        return library.open(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    return library.create(folder, encoder=ENCODER)


def _missing(collection: Any, corpus: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not len(collection):
        return corpus
    there = {row["id"] for row in collection.get([row["id"] for row in corpus])}
    return [row for row in corpus if row["id"] not in there]


def _add(collection: Any, rows: list[dict[str, Any]], view: View) -> None:
    """Each batch is encoded and committed, so an interrupt keeps what was done."""
    if not rows:
        return
    start = time.perf_counter()
    view.step(f"encoding {len(rows):,} texts with {ENCODER}; Ctrl-C keeps what is done")
    done = 0
    try:
        with view.progress("encoding") as advance:
            for done in range(0, len(rows), ROWS_AT_ONCE):
                advance(done, len(rows))
                collection.add(rows[done : done + ROWS_AT_ONCE])
            advance(len(rows), len(rows))
    except KeyboardInterrupt:
        view.step(f"stopped: {done:,} of {len(rows):,} are kept; run it again to go on")
        raise
    seconds = time.perf_counter() - start
    view.step(f"encoded and stored in {seconds:.0f} s ({len(rows) / seconds:.0f} a second)")


def _mark(folder: Path) -> Path:
    # Beside the collection, not in it: what is in it belongs to the store.
    return folder.with_name(f"{folder.name}.demo.json")


def _mark_complete(folder: Path, everything: bool, rows: int) -> None:
    target = _mark(folder)
    temporary = target.with_name(f"{target.name}.new")
    temporary.write_text(json.dumps({"everything": everything, "rows": rows}), "utf-8")
    temporary.replace(target)


def _library() -> Any:
    import likewise  # late: a collection brings more than ``likewise --help`` should wait for

    return likewise
