"""Levels of abstention against plain counts and against simulation, and what they refuse."""

import numpy as np
import pytest
from scipy.stats import binom

from likewise.errors import InvalidArgument, InvalidType
from likewise.learn import abstention_level
from likewise.learn.abstention import LEVELS, cost_level, error_bound, rows_for_error


@pytest.mark.parametrize(("errors", "count"), [(0, 10), (3, 50), (40, 50), (1, 2)])
def test_the_bound_is_the_rate_at_which_so_few_errors_have_that_probability(errors, count):
    bound = error_bound(errors, count, 0.05)
    assert binom.cdf(errors, count, bound) == pytest.approx(0.05)


def test_nothing_right_or_nothing_seen_bounds_nothing():
    assert error_bound(5, 5, 0.05) == error_bound(0, 0, 0.05) == 1.0


@pytest.mark.parametrize(("error", "certainty"), [(0.05, 0.95), (0.2, 0.9), (0.01, 0.99)])
def test_the_rows_needed_are_the_fewest(error, certainty):
    n = rows_for_error(error, certainty)
    ones = np.ones(n)
    assert abstention_level(ones, ones, error, certainty=certainty) == 0.0
    with pytest.raises(InvalidArgument, match=f"{n} rows without an error are needed"):
        abstention_level(ones[1:], ones[1:], error, certainty=certainty)


def test_the_lowest_level_that_is_good():
    rng = np.random.default_rng(0)
    sure = rng.random(5_000)
    right = rng.random(5_000) < sure
    level = abstention_level(sure, right, 0.1)
    doubt = 0.05 / len(LEVELS)
    good = []
    for each in LEVELS:
        wrong = [not r for s, r in zip(sure, right, strict=True) if s >= each]
        if wrong and binom.cdf(sum(wrong), len(wrong), 0.1) <= doubt:
            good.append(each)
    assert level == min(good)
    assert 0.8 <= level < 0.95  # errors of the rows above l are (1 - l) / 2


def test_the_promise_is_kept_as_often_as_stated():
    """Above level l the rate of errors is (1 - l) / 2, so that 0.8 is the least that is right."""
    broken, chosen = 0, set()
    for seed in range(300):
        rng = np.random.default_rng(seed)
        sure = rng.random(400)
        right = rng.random(400) < sure
        try:
            level = abstention_level(sure, right, 0.1, certainty=0.8)
        except InvalidArgument:
            continue
        chosen.add(level)
        broken += (1 - level) / 2 > 0.1
    assert len(chosen) > 1
    assert broken <= 60  # 20 % of 300


def test_a_cost_is_a_level():
    assert cost_level(0.2) == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("confidence", "right", "options", "error", "message"),
    [
        ([0.5], [True, False], {"error": 0.1}, InvalidArgument, "as long as each other"),
        ([1.5], [True], {"error": 0.1}, InvalidArgument, r"confidence must lie in \[0, 1\]"),
        ([np.nan], [True], {"error": 0.1}, InvalidArgument, r"confidence must lie in \[0, 1\]"),
        ([0.5], [True], {"error": 1.0}, InvalidArgument, "error must lie between 0 and 1"),
        ([0.5], [True], {"error": "a"}, InvalidType, "error must be a number"),
        ([0.5], [True], {"error": 0.1, "certainty": 0}, InvalidArgument, "certainty must lie"),
        ([], [], {"error": 0.1}, InvalidArgument, "58 rows without an error"),
    ],
)
def test_refusals(confidence, right, options, error, message):
    with pytest.raises(error, match=message):
        abstention_level(np.array(confidence), np.array(right), **options)
