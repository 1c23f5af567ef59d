"""`CosineAdapter`: its formula and gradient, what it learns, and what it refuses."""

import json

import numpy as np
import pytest
from scipy.optimize import check_grad

from likewise.errors import (
    DimensionMismatch,
    InvalidArgument,
    InvalidType,
    InvalidVector,
    NotFitted,
    UnknownArgument,
)
from likewise.index import CosineAdapter
from likewise.index._adapter_network import FORMS, Pairs, initial
from likewise.index._precision_recall import PrecisionRecall

DIM = 6


def simulated(queries=150, rows=25, told=1.5, seed=0):
    """Pairs by a logistic curve whose middle moves with the first number of the query."""
    rng = np.random.default_rng(seed)
    Q = rng.normal(size=(queries, DIM))
    Q /= np.linalg.norm(Q, axis=1, keepdims=True)
    of = np.repeat(np.arange(queries), rows)
    cosines = rng.uniform(0, 1, len(of))
    middle = 0.6 + 0.2 * np.tanh(told * Q[:, 0])
    truth = 1 / (1 + np.exp(-25 * (cosines - middle[of])))
    return Q, of, cosines, rng.random(len(of)) < truth, truth


def by_hand(adapter, query, cosine):
    """One pair through the network, number by number."""
    state = adapter.to_dict()["network"]
    dim, hidden, outputs = state["dim"], state["hidden"], FORMS[state["form"]]
    flat = iter(state["weights"])
    first = [[next(flat) for _ in range(hidden)] for _ in range(dim)]
    shift = [next(flat) for _ in range(hidden)]
    second = [[next(flat) for _ in range(outputs)] for _ in range(hidden)]
    last = [next(flat) for _ in range(outputs)]
    query = [x / np.linalg.norm(query) * np.sqrt(dim) for x in query]
    units = [
        np.tanh(sum(query[i] * first[i][j] for i in range(dim)) + shift[j]) for j in range(hidden)
    ]
    raw = [sum(units[j] * second[j][o] for j in range(hidden)) + last[o] for o in range(outputs)]
    slope = np.log1p(np.exp(raw[0]))
    if state["form"] == "power":
        cosine = max(cosine, 1e-9) ** np.exp(2 * np.tanh(raw[2]))
    place = (cosine - state["centre"]) / state["spread"]
    return 1 / (1 + np.exp(-slope * (place - raw[1])))


@pytest.mark.parametrize("form", FORMS)
def test_the_gradient_is_that_of_the_loss(form):
    Q, of, cosines, relevant, _ = simulated(20, 5)
    pairs = Pairs(Q.astype(np.float32), of, cosines - 0.2, relevant)
    network = initial(DIM, 3, form, pairs, seed=1)
    rng = np.random.default_rng(2)
    flat = network.flat + rng.normal(scale=0.3, size=network.flat.shape)
    for penalty in (0.0, 0.1, np.inf):
        error = check_grad(
            lambda x, p=penalty: network.loss(x, pairs, p)[0],
            lambda x, p=penalty: network.loss(x, pairs, p)[1],
            flat,
        )
        assert error < 1e-5, penalty


@pytest.mark.parametrize("form", FORMS)
def test_a_probability_is_its_formula_and_rises_with_the_cosine(form):
    Q, of, cosines, relevant, _ = simulated(40, 10)
    adapter = CosineAdapter(form, hidden=3, penalty=0.001).fit(Q, of, cosines, relevant)
    grid = np.linspace(-1, 1, 101)
    found = adapter.probability(3 * Q[:4], np.tile(grid, (4, 1)))
    for i in range(4):
        expected = [by_hand(adapter, Q[i].astype(np.float32).tolist(), s) for s in grid]
        assert found[i] == pytest.approx(expected, abs=1e-5)
    assert (np.diff(found, axis=1) >= 0).all()
    assert np.array_equal(adapter.keeps(Q[0], grid), found[0] >= adapter.threshold)


def test_it_learns_what_a_query_says_and_is_calibrated():
    Q, of, cosines, relevant, truth = simulated(400)
    adapter = CosineAdapter(random_state=1).fit(
        Q[:300], of[of < 300], cosines[of < 300], relevant[of < 300]
    )
    one = CosineAdapter(penalty=np.inf).fit(
        Q[:300], of[of < 300], cosines[of < 300], relevant[of < 300]
    )
    held = cosines[of >= 300].reshape(100, -1)
    expected = truth[of >= 300].reshape(100, -1)
    error, other = (np.abs(a.probability(Q[300:], held) - expected).mean() for a in (adapter, one))
    assert adapter.chosen < np.inf
    assert error < 0.5 * other
    assert adapter.probability(Q[300:], held).mean() == pytest.approx(expected.mean(), abs=0.02)


def test_where_queries_say_nothing_one_curve_is_left():
    rng = np.random.default_rng(3)
    Q, of, cosines, _, _ = simulated(100)
    offset = 0.6 + 0.1 * rng.normal(size=100)  # of each query, and not to be told from it
    relevant = rng.random(len(of)) < 1 / (1 + np.exp(-25 * (cosines - offset[of])))
    adapter = CosineAdapter().fit(Q, of, cosines, relevant)
    assert adapter.chosen >= 0.03
    middle = adapter.probability(Q, np.full((100, 1), 0.6))
    assert np.ptp(middle) < 0.2


def test_the_threshold_is_that_of_the_best_f1_of_held_out_queries():
    Q, of, cosines, relevant, _ = simulated(60)
    adapter = CosineAdapter(penalty=np.inf).fit(Q, of, cosines, relevant)
    curve = adapter.curve
    f1 = 2 * curve.precision * curve.recall / (curve.precision + curve.recall)
    assert adapter.threshold == curve.thresholds[f1.argmax()]
    adapter.threshold = curve.at_recall(0.95)
    kept = adapter.keeps(Q, cosines.reshape(60, -1)).ravel()
    assert (kept & relevant).sum() / relevant.sum() == pytest.approx(0.95, abs=0.03)


def test_a_curve_is_what_counting_gives():
    rng = np.random.default_rng(4)
    probability, relevant = rng.random(900).round(2), rng.random(900) < 0.5
    curve = PrecisionRecall.measured(probability, relevant)
    for level, precision, recall in zip(
        curve.thresholds, curve.precision, curve.recall, strict=True
    ):
        kept = probability >= level
        assert precision == pytest.approx(relevant[kept].mean())
        assert recall == pytest.approx(kept[relevant].mean())
    assert curve.recall[0] == 1.0
    assert len(PrecisionRecall.measured(rng.random(5000), np.ones(5000, bool)).thresholds) <= 200


def test_the_same_seed_gives_the_same_bytes_and_the_state_is_plain():
    data = simulated(30)[:4]
    for options in ({"form": "power"}, {"penalty": np.inf, "hidden": 2}):
        one, two = (CosineAdapter(**options, random_state=5).fit(*data) for _ in range(2))
        assert one.to_dict() == two.to_dict()
        again = CosineAdapter.from_dict(json.loads(json.dumps(one.to_dict(), allow_nan=False)))
        assert again.to_dict() == one.to_dict()
        grid = np.linspace(0, 1, 9)
        assert np.array_equal(
            again.probability(data[0][0], grid), one.probability(data[0][0], grid)
        )
    assert repr(again).startswith("CosineAdapter('linear', dim=6, threshold=0.")


# -- errors ----------------------------------------------------------------------------


def test_wrong_options():
    with pytest.raises(InvalidArgument, match="form must be one of linear, power; got 'cubic'"):
        CosineAdapter("cubic")
    with pytest.raises(InvalidArgument, match="penalty must be at least 0"):
        CosineAdapter(penalty=-1)
    with pytest.raises(UnknownArgument, match="did you mean 'random_state'"):
        CosineAdapter(seed=1)
    with pytest.raises(InvalidArgument, match="slope must be above 0"):
        CosineAdapter.global_curve(slope=0, middle=0.5, dim=2)
    with pytest.raises(InvalidArgument, match=r"takes what CosineAdapter.to_dict"):
        CosineAdapter.from_dict({"kind": "null"})
    adapter = CosineAdapter()
    with pytest.raises(InvalidArgument, match="threshold is a probability"):
        adapter.threshold = 1.5
    for call in (lambda: adapter.probability([1, 0], [0.5]), adapter.to_dict, lambda: adapter.dim):
        with pytest.raises(NotFitted, match="call fit"):
            call()
    assert repr(adapter) == "CosineAdapter('linear', not fitted)"


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"of": [0.5] * 50}, InvalidType, "of must be"),
        ({"of": [0] * 49}, DimensionMismatch, "must be of one length"),
        ({"of": [10] * 50}, InvalidArgument, "of names query 10; there are 10"),
        ({"of": [-1] * 50}, InvalidArgument, "of names query -1"),
        ({"of": [0] * 50}, InvalidArgument, "at least 8 queries, to hold some out; got 1"),
        ({"cosines": ["near"] * 50}, InvalidType, "cosines must be numbers"),
        ({"cosines": [1.2] * 50}, InvalidArgument, r"a cosine is in \[-1, 1\]; got 1.2"),
        ({"cosines": [np.nan] * 50}, InvalidArgument, "got nan at position 0"),
        ({"relevant": [2] * 50}, InvalidArgument, "relevant must be True or False"),
        ({"relevant": [1] * 50}, InvalidArgument, "all 50 pairs are relevant"),
        ({"relevant": [0] * 50}, InvalidArgument, "all 50 pairs are not relevant"),
        ({"queries": np.zeros((10, DIM))}, InvalidVector, "row 0 is a zero vector"),
    ],
)
def test_wrong_pairs(change, error, words):
    Q, of, cosines, relevant, _ = simulated(10, 5)
    data = {"queries": Q, "of": of, "cosines": cosines, "relevant": relevant} | change
    with pytest.raises(error, match=words):
        CosineAdapter().fit(**data)


def test_wrong_questions():
    adapter = CosineAdapter.global_curve(slope=10, middle=0.5, dim=3)
    with pytest.raises(DimensionMismatch, match="rows hold 3 numbers"):
        adapter.probability([1, 0], [0.5])
    with pytest.raises(DimensionMismatch, match="a row a query: 2 queries came with"):
        adapter.probability(np.eye(3)[:2], [0.5])
    with pytest.raises(InvalidArgument, match="a cosine is in"):
        adapter.probability([1, 0, 0], [-1.5])
    curve = PrecisionRecall.measured(np.array([0.9, 0.95]), np.array([True, False]))
    with pytest.raises(InvalidArgument, match=r"no threshold gives a precision of 0.9"):
        curve.at_precision(0.9)
    with pytest.raises(InvalidArgument, match=r"recall must be in \[0, 1\]"):
        curve.at_recall(2)
