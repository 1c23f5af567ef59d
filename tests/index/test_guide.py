"""The index that the guide builds is a real one: it passes the conformance class."""

from pathlib import Path
from typing import Any

import numpy as np

from likewise.testing.index import IndexConformance
from tests import markdown

PAGE = Path(__file__).parents[2] / "docs" / "arrays.md"


def defined(name: str) -> Any:
    """The class called ``name`` of the page, without what the page does with it."""
    source = next(text for _, text in markdown.blocks(PAGE) if f"class {name}(" in text)
    names: dict[str, Any] = {"np": np, "__name__": "guide"}
    exec(compile(source.partition("\nmine = ")[0], str(PAGE), "exec"), names)
    return names[name]


class TestNorms(IndexConformance):
    index = defined("Norms")
    metrics = ("euclidean",)
    recall = 0.99
    slack = 0.0


def test_lengths_rule_rows_out() -> None:
    X = np.outer(np.arange(1, 1001), np.ones(3)).astype(np.float32)
    found = TestNorms.index("euclidean").fit(X).search(X[:1], 5)
    assert found.ids.tolist() == [[0, 1, 2, 3, 4]]
    assert found.info.scanned < 20
