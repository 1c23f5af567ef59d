"""The measures and the verdict of `hybrid_fusion`, by values found by hand."""

from __future__ import annotations

import numpy as np
import pytest

from replications._judged_texts import chance_of_no_gain, ndcg
from replications.hybrid_fusion import BRANCHES, Measured, outcome
from replications.protocol import Verdict


def test_ndcg() -> None:
    grades = {"a": 2.0, "b": 1.0}
    assert ndcg(["a", "b"], grades) == 1.0
    assert ndcg(["x", "a"], grades) == pytest.approx((2 / np.log2(3)) / (2 + 1 / np.log2(3)))
    assert ndcg(["x", "y", "a"], grades, k=2) == 0.0
    assert ndcg([], grades) == 0.0


def test_the_chance_of_no_gain() -> None:
    assert chance_of_no_gain(np.ones(50), np.zeros(50), 0) == 0.0
    assert chance_of_no_gain(np.zeros(50), np.zeros(50), 0) == 1.0
    noise = np.random.default_rng(0).standard_normal(400)
    assert 0.3 < chance_of_no_gain(noise, np.full(400, noise.mean()), 1) < 0.7


@pytest.mark.parametrize(
    ("fused", "paper", "verdict"),
    [
        (0.6, 0.7, Verdict.REPRODUCED),
        (0.6, 0.6, Verdict.PARTLY),
        (0.5, 0.7, Verdict.NOT_REPRODUCED),
    ],
)
def test_the_verdict_follows_the_rule(fused: float, paper: float, verdict: Verdict) -> None:
    alone = dict.fromkeys(BRANCHES, np.full(30, 0.5))
    both = {name: np.full(30, fused) for name in ("rrf", "score")}
    theirs = {f"score / best, vectors {weight}": np.full(30, paper) for weight in (0.8, 0.5)}
    found = outcome([Measured("one", 10, alone | both | theirs)], 0)
    assert found.verdict is verdict
    assert len(found.tables[1].rows) == 6
