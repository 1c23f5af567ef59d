from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import f1_score
from sklearn.neighbors import KNeighborsClassifier

from likewise.errors import InvalidArgument, InvalidType, MissingExtra, UnknownArgument
from likewise.index import Exact, Graph, Sparse
from likewise.learn import (
    DeepCodes,
    LabelCodeNeighbors,
    LinearCodes,
    best_threshold,
    decoded_votes,
    vote_weights,
)
from likewise.learn.label_votes import label_votes, most_likely
from likewise.testing.estimator import EstimatorConformance

LCN = LabelCodeNeighbors


class TestLabelCodeNeighbors(EstimatorConformance):
    def make(self, **options):
        return LabelCodeNeighbors(**options)


def world(rows=120, labels=9, seed=0):
    """Rows near one of three places, each with labels that go together; one label is of none."""
    rng = np.random.default_rng(seed)
    place = rng.integers(0, 3, rows)
    X = rng.standard_normal((rows, 3)) + 2.5 * np.eye(3)[place]
    together = np.zeros((3, labels), dtype=np.int64)
    for i in range(labels - 1):
        together[i % 3, i] = 1
    return X, together[place] * (rng.random((rows, labels)) < 0.8)


def weights_plainly(distances):
    beyond = [d - distances[0] for d in distances]
    scale = sum(beyond) / len(beyond) or 1.0
    raised = [np.exp(-b / scale) for b in beyond]
    return [r / sum(raised) for r in raised]


# -- pieces -------------------------------------------------------------------------


def test_weights_are_those_of_the_formula_in_any_unit():
    lists = [[1.0, 2.0, 5.0], [], [3.0], [2.0, 2.0], [-9.0, -4.0]]
    ids = [[0, 4, 2], [], [1], [2, 3], [4, 0]]
    offsets = np.cumsum([0, *map(len, lists)])
    flat, d = np.concatenate(ids).astype(int), np.concatenate(lists)
    W = vote_weights(flat, d, offsets, 5).toarray()
    wanted = np.zeros((5, 5))
    for i, (at, own) in enumerate(zip(ids, lists, strict=True)):
        wanted[i, at] = weights_plainly(own) if own else []
    np.testing.assert_allclose(W, wanted)
    other = vote_weights(flat, 7 * d + 1, offsets, 5)
    np.testing.assert_allclose(other.toarray(), W)


def test_the_best_threshold_is_the_best_of_all():
    for seed in range(8):
        rng = np.random.default_rng(seed)
        scores = rng.integers(1, 6, (6, 3)) / 6
        truth = rng.integers(0, 2, (6, 3))
        truth[0, 0] = 1

        def f1(t, truth=truth, scores=scores):
            answered = scores >= t
            return 2 * (answered & (truth == 1)).sum() / (answered.sum() + truth.sum())

        assert f1(best_threshold(scores, truth)) == max(map(f1, np.linspace(0.05, 1, 60)))


def test_most_likely_takes_so_many_and_equal_ones_by_place():
    found = most_likely(np.array([[0.5, 0.9, 0.5], [0.1, 0.1, 0.1]]), [2, 0])
    assert found.tolist() == [[True, True, False], [False] * 3]


def test_linear_codes_are_the_best_of_their_size():
    rng = np.random.default_rng(1)
    Y = (rng.random((40, 7)) < 0.3).astype(float)
    for size in (2, 7, 20):
        codes = LinearCodes(size).fit(sparse.csr_array(Y), None, 0)
        centred = Y - Y.mean(axis=0)
        U, s, V = np.linalg.svd(centred, full_matrices=False)
        wanted = Y.mean(axis=0) + (U[:, :size] * s[:size]) @ V[:size]
        found = codes.decode(codes.encode(sparse.csr_array(Y)))
        np.testing.assert_allclose(found, np.clip(wanted, 0, 1), atol=1e-9)
    assert codes.components.shape == (7, 7)


def test_linear_codes_of_very_many_labels_are_the_same(monkeypatch):
    rng = np.random.default_rng(2)
    Y = sparse.csr_array((rng.random((60, 30)) < 0.2) * (1.0 + 0 * np.arange(30)))
    few = LinearCodes(4).fit(Y, None, 0)
    monkeypatch.setattr("likewise.learn.label_codes.FEW_LABELS", 10)
    many = LinearCodes(4).fit(Y, None, 0)
    np.testing.assert_allclose(many.decode(many.encode(Y)), few.decode(few.encode(Y)), atol=1e-6)


def test_the_mean_of_linear_codes_is_the_projected_vote():
    Y = world()[1]
    W = vote_weights([0, 3, 5], [1.0, 2.0, 2.5], [0, 3], len(Y))
    codes = LinearCodes(3).fit(sparse.csr_array(Y), None, 0)
    votes = label_votes(W, sparse.csr_array(Y), np.zeros(9))
    wanted = codes.decode(codes.encode(votes))
    found = decoded_votes(codes, W, codes.encode(sparse.csr_array(Y)), np.zeros(9))
    np.testing.assert_allclose(found, wanted)


def taught(targets):
    return DeepCodes(6, hidden=32, epochs=80, learning_rate=0.03, targets=targets)


@pytest.mark.parametrize("targets", ["labels", "mixed", "neighbors"])
def test_deep_codes_learn_their_targets(targets):
    X, Y = world(90)
    labels = sparse.csr_array(Y)
    near = np.argsort(((X[:, None] - X[None]) ** 2).sum(axis=2), axis=1)[:, 1:6]
    flat = near.ravel()
    W = vote_weights(flat, np.ones(len(flat)), np.arange(91) * 5, 90)
    codes = taught(targets).fit(labels, W, 0)
    back = codes.decode(codes.encode(labels))
    assert f1_score(Y, back > 0.5, average="micro", zero_division=0) > 0.97
    mean = W @ codes.encode(labels)
    logits = np.maximum(mean @ codes._decoder[0].T + codes._decoder[1], 0)
    logits = logits @ codes._decoder[2].T + codes._decoder[3]
    np.testing.assert_allclose(codes.decode(mean), 1 / (1 + np.exp(-logits)))

    def loss(targets):
        p = np.clip(codes.decode(mean), 1e-9, 1 - 1e-9)
        return -(targets * np.log(p) + (1 - targets) * np.log(1 - p)).mean()

    plain = taught("labels").fit(labels, W, 0)
    untaught = np.clip(plain.decode(W @ plain.encode(labels)), 1e-9, 1 - 1e-9)
    if targets != "labels":
        goal = (W @ labels).toarray() if targets == "mixed" else Y
        before = -(goal * np.log(untaught) + (1 - goal) * np.log(1 - untaught)).mean()
        assert loss(goal) < before
    again = taught(targets).fit(labels, W, 0)
    assert np.array_equal(again.decode(mean), codes.decode(mean))


def test_the_steps_of_deep_codes_are_those_of_adam():
    import torch

    from likewise.learn.deep_label_codes import _Adam

    goal = np.array([0.0, 1.0, 3.0])
    ours = torch.nn.Parameter(torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64))
    adam = _Adam([ours], 0.05)
    w, mean, square = np.array([1.0, -2.0, 0.5]), np.zeros(3), np.zeros(3)
    for step in range(1, 26):
        adam.step(((ours - torch.from_numpy(goal)) ** 2 * step).sum())
        slope = 2 * (w - goal) * step
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        w = w - 0.05 * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    np.testing.assert_allclose(ours.detach().numpy(), w)


# -- the estimator ------------------------------------------------------------------


def slowly(X, Y, q, k, size, mix, own=None):
    """Scores of one query, label by label."""
    order = [i for i in np.argsort(((X - q) ** 2).sum(axis=1), kind="stable") if i != own][:k]
    w = weights_plainly([float(np.sqrt(((X[i] - q) ** 2).sum())) for i in order])
    vote = sum(wi * Y[i] for wi, i in zip(w, order, strict=True))
    mean = Y.mean(axis=0)
    V = np.linalg.svd(Y - mean, full_matrices=False)[2][:size]
    decoded = np.clip(mean + (vote - mean) @ V.T @ V, 0, 1)
    found = (len(order) * ((1 - mix) * decoded + mix * vote) + mean) / (len(order) + 1)
    found[Y.sum(axis=0) == 0] = 0.0
    return found


@pytest.mark.parametrize(("size", "mix"), [(3, 0.0), (2, 0.3), (64, 0.5)])
def test_scores_and_threshold_are_the_slow_ones(size, mix):
    X, Y = world(50)
    X = X.astype(np.float32).astype(np.float64)  # as the index keeps them
    Q = X[:8] + 0.25
    model = LCN(k=7, codes=LinearCodes(size), mix=mix).fit(X, Y)
    wanted = [slowly(X, Y, q, 7, size, mix) for q in Q]
    np.testing.assert_allclose(model.predict_proba(Q), wanted, atol=1e-6)
    assert np.array_equal(model.predict(Q), (np.array(wanted) >= model.threshold_).astype(int))
    left_out = np.array([slowly(X, Y, X[i], 7, size, mix, own=i) for i in range(50)])
    assert model.threshold_ == pytest.approx(best_threshold(left_out, Y), abs=1e-6)
    assert (model.predict_proba(Q)[:, -1] == 0).all(), "a label that no row has"


def test_votes_alone_are_those_of_scikit_learn():
    X, Y = world(80)
    model = LCN(k=5, codes=None, threshold=0.5).fit(X, Y)
    theirs = KNeighborsClassifier(5, weights=lambda d: np.array([weights_plainly(r) for r in d]))
    found = np.column_stack(
        [
            p[:, 1] if p.shape[1] == 2 else np.zeros(len(X))
            for p in theirs.fit(X, Y).predict_proba(X)
        ]
    )
    wanted = (5 * found + Y.mean(axis=0)) / 6
    np.testing.assert_allclose(model.predict_proba(X), wanted, atol=1e-5)


def test_as_many_labels_as_the_neighbours_have():
    X, Y = world(60)
    model = LCN(k=4, threshold="count", codes=None).fit(X, Y)
    counts = LCN(k=4, threshold="count", codes=None).fit(X, Y).predict(X).sum(axis=1)
    for row, got in zip(X[:15], counts, strict=False):
        order = np.argsort(((X - row) ** 2).sum(axis=1))[:4]
        w = weights_plainly([float(np.sqrt(((X[i] - row) ** 2).sum())) for i in order])
        mean = sum(wi * Y[i].sum() for wi, i in zip(w, order, strict=True))
        positive = (model.predict_proba(row[None]) > 0).sum()
        assert got == min(np.floor(mean + 0.5), positive)


def test_sparse_labels_are_answered_sparse_and_the_same():
    X, Y = world()
    dense = LCN(k=5).fit(X, Y)
    for kind in (sparse.csr_array, sparse.csc_matrix, sparse.coo_array):
        model = LCN(k=5).fit(X, kind(Y))
        found = model.predict(X)
        assert sparse.issparse(found)
        assert np.array_equal(found.toarray(), dense.predict(X))


def test_queries_in_blocks_are_the_same(monkeypatch):
    X, Y = world()
    model = LCN(k=5).fit(X, Y)
    whole = model.predict(X)
    monkeypatch.setattr("likewise.learn.label_code_neighbors.AT_ONCE", 30)
    assert np.array_equal(model.predict(X), whole)


def test_the_threshold_of_many_rows_is_by_some_of_them(monkeypatch):
    X, Y = world(120)
    whole = LCN(k=5, codes=None).fit(X, Y)
    monkeypatch.setattr("likewise.learn.label_code_neighbors.JUDGED", 40)
    some = [LCN(k=5, codes=None, random_state=seed).fit(X, Y) for seed in (3, 3)]
    assert some[0].threshold_ == some[1].threshold_
    rows = np.sort(np.random.default_rng(3).choice(120, 40, replace=False))
    scores = whole._scores(whole._left_out(X, 5)[rows])
    assert some[0].threshold_ == best_threshold(scores, Y[rows])


def test_rows_without_labels_vote_for_none():
    X = np.array([[0.0], [0.1], [0.2], [9.0], [9.1], [9.2]])
    Y = np.array([[1, 0], [1, 0], [1, 0], [0, 0], [0, 0], [0, 1]])
    model = LCN(k=3, codes=None, threshold=0.5).fit(X, Y)
    assert model.predict([[0.1], [9.05]]).tolist() == [[1, 0], [0, 0]]


def test_one_label_a_row_ties_go_to_the_smaller():
    model = LCN(k=2, codes=None).fit([[0.0], [2.0], [9.0]], ["b", "a", "c"])
    assert model.predict([[1.0], [8.0]]).tolist() == ["a", "c"]
    np.testing.assert_allclose(model.predict_proba([[1.0]]), [[0.5, 0.5, 0.0]])


def test_texts_in_a_sparse_index():
    rng = np.random.default_rng(3)
    Y = np.zeros((80, 4), dtype=np.int64)
    topic = rng.integers(0, 4, 80)
    Y[np.arange(80), topic] = 1
    terms = np.zeros((80, 40))
    for row, t in enumerate(topic):
        np.add.at(terms[row], 10 * t + rng.integers(0, 8, 6), 1)
    X = sparse.csr_array(terms)
    model = LCN(Sparse("lucene"), k=5).fit(X, Y)
    assert (model.predict(X) == Y).mean() > 0.99
    unknown = sparse.csr_array((1, 40))
    np.testing.assert_allclose(model.predict_proba(unknown)[0], Y.mean(axis=0))
    # Each row left out of its own list, by hand.
    index = Sparse("lucene").fit(X)
    left_out = np.zeros((80, 4))
    for row in range(80):
        near = [(i, d) for i, d in zip(*index.search(X[[row]], k=80)[0], strict=True) if i != row][
            :5
        ]
        w = weights_plainly([d for _, d in near])
        vote = sum(wi * Y[i] for wi, (i, _) in zip(w, near, strict=True))
        left_out[row] = (len(near) * vote + Y.mean(axis=0)) / (len(near) + 1)
    plain = LCN(Sparse("lucene"), k=5, codes=None).fit(X, Y)
    assert plain.threshold_ == pytest.approx(best_threshold(left_out, Y), abs=1e-6)


def test_copies_of_a_row_keep_its_list_full():
    terms = sparse.csr_array(np.ones((6, 2)))
    Y = np.eye(6, dtype=np.int64)
    model = LCN(Sparse("dot"), k=2, codes=None).fit(terms, Y)
    assert np.diff(model._left_out(terms, 2).indptr).tolist() == [2] * 6
    assert (model._left_out(terms, 2).toarray().diagonal() == 0).all()


def test_any_index_and_more_neighbours_than_rows():
    X, Y = world(60)
    one, two = (
        LCN(index, k=500, recall=1.0).fit(X, Y).predict_proba(X)
        for index in (Exact("euclidean"), Graph("euclidean"))
    )
    np.testing.assert_allclose(one, two)


def test_deep_codes_in_the_estimator():
    X, Y = world(60)
    codes = DeepCodes(3, hidden=16, epochs=15)
    model = LCN(k=5, codes=codes).fit(X, Y)
    assert f1_score(Y, model.predict(X), average="micro", zero_division=0) > 0.8
    same = pickle.loads(pickle.dumps(model))
    assert np.array_equal(same.predict_proba(X), model.predict_proba(X))
    assert not hasattr(codes, "_encoder"), "what the user gave is not changed"
    assert np.array_equal(LCN(k=5, codes=codes).fit(X, Y).predict_proba(X), model.predict_proba(X))


X, Y = world(12)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: LCN().fit(X, 2 * Y), InvalidArgument, "must hold 0 and 1"),
        (lambda: LCN().fit(X, Y * np.nan), InvalidArgument, "is nan"),
        (lambda: LCN().fit(X, Y[:5]), InvalidArgument, "5 rows of labels, X has 12"),
        (lambda: LCN().fit(X, np.zeros((12, 3))), InvalidArgument, "no row has a label"),
        (lambda: LCN().fit(X, sparse.csr_array((12, 3))), InvalidArgument, "no row has a label"),
        (lambda: LCN().fit(X, [[0], [1, 2]] * 6), InvalidType, "MultiLabelBinarizer"),
        (lambda: LCN().fit(X, [["a", "b"]] * 12), InvalidType, "table of numbers"),
        (lambda: LCN().fit(X, None), InvalidArgument, "requires y"),
        (lambda: LCN(k=0).fit(X, Y), InvalidArgument, "k must"),
        (lambda: LCN(codes="svd").fit(X, Y), InvalidArgument, '"linear"'),
        (lambda: LCN(codes=3).fit(X, Y), InvalidType, "encode"),
        (lambda: LCN(codes=LinearCodes(0)).fit(X, Y), InvalidArgument, "size"),
        (lambda: LCN(codes=DeepCodes(targets="y")).fit(X, Y), InvalidArgument, '"mixed"'),
        (lambda: LCN(codes=DeepCodes(hidden=0)).fit(X, Y), InvalidArgument, "hidden"),
        (lambda: LCN(codes=DeepCodes(positive_weight=0.5)).fit(X, Y), InvalidArgument, "at least"),
        (lambda: LCN(codes=DeepCodes(learning_rate=0)).fit(X, Y), InvalidArgument, "positive"),
        (lambda: LCN(mix=2).fit(X, Y), InvalidArgument, r"in \[0, 1\]"),
        (lambda: LCN(codes=None, mix=0.5).fit(X, Y), InvalidArgument, "leave it out"),
        (lambda: LCN(threshold="f1").fit(X, Y), InvalidArgument, '"count"'),
        (lambda: LCN(threshold=0).fit(X, Y), InvalidArgument, r"\(0, 1\]"),
        (lambda: LCN("graph").fit(X, Y), InvalidType, "index must be"),
        (lambda: LCN().fit(sparse.csr_array(X), Y), InvalidType, "dense"),
        (lambda: best_threshold([[0.5]], [[0]]), InvalidArgument, "a label at least"),
        (lambda: DeepCodes(sizes=3), UnknownArgument, "did you mean 'size'"),
        (lambda: LinearCodes(width=3), UnknownArgument, "it takes size"),
    ],
)
def test_impossible_calls(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_deep_codes_without_torch(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(MissingExtra, match="linear ones do not"):
        LCN(codes="deep").fit(X, Y)
