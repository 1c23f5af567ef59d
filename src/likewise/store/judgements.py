"""Judgements (qrels): which rows are relevant to which query, from a dict, a table or a file."""

from __future__ import annotations

import json
import numbers
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from likewise.errors import InvalidArgument, InvalidFile, InvalidType

#: {query: {id: grade}}, ids as strings, as TREC files have them.
Judgements = dict[str, dict[str, int]]

#: What the three columns are called, by those who write such tables.
COLUMNS = {
    "query": ("query-id", "query_id", "qid", "query", "q_id"),
    "row": ("corpus-id", "corpus_id", "docid", "doc_id", "docno", "id"),
    "grade": ("score", "relevance", "grade", "rel", "label"),
}


def read_qrels(source: Any) -> Judgements:
    """Judgements as ``{query: {id: grade}}``, all ids as strings.

    Args:
        source: a dict of dicts, a DataFrame, or the path of a file. A file of TREC has four
            columns (query, an unused one, id, grade) and no header; one of BEIR has a header
            (query-id, corpus-id, score) and tabs between. A DataFrame has columns of such names.

    Returns:
        {query: {id: grade}}; a grade above 0 is relevant.

    Raises:
        InvalidType: neither of these, or a grade that is no integer.
        InvalidFile: a line that cannot be read, or one pair judged twice and differently.
        InvalidArgument: no judgement at all, or a table without such columns.

    Cost: about two microseconds a judgement.

    Example:
        >>> read_qrels({"q1": {"a": 2, 7: 0}})
        {'q1': {'a': 2, '7': 0}}
    """
    if isinstance(source, Mapping):
        found = _joined(_of_mapping(source), "qrels")
    elif isinstance(source, (str, Path)):
        found = _joined(_of_file(Path(source)), str(source))
    elif hasattr(source, "columns") and hasattr(source, "itertuples"):
        found = _joined(_of_frame(source), "qrels")
    else:
        raise InvalidType(
            "qrels must be {query: {id: grade}}, a DataFrame or the path of a file; "
            f"got {type(source).__name__}"
        )
    if not found:
        raise InvalidArgument(f"{_called(source)} holds no judgement; there is nothing to compare")
    return found


def _called(source: Any) -> str:
    return str(source) if isinstance(source, (str, Path)) else "qrels"


#: (query, id, grade, where it stands).
Judgement = tuple[Any, Any, Any, str]


def _joined(judgements: Iterable[Judgement], what: str) -> Judgements:
    found: Judgements = {}
    for query, id_, grade, where in judgements:
        value = _grade(grade, f"{what}, {where}")
        row = found.setdefault(str(query), {})
        if row.setdefault(str(id_), value) != value:
            raise InvalidFile(
                f"{what}, {where}: query {str(query)!r} and id {str(id_)!r} are judged "
                f"{row[str(id_)]} and {value}; keep one of them"
            )
    return found


def _grade(grade: Any, where: str) -> int:
    if isinstance(grade, str):
        try:
            return int(grade)
        except ValueError:
            raise InvalidFile(f"{where}: a grade must be an integer; got {grade!r}") from None
    if isinstance(grade, numbers.Real) and (value := float(grade)).is_integer():
        return int(value)
    raise InvalidType(f"{where}: a grade must be an integer; got {grade!r}")


def _of_mapping(source: Mapping[Any, Any]) -> Iterator[Judgement]:
    for query, rows in source.items():
        if not isinstance(rows, Mapping):
            raise InvalidType(
                f"qrels, query {query!r}: expected {{id: grade}}; got {type(rows).__name__}"
            )
        for id_, grade in rows.items():
            yield query, id_, grade, f"query {query!r}, id {id_!r}"


def _of_frame(frame: Any) -> Iterator[Judgement]:
    places = _places([str(name) for name in frame.columns], "qrels")
    for number, row in enumerate(frame.itertuples(index=False, name=None)):
        query, id_, grade = (row[place] for place in places)
        yield query, id_, grade, f"row {number}"


def _of_file(path: Path) -> Iterator[Judgement]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidFile(f"{path}: cannot be read as a file of judgements ({error})") from error
    head = lines[0].split("\t") if lines else []
    if head and head[0].strip().lower() in COLUMNS["query"]:
        places = _places([name.strip().lower() for name in head], str(path))
        first, expected = 1, "tabs between the columns that the header names"
    else:
        places, first, expected = [0, 2, 3], 0, "query, iteration, id and grade (TREC)"
    for number, line in enumerate(lines[first:], first + 1):
        if not line.strip():
            continue
        cells = line.split("\t") if first else line.split()
        if len(cells) <= max(places) or (not first and len(cells) != 4):
            raise InvalidFile(f"{path}, line {number}: expected {expected}; got {line.strip():.60}")
        query, id_, grade = (cells[place].strip() for place in places)
        yield query, id_, grade, f"line {number}"


def _places(names: list[str], what: str) -> list[int]:
    """Where the columns of query, id and grade are."""
    places = []
    for part, known in COLUMNS.items():
        place = next((i for i, name in enumerate(names) if name.lower() in known), None)
        if place is None:
            raise InvalidArgument(
                f"{what} has the columns {', '.join(names)}; one of {', '.join(known)} must name "
                f"the {part}"
            )
        places.append(place)
    return places


def read_queries(queries: Any) -> dict[str, Any]:
    """Queries by id, the ids as strings.

    Args:
        queries: {query: text or vector}, or the path of a file: ``.jsonl`` (also ``.ndjson``)
            with an object a line that has ``id`` or ``_id``, and ``text`` or ``vector``, as BEIR
            has them; in any other, a line is an id, a tab and a text.

    Raises:
        InvalidType: neither of these.
        InvalidFile: a line that cannot be read, or an id that stands twice.
        InvalidArgument: two ids that are the same as strings.

    Cost: two microseconds a query.

    Example:
        >>> read_queries({1: "sleep and memory"})
        {'1': 'sleep and memory'}
    """
    if isinstance(queries, (str, Path)):
        return _queries_of_file(Path(queries))
    if not isinstance(queries, Mapping):
        raise InvalidType(
            "queries must be {query: text or vector} or the path of a file; "
            f"got {'nothing' if queries is None else type(queries).__name__}"
        )
    found = {str(query): asked for query, asked in queries.items()}
    if len(found) != len(queries):
        raise InvalidArgument("two queries have ids that are the same as strings; rename one")
    return found


def _queries_of_file(path: Path) -> dict[str, Any]:
    read = _query_of_json if path.suffix.lower() in (".jsonl", ".ndjson") else _query_of_tabs
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidFile(f"{path}: cannot be read as a file of queries ({error})") from error
    found: dict[str, Any] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        query, asked = read(line.strip("\r"), f"{path}, line {number}")
        if query in found:
            raise InvalidFile(f"{path}, line {number}: query {query!r} stands twice; rename one")
        found[query] = asked
    return found


def _query_of_tabs(line: str, where: str) -> tuple[str, Any]:
    query, tab, text = line.partition("\t")
    if not tab or not query.strip() or not text.strip():
        raise InvalidFile(f"{where}: expected an id, a tab and a text; got {line.strip():.60}")
    return query.strip(), text.strip()


def _query_of_json(line: str, where: str) -> tuple[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise InvalidFile(f"{where}: no JSON ({error})") from error
    asked = None
    if isinstance(record, dict):
        id_ = record.get("id", record.get("_id"))
        asked = record.get("text", record.get("vector"))
    if asked is None or id_ is None:
        raise InvalidFile(
            f"{where}: expected an object with id (or _id), and text or vector; got {line:.60}"
        )
    return str(id_), asked
