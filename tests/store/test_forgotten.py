"""A collection nobody refers to any more closes itself, whichever thread finds it."""

from __future__ import annotations

import gc
import threading
from pathlib import Path

import numpy as np
import pytest

import likewise as lw
from likewise.store import sealing


def test_garbage_found_by_the_sealer_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The collector may run in any thread; the sealer's cannot wait for its own end."""
    dropped, looked = threading.Event(), threading.Event()

    def collect(_: sealing.Sealer) -> None:
        dropped.wait(10)
        gc.collect()
        looked.set()

    monkeypatch.setattr(sealing, "QUIET_SECONDS", 0.001)
    monkeypatch.setattr(sealing.Sealer, "_work_behind", collect)
    col = lw.create(tmp_path / "c", dim=2, metric="euclidean")
    col.upsert([{"id": "a", "vector": np.ones(2)}])
    knot = [col]
    knot.append(knot)  # type: ignore[arg-type]
    del col, knot
    dropped.set()
    assert looked.wait(10)
    for thread in threading.enumerate():
        if thread.name == "likewise-closer":
            thread.join()
    # Unlocked and closed: another may write (here, another object of this process).
    with lw.open(tmp_path / "c", timeout=0) as again:
        again.delete(["a"])
        assert len(again) == 0
