"""`Run`: what a search found for each query, and the files of TREC that hold it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from likewise._arguments import suggest_arguments
from likewise.errors import InvalidArgument, InvalidFile
from likewise.store.writers.writing import Writing


class Run(Mapping[str, Mapping[str, float]]):
    """``run[query][id]`` is the score of a row found; the best comes first. Ids are strings.

    Args:
        found: {query: {id: score}}, the order of the ids being the order of the answer.
        tag: the name of the run in files.

    Example:
        >>> run = Run({"q1": {"a": 0.9, "b": 0.4}})
        >>> run["q1"]["b"], list(run["q1"])
        (0.4, ['a', 'b'])
    """

    def __init__(self, found: Mapping[str, Mapping[str, float]], tag: str = "likewise") -> None:
        self._found = {str(query): dict(rows) for query, rows in found.items()}
        self.tag = tag

    def __getitem__(self, query: str) -> Mapping[str, float]:
        return self._found[query]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        hits = sum(map(len, self._found.values()))
        return f"Run({self.tag!r}, {len(self)} queries, {hits} hits)"

    @suggest_arguments
    def save(self, path: str | Path) -> None:
        """Write a run file of TREC: query, Q0, id, rank, score, tag.

        Tools of TREC sort by the score, in single precision, and pay no heed to the rank. Scores
        that are equal there are lowered by the least that keeps our order.

        Raises:
            InvalidArgument: an id, a query or the tag is empty or has a space in it, which such
                files cannot hold.

        Cost: a microsecond a hit.

        Example:
            >>> Run({"q1": {"a": 0.5, "b": 0.5}}).save("x.trec")
            >>> from pathlib import Path
            >>> print(Path("x.trec").read_text(), end="")
            q1 Q0 a 1 0.5 likewise
            q1 Q0 b 2 0.49999997 likewise
        """
        lines = []
        for query, rows in self._found.items():
            last = np.float32(np.inf)
            for rank, (id_, score) in enumerate(rows.items(), 1):
                last = min(np.float32(score), np.nextafter(last, np.float32(-np.inf)))
                for word in (query, id_, self.tag):
                    if len(word.split()) != 1 or word != word.strip():
                        raise InvalidArgument(
                            f"a run file of TREC has spaces between its columns; {word!r} "
                            "cannot stand in one"
                        )
                lines.append(f"{query} Q0 {id_} {rank} {last!s} {self.tag}\n")
        target = Path(path).absolute()
        with Writing(target, using=None, progress=None) as writing:
            writing.aside(target).write_text("".join(lines), encoding="utf-8")


@suggest_arguments
def read_run(path: str | Path) -> Run:
    """The run in a TREC file: query, Q0, id, rank, score, tag, with spaces or tabs between.

    As with the tools of TREC, the order is that of the scores in single precision, and of the
    ids, backwards, where these are equal; the rank is not looked at.

    Raises:
        InvalidFile: it cannot be read; the line is named.

    Cost: two microseconds a hit.

    Example:
        >>> Run({"q1": {"a": 0.9, "b": 0.4}}).save("x.trec")
        >>> read_run("x.trec")
        Run('likewise', 1 queries, 2 hits)
    """
    found: dict[str, dict[str, float]] = {}
    tag = "likewise"
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidFile(f"{path}: cannot be read as a run file of TREC ({error})") from error
    for number, line in enumerate(lines, 1):
        cells = line.split()
        if not cells:
            continue
        if len(cells) != 6:
            raise InvalidFile(
                f"{path}, line {number}: expected query, Q0, id, rank, score and tag; "
                f"got {line.strip():.60}"
            )
        query, _, id_, _, score, tag = cells
        rows = found.setdefault(query, {})
        if id_ in rows:
            raise InvalidFile(f"{path}, line {number}: query {query!r} has id {id_!r} twice")
        try:
            rows[id_] = float(score)
        except ValueError:
            raise InvalidFile(
                f"{path}, line {number}: a score must be a number; got {score!r}"
            ) from None
        if not np.isfinite(rows[id_]):
            raise InvalidFile(f"{path}, line {number}: a score must be finite; got {score!r}")
    return Run({query: _sorted(rows) for query, rows in found.items()}, tag)


def _sorted(rows: dict[str, float]) -> dict[str, float]:
    ids = sorted(rows, reverse=True)  # a stable sort by score then leaves them so
    ids.sort(key=lambda id_: float(np.float32(rows[id_])), reverse=True)
    return {id_: rows[id_] for id_ in ids}
