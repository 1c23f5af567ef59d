"""The collection does with fields of terms, bags and Gaussians what every store must do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import likewise as lw
from likewise.index import multivector
from likewise.testing.fields import FieldsConformance
from tests.store.small import GRAPH_FIRST, shrink


class TestFields(FieldsConformance):
    """As it is: tails and scans."""


class TestSmallLimits(FieldsConformance):
    """Limits so low that segments merge, have graphs, and bags are proposed."""

    metric = "dot"
    storage = "8-bit"

    @pytest.fixture(autouse=True)
    def _small_limits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shrink(monkeypatch)
        monkeypatch.setattr(multivector, "SMALLEST", 32)

    def create(self, path: Path, **options: Any) -> lw.Collection:
        return lw.create(path, costs=GRAPH_FIRST, **options)

    def open(self, path: Path, **options: Any) -> lw.Collection:
        return lw.open(path, costs=GRAPH_FIRST, **options)
