"""Metrics are pickled: those of the registry by their names, others by what they are made of."""

import pickle
from dataclasses import replace

import pytest

from likewise.metrics import METRICS, cosine


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_of_the_registry_is_the_same_one(name):
    assert pickle.loads(pickle.dumps(METRICS[name])) is METRICS[name]


def test_another_metric_is_equal():
    plain = {"score": abs, "from_score": abs, "pairwise": cosine}
    mine = replace(METRICS["cosine"], name="mine", **plain)
    assert pickle.loads(pickle.dumps(mine)) == mine
