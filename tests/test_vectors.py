"""`as_dense` takes a short way for what is sound at a glance, and it changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from likewise import vectors
from likewise.metrics import resolve
from likewise.vectors import as_dense

rng = np.random.default_rng(0)
ROWS = rng.standard_normal((6, 4)).astype(np.float32)


def changed(value: float, where: Any = (2, 1)) -> Any:
    rows = ROWS.copy()
    rows[where] = value
    return rows


CASES = {
    "one query": ROWS[0],
    "one query, not contiguous": np.repeat(ROWS[0], 2)[::2],
    "rows": ROWS,
    "columns first": np.asfortranarray(ROWS),
    "every other": ROWS[::2],
    "mapped the other way round": ROWS.astype(">f4"),
    "doubles": ROWS.astype(np.float64),
    "a subclass": ROWS.view(np.recarray),
    "wrong length": ROWS[:, :3].copy(),
    "one of wrong length": ROWS[0, :3].copy(),
    "three axes": ROWS[None],
    "no rows": ROWS[:0],
    "no numbers": np.empty(0, dtype=np.float32),
    "NaN": changed(np.nan),
    "infinity": changed(np.inf),
    "both infinities": changed(-np.inf, (slice(1, 3), 0)),
    "one with NaN": changed(np.nan)[2],
    "one with infinity": changed(np.inf)[2],
    "squares beyond float32": changed(3e30),
    "one whose squares are beyond": changed(3e30)[2],
    "a zero row": changed(0.0, 3),
    "a zero query": np.zeros(4, dtype=np.float32),
    "squares below float32": ROWS * np.float32(1e-30),
    "one whose squares are below": ROWS[0] * np.float32(1e-30),
}


def outcome(values: Any, metric: str) -> Any:
    try:
        made = as_dense(values, dim=4, metric=resolve(metric), what="Q")
    except ValueError as error:
        return type(error), str(error)
    assert made.flags.c_contiguous
    assert made.dtype == np.float32
    return made.shape, made.tobytes(), np.shares_memory(made, values)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("case", list(CASES))
def test_the_short_way_changes_nothing(
    case: str, metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = outcome(CASES[case], metric)
    monkeypatch.setattr(vectors, "_at_once", lambda *_: None)
    assert quick == outcome(CASES[case], metric)


@pytest.mark.parametrize("case", ["one query", "rows"])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_the_usual_case_goes_the_short_way(
    case: str, metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(vectors, "_to_array")
    assert as_dense(CASES[case], dim=4, metric=resolve(metric)).shape[1] == 4
