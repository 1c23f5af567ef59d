"""Which family is advised, and that the advice says why."""

import pytest

from likewise.errors import InvalidArgument, InvalidType, OverLimit, UnknownArgument, UnknownMetric
from likewise.index import INDEXES, CostModel, recommend

#: What is built for its own sake: prefixes of vectors are a way to save, Gaussians other values.
OTHERS = {"prefix", "gaussian"}


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({"n": 0, "dim": 3}, "exact"),
        ({"n": 300_000, "dim": 384, "windows": True}, "window"),
        ({"n": 300_000, "dim": 2, "windows": True}, "window"),
        ({"n": 1_000, "dim": 384, "windows": True}, "exact"),
        ({"n": 2_000, "dim": 384}, "exact"),
        ({"n": 1_000_000, "dim": 2}, "tree"),
        ({"n": 1_000_000, "dim": 2, "metric": "dot"}, "graph"),
        ({"n": 300_000, "dim": 384}, "graph"),
        ({"n": 300_000, "dim": 384, "recall": 1.0}, "exact"),
        ({"n": 300_000, "dim": 3, "recall": 1.0}, "tree"),
        ({"n": 300_000, "dim": 384, "queries": 5}, "exact"),
        ({"n": 300_000, "dim": 384, "metric": "jaccard"}, "graph"),
        ({"n": 300_000, "dim": 384, "build_seconds": 40.0}, "inverted"),
    ],
)
def test_the_advice(asked, name):
    advice = recommend(**asked)
    assert advice.name == name
    assert set(advice.candidates) == set(INDEXES) - OTHERS
    assert "ms a query" in advice.reason
    assert advice.make(asked.get("metric", "cosine")).name == name


def test_what_is_refused_says_why():
    advice = recommend(300_000, 384, "dot", memory_limit=600_000_000)
    assert "triangle" in advice.candidates["tree"].refused or advice.candidates["tree"].refused
    assert "MB" in advice.candidates["graph"].refused
    assert advice.candidates["graph"].refused in advice.reason
    assert advice.candidates[advice.name].plan.bytes <= 600_000_000


def test_dearer_reading_favours_what_reads_less():
    slow = CostModel(streamed=2e-8, gathered=8e-8)
    assert recommend(1_000, 384).name == "exact"
    assert recommend(30_000, 384, costs=slow).name != "exact"


def test_errors():
    with pytest.raises(OverLimit, match=r"exact: it takes .* MB of 0\.0 MB"):
        recommend(1_000, 10, memory_limit=10)
    with pytest.raises(UnknownMetric):
        recommend(10, 10, "haversine")
    with pytest.raises(InvalidArgument, match="dim"):
        recommend(10, 0)
    with pytest.raises(InvalidType, match="costs"):
        recommend(10, 10, costs=3)
    with pytest.raises(UnknownArgument, match="did you mean 'dim'"):
        recommend(10, dimension=3)
