"""`HealthFinding` and `AuditReport`: what an audit found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from likewise.errors import InvalidArgument, MissingExtra

if TYPE_CHECKING:
    import pandas as pd

Float64Array = npt.NDArray[np.float64]

#: Rows that a message names; the others are counted.
NAMED = 5


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """Something that an audit found.

    Attributes:
        code: a stable name, such as ``"wrong_label"``.
        message: what seems wrong, and where.
        severity: ``"error"`` for what is certain (a row that is no numbers, copies with two
            labels, a test row among the training rows), ``"warning"`` for what is likely,
            ``"notice"`` for what is worth knowing.
        where: the rows, in words, such as ``"rows 3 and 9"``.
        rows: the rows concerned: their numbers in the table, or the names that were given.
        score: in [0, 1], higher is worse; each code says what it is.
        remedy: what to do.
        test_rows: rows of the test table, where it is concerned.
        suggested: the label or the number that would fit, where there is one.
        evidence: the rows that say so, nearest first, where it is neighbours that do.

    Example:
        >>> finding = HealthFinding("rare", "row 7 is far from all others", rows=(7,), score=0.9)
        >>> print(finding)
        warning rare: row 7 is far from all others
        >>> finding.where
        'row 7'
    """

    code: str
    message: str
    severity: str = "warning"
    where: str = ""
    rows: tuple[Any, ...] = ()
    score: float = 0.0
    remedy: str = ""
    test_rows: tuple[Any, ...] = ()
    suggested: Any = None
    evidence: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        if not self.where:
            parts = [named(self.rows)] if self.rows else []
            parts += [f"test {named(self.test_rows)}"] if self.test_rows else []
            object.__setattr__(self, "where", ", ".join(parts) or "the table")

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON.

        Example:
            >>> HealthFinding("rare", "far away", rows=(7,)).to_dict()["rows"]
            (7,)
        """
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.severity} {self.code}: {self.message}"


def named(rows: Sequence[Any]) -> str:
    """Rows in words, the first few by name.

    Example:
        >>> named([7]), named(["a3", "a9"]), named(range(8))
        ('row 7', "rows 'a3' and 'a9'", 'rows 0, 1, 2, 3, 4 and 3 more')
    """
    words = [repr(row) for row in rows[:NAMED]]
    if len(rows) > NAMED:
        words.append(f"{len(rows) - NAMED:,} more")
    if len(words) == 1:
        return f"row {words[0]}"
    return f"rows {', '.join(words[:-1])} and {words[-1]}"


@dataclass(frozen=True)
class AuditReport:
    """All that an audit found; iterates over its findings, the worst of each code first.

    Attributes:
        findings: every `HealthFinding`, code by code.
        scores: a (rows,) array for each check that gives rows one, in [0, 1], higher is worse;
            ``"value"`` alone is not: it is the Shapley value, below 0 where a row does harm. A
            row that a check leaves out (numbers that are not finite, no label) has 0.
        skipped: the checks that were not run, and why.
        rows: how many rows were looked at. task: classification, regression, or "" without labels.

    Example:
        >>> report = AuditReport([HealthFinding("rare", "row 7 is far", rows=(7,), score=0.9)])
        >>> len(report), report["rare"][0].rows, report.rows_of("rare")
        (1, (7,), [7])
    """

    findings: Sequence[HealthFinding]
    scores: Mapping[str, Float64Array] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0
    task: str = ""

    def __iter__(self) -> Iterator[HealthFinding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __getitem__(self, code: str) -> list[HealthFinding]:
        """The findings of one code; empty when there are none."""
        return [finding for finding in self.findings if finding.code == code]

    def rows_of(self, code: str) -> list[Any]:
        """The rows of all findings of a code, once each, those of the worst finding first.

        Example:
            >>> report = AuditReport([HealthFinding("rare", "far", rows=(7,), score=0.9)])
            >>> report.rows_of("rare"), report.rows_of("near_duplicate")
            ([7], [])
        """
        return list(dict.fromkeys(row for finding in self[code] for row in finding.rows))

    def counts(self) -> dict[str, int]:
        """How many findings each code has.

        Example:
            >>> AuditReport([HealthFinding("rare", "far", rows=(7,))]).counts()
            {'rare': 1}
        """
        codes = dict.fromkeys(finding.code for finding in self.findings)
        return {code: len(self[code]) for code in codes}

    def summary(self, examples: int = 3) -> str:
        """A table to print: a code a line with its numbers, then the worst findings of each.

        Args:
            examples: how many findings of each code are written out; 0 is none.

        Example:
            >>> finding = HealthFinding("rare", "row 7 is far", rows=(7,), score=0.9)
            >>> print(AuditReport([finding], rows=50).summary())
            50 rows, no labels: 1 finding
            <BLANKLINE>
            code  severity  findings  rows  worst
            rare  warning          1     1  0.900
            <BLANKLINE>
            rare
              0.900  row 7 is far
        """
        if isinstance(examples, bool) or not isinstance(examples, int) or examples < 0:
            raise InvalidArgument(f"examples must be a count, 0 or more; got {examples!r}")
        task = self.task or "no labels"
        count = f"{len(self):,} finding{'s' if len(self) != 1 else ''}"
        parts = [f"{self.rows:,} rows, {task}: {count}"]
        groups = {code: self[code] for code in self.counts()}
        if groups:
            parts.append(_table(groups))
        for code, found in groups.items() if examples else ():
            lines = [f"  {one.score:.3f}  {one.message}" for one in found[:examples]]
            if len(found) > examples:
                lines.append(f"  ... and {len(found) - examples:,} more")
            remedy = [f"  {found[0].remedy}"] if found[0].remedy else []
            parts.append("\n".join([code, *lines, *remedy]))
        if self.skipped:
            lines = [f"  {name}: {why}" for name, why in self.skipped.items()]
            parts.append("\n".join(["not run", *lines]))
        return "\n\n".join(parts)

    def __str__(self) -> str:
        return self.summary()

    def to_dicts(self) -> list[dict[str, Any]]:
        """A dict a finding, of plain values.

        Example:
            >>> AuditReport([HealthFinding("rare", "far", rows=(7,))]).to_dicts()[0]["code"]
            'rare'
        """
        return [finding.to_dict() for finding in self.findings]

    def to_pandas(self) -> pd.DataFrame:
        """A DataFrame, one row a finding (extra ``pandas``).

        Raises:
            MissingExtra: pandas is not installed.

        Example:
            >>> report = AuditReport([HealthFinding("rare", "far", rows=(7,))])
            >>> report.to_pandas()["code"].tolist()
            ['rare']
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingExtra(
                "to_pandas() needs pandas: pip install 'likewise[pandas]'"
            ) from error
        names = list(HealthFinding.__dataclass_fields__)
        return pd.DataFrame(self.to_dicts(), columns=names)


def _table(groups: Mapping[str, list[HealthFinding]]) -> str:
    """The numbers of each code, in columns."""
    lines = [("code", "severity", "findings", "rows", "worst")]
    for code, found in groups.items():
        rows = {row for one in found for row in one.rows}
        worst = max(one.score for one in found)
        lines.append((code, found[0].severity, f"{len(found):,}", f"{len(rows):,}", f"{worst:.3f}"))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    shown = (
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )
    return "\n".join(line.rstrip() for line in shown)
