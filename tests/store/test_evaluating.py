"""`evaluate` against the formulas written out; its files, its comparisons, and its errors."""

import builtins
import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import likewise as lw
from likewise.errors import (
    InvalidArgument,
    InvalidFile,
    InvalidType,
    MissingExtra,
    UnknownArgument,
)
from likewise.store.comparing import randomisation_test

IDS = [f"d{i}" for i in range(12)]


# -- the formulas, written out ---------------------------------------------------------


def ndcg(order, grades, depth):
    def gain(ids):
        return sum(max(0, grades.get(i, 0)) / math.log2(r + 2) for r, i in enumerate(ids[:depth]))

    return gain(order) / gain(sorted(grades, key=grades.get, reverse=True))


def recall(order, grades, depth):
    relevant = {i for i, g in grades.items() if g > 0}
    return len(relevant & set(order[:depth])) / len(relevant)


def precision(order, grades, depth):
    return sum(grades.get(i, 0) > 0 for i in order[:depth]) / depth


def average_precision(order, grades, depth):
    relevant = sum(g > 0 for g in grades.values())
    places = [r for r, i in enumerate(order[:depth], 1) if grades.get(i, 0) > 0]
    return sum((n + 1) / r for n, r in enumerate(places)) / relevant


def reciprocal_rank(order, grades, depth):
    return next((1 / r for r, i in enumerate(order[:depth], 1) if grades.get(i, 0) > 0), 0.0)


def success(order, grades, depth):
    return float(precision(order, grades, depth) > 0)


def r_precision(order, grades, _):
    relevant = sum(g > 0 for g in grades.values())
    return precision(order, grades, relevant)


TWINS = {
    "ndcg": (ndcg, None),
    "ndcg@3": (ndcg, 3),
    "recall@5": (recall, 5),
    "precision@4": (precision, 4),
    "map": (average_precision, None),
    "map@4": (average_precision, 4),
    "mrr": (reciprocal_rank, None),
    "mrr@2": (reciprocal_rank, 2),
    "success@3": (success, 3),
    "rprec": (r_precision, None),
}

answers = st.lists(st.sampled_from(IDS), unique=True, max_size=12)
graded = st.dictionaries(st.sampled_from(IDS), st.integers(0, 3), min_size=1).filter(
    lambda grades: any(grades.values())
)


@settings(deadline=None)
@given(st.lists(st.tuples(answers, graded), min_size=1, max_size=4))
def test_every_metric_is_its_formula(cases):
    qrels = {f"q{i}": grades for i, (_, grades) in enumerate(cases)}
    # Every score equal: the order of the answer counts, and nothing else.
    run = lw.Run({f"q{i}": dict.fromkeys(order, 0.5) for i, (order, _) in enumerate(cases)})
    report = lw.evaluate(run, qrels=qrels, metrics=TWINS)
    for name, (formula, depth) in TWINS.items():
        expected = [formula(order, grades, depth or len(IDS)) for order, grades in cases]
        assert list(report.per_query[name].values()) == pytest.approx(expected), name
        assert report.means[name] == pytest.approx(np.mean(expected)), name


def test_bpref_counts_judged_rows_that_are_not_relevant_before_relevant_ones():
    # C. Buckley and E. Voorhees, SIGIR 2004: (1/R) sum of 1 - |n before r| / min(R, N).
    run = lw.Run({"q": {"no": 4.0, "unjudged": 3.0, "yes": 2.0}})
    report = lw.evaluate(
        run, qrels={"q": {"yes": 1, "also": 1, "no": 0, "nor": 0}}, metrics="bpref"
    )
    assert report.means["bpref"] == pytest.approx(0.5 * (1 - 1 / 2))


# -- collections -----------------------------------------------------------------------


@pytest.fixture
def col(tmp_path):
    with lw.create(tmp_path / "c.likewise", encoder="hashing") as collection:
        collection.add(
            [
                {"id": 1, "text": "red apples and green pears", "kind": "fruit"},
                {"id": 2, "text": "green pears", "kind": "fruit"},
                {"id": "car", "text": "a fast red car", "kind": "thing"},
            ]
        )
        yield collection


QUERIES = {"pears": "green pears", "car": "fast car", "nobody asked": "blue"}
QRELS = {"pears": {"2": 2, "1": 1}, "car": {"car": 1}, "other": {"1": 1}}


def test_a_collection_is_searched_and_its_run_kept(col):
    report = lw.evaluate(col, QUERIES, QRELS, metrics=["ndcg@2", "recall@1"])
    assert report.means == {"ndcg@2": pytest.approx(1.0), "recall@1": pytest.approx(0.75)}
    assert list(report.run["pears"]) == [str(i) for i in col.search("green pears", 2).ids]
    assert report.unjudged == ("nobody asked",)
    assert report.unanswered == ()
    assert report.recall == 1.0
    assert report.seconds > 0
    assert set(report.run) == {"pears", "car"}
    assert len(report.run["pears"]) == 2  # as deep as the deepest metric looks
    assert report.to_dict()["queries"] == 2
    assert str(report) == "ndcg@2 1.0000, recall@1 0.7500 (mean of 2 queries)"
    assert report.to_pandas().loc["pears", "recall@1"] == 0.5


def test_arguments_of_a_search_are_passed_on(col):
    report = lw.evaluate(col, QUERIES, QRELS, metrics="recall@3", k=3, where="kind = 'thing'")
    assert report.means["recall@3"] == 0.5
    assert report.unanswered == ()
    nothing = lw.evaluate(
        col, QUERIES, QRELS, metrics="recall@3", min_score=1.0, where="kind = 'x'"
    )
    assert nothing.means["recall@3"] == 0.0
    assert nothing.unanswered == ("pears", "car")


def test_vectors_and_rows_are_queries_too(col):
    vector = col.get(2, vectors=True)[0]["vector"]
    report = lw.evaluate(
        col, {"pears": vector, "car": {"id": 1}}, QRELS, metrics=["mrr", "recall@100"]
    )
    assert report.per_query["mrr"]["pears"] == 1.0
    assert "1" not in report.run["car"]


def test_a_run_goes_to_a_file_and_back(col, tmp_path):
    report = lw.evaluate(col, QUERIES, QRELS, metrics=["ndcg@10", "map"])
    path = tmp_path / "run.trec"
    report.run.save(path)
    again = lw.evaluate(path, qrels=QRELS, metrics=["ndcg@10", "map"])
    assert again.run.tag == "c.likewise"
    assert {q: list(rows) for q, rows in again.run.items()} == {
        q: list(rows) for q, rows in report.run.items()
    }
    # "other" is judged and was never asked: of a run alone, it counts as 0.
    assert again.unanswered == ("other",)
    assert again.means["map"] == pytest.approx(report.means["map"] * 2 / 3)


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8))
def test_our_order_survives_the_file(tmp_path_factory, scores):
    path = tmp_path_factory.mktemp("runs") / "run.trec"
    scores = sorted(scores, reverse=True)
    names = [f"d{i}" for i in range(len(scores))]
    lw.Run({"q": dict(zip(names, scores, strict=True))}).save(path)
    assert list(lw.read_run(path)["q"]) == names
    written = [float(line.split()[4]) for line in path.read_text().splitlines()]
    assert written == pytest.approx(scores, rel=1e-5, abs=1e-3)


def test_equal_scores_of_a_file_are_ordered_as_trec_eval_does(tmp_path):
    path = tmp_path / "run.trec"
    path.write_text("q Q0 a 1 0.5 t\nq Q0 b 2 0.5 t\nq\tQ0\tc\t3\t0.9\tt\n\n")
    assert list(lw.read_run(path)["q"]) == ["c", "b", "a"]


# -- judgements ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "q1 0 a 2\nq1 0 b 0\n\nq2 0 a -1\n",
        "query-id\tcorpus-id\tscore\nq1\ta\t2\nq1\tb\t0\nq2\ta\t-1\n",
        "\ufeffquery-id\tcorpus-id\tscore\tcode\nq1\ta\t2\t9\nq1\tb\t0\t9\nq2\ta\t-1\t9\n",
    ],
)
def test_files_of_judgements(tmp_path, text):
    path = tmp_path / "qrels"
    path.write_text(text, encoding="utf-8")
    assert lw.read_qrels(path) == {"q1": {"a": 2, "b": 0}, "q2": {"a": -1}}
    assert lw.read_qrels(str(path)) == lw.read_qrels(path)


def test_a_table_of_judgements():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"extra": [0, 0], "qid": [1, 1], "docno": ["a", 7], "label": [1, 2.0]})
    assert lw.read_qrels(frame) == {"1": {"a": 1, "7": 2}}
    with pytest.raises(InvalidArgument, match="must name the grade"):
        lw.read_qrels(frame.rename(columns={"label": "stars"}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("q1 0 a\n", "line 1: expected query, iteration"),
        ("q1 0 a 1 x\n", "line 1: expected query, iteration"),
        ("q1 0 a 1\nq1 0 b high\n", "line 2: a grade must be an integer; got 'high'"),
        ("query-id\tcorpus-id\tscore\nq1 a 1\n", "line 2: expected tabs"),
        ("q1 0 a 1\nq1 0 a 2\n", "line 2: query 'q1' and id 'a' are judged 1 and 2"),
    ],
)
def test_bad_files_of_judgements(tmp_path, text, words):
    path = tmp_path / "qrels"
    path.write_text(text)
    with pytest.raises(InvalidFile, match=words):
        lw.read_qrels(path)


def test_files_of_queries(col, tmp_path):
    tabs = tmp_path / "queries.tsv"
    tabs.write_text("pears\tgreen pears\r\n\ncar\tfast\u2028car\n", encoding="utf-8")
    lines = tmp_path / "queries.jsonl"
    lines.write_text('{"_id": "pears", "text": "green pears"}\n{"id": "car", "text": "fast car"}\n')
    by_dict = lw.evaluate(col, QUERIES, QRELS, metrics="mrr")
    assert lw.evaluate(col, str(tabs), QRELS, metrics="mrr").means == by_dict.means
    assert lw.evaluate(col, lines, QRELS, metrics="mrr").means == by_dict.means
    vectors = tmp_path / "vectors.jsonl"
    vector = col.get(2, vectors=True)[0]["vector"]
    vectors.write_text(json.dumps({"id": 7, "vector": list(map(float, vector))}))
    report = lw.evaluate(col, vectors, {7: {2: 1}}, metrics="recall@1")
    assert report.per_query == {"recall@1": {"7": 1.0}}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("q.tsv", "q1 a text\n", "line 1: expected an id, a tab and a text; got q1 a text"),
        ("q.tsv", "q1\ta\nq2\t \n", "line 2: expected an id, a tab and a text"),
        ("q.tsv", "q1\ta\n\nq1\tb\n", "line 3: query 'q1' stands twice"),
        ("q.jsonl", '{"id": 1, "text": "a"}\n{"id": \n', "line 2: no JSON"),
        ("q.jsonl", '{"id": 1}\n', "line 1: expected an object with id"),
        ("q.ndjson", '["text"]\n', "line 1: expected an object with id"),
    ],
)
def test_bad_files_of_queries(col, tmp_path, name, text, words):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InvalidFile, match=words):
        lw.evaluate(col, path, QRELS)
    with pytest.raises(InvalidFile, match="cannot be read as a file of queries"):
        lw.evaluate(col, tmp_path / "none", QRELS)


def test_judgements_that_cannot_be_read(tmp_path):
    with pytest.raises(InvalidFile, match="cannot be read"):
        lw.read_qrels(tmp_path / "none")
    with pytest.raises(InvalidType, match="qrels must be"):
        lw.read_qrels([("q", "a", 1)])
    with pytest.raises(InvalidType, match=r"query 'q': expected {id: grade}"):
        lw.read_qrels({"q": ["a"]})
    with pytest.raises(InvalidType, match=r"query 'q', id 'a': a grade must be"):
        lw.read_qrels({"q": {"a": 0.5}})
    with pytest.raises(InvalidArgument, match="no judgement"):
        lw.read_qrels({})


# -- comparisons -----------------------------------------------------------------------


def all_signs(differences):
    """Every assignment of signs, one by one."""
    seen = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    return np.mean([value >= abs(sum(differences)) - 1e-12 for value in seen])


def test_the_exact_test_tries_all_signs():
    rng = np.random.default_rng(0)
    for size in (1, 3, 8):
        differences = rng.normal(size=size).round(1)
        assert randomisation_test(differences, rng) == pytest.approx(all_signs(differences))
    assert randomisation_test(np.zeros(5), rng) == 1.0


def test_the_drawn_test_is_that_of_scipy():
    from scipy.stats import permutation_test

    rng = np.random.default_rng(1)
    differences = rng.normal(0.15, 1, size=120)
    theirs = permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=20_000, rng=2
    ).pvalue
    assert randomisation_test(differences, rng) == pytest.approx(theirs, abs=0.02)


def test_under_no_difference_p_is_uniform():
    rng = np.random.default_rng(2)
    found = [randomisation_test(rng.normal(size=12), rng) for _ in range(300)]
    assert np.mean(np.array(found) <= 0.1) == pytest.approx(0.1, abs=0.05)


def test_a_comparison_of_reports():
    queries = [f"q{i}" for i in range(30)]
    qrels = {query: {"a": 1} for query in queries}
    good = lw.evaluate(lw.Run({q: {"a": 2.0, "b": 1.0} for q in queries}), qrels=qrels)
    poor = lw.evaluate(
        lw.Run({q: {"b": 2.0, "a": 1.0} if i < 20 else {"a": 1.0} for i, q in enumerate(queries)}),
        qrels=qrels,
        metrics=["mrr", "ndcg@10"],
    )
    (found,) = good.compare(poor)
    assert (found.metric, found.wins, found.ties, found.losses) == ("ndcg@10", 20, 10, 0)
    assert found.difference == pytest.approx(20 / 30 * (1 - 1 / math.log2(3)))
    assert found.interval[0] < found.difference < found.interval[1]
    assert found.p_value < 0.001
    assert good.compare(poor, random_state=0) == good.compare(poor, random_state=0)
    (back,) = poor.compare(good)
    assert (back.difference, back.wins) == (-found.difference, 0)
    assert "better, equal, worse on 20, 10, 0 queries" in str(found)


def test_what_cannot_be_compared():
    one = lw.evaluate(lw.Run({"q": {"a": 1.0}}), qrels={"q": {"a": 1}})
    two = lw.evaluate(lw.Run({"p": {"a": 1.0}}), qrels={"p": {"a": 1}})
    other = lw.evaluate(lw.Run({"q": {"a": 1.0}}), qrels={"q": {"a": 1}}, metrics="mrr")
    with pytest.raises(InvalidArgument, match="2 are in one alone, such as 'p'"):
        one.compare(two)
    with pytest.raises(InvalidArgument, match="share no metric"):
        one.compare(other)
    with pytest.raises(InvalidType, match="takes another report; got dict"):
        one.compare({})


# -- errors ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metrics", "error", "words"),
    [
        ("foo@3", InvalidArgument, "no metric 'foo@3'; there are ndcg, recall"),
        ("recall", InvalidArgument, "needs a depth, as in 'recall@10'"),
        ("ndcg@ten", InvalidArgument, "takes a depth"),
        ("ndcg@", InvalidArgument, "takes a depth"),
        ("ndcg@0", InvalidArgument, "at least 1"),
        ("rprec@3", InvalidArgument, "takes no depth"),
        ([], InvalidArgument, "metrics is empty"),
        (3, InvalidType, "metrics must be names"),
        ([3], InvalidType, "metrics must be names"),
    ],
)
def test_wrong_metrics(metrics, error, words):
    with pytest.raises(error, match=words):
        lw.evaluate(lw.Run({"q": {"a": 1.0}}), qrels={"q": {"a": 1}}, metrics=metrics)


def test_wrong_calls(col, tmp_path):
    run = lw.Run({"q": {"a": 1.0}})
    with pytest.raises(
        UnknownArgument, match=r"evaluate.. has no argument 'top_k'; did you mean 'k'"
    ):
        lw.evaluate(col, QUERIES, QRELS, top_k=3)
    with pytest.raises(UnknownArgument, match="did you mean 'metrics'"):
        lw.evaluate(col, QUERIES, QRELS, metric="ndcg@10")
    with pytest.raises(
        InvalidArgument, match="'recall@100' looks at 100 hits and k=10 gives fewer"
    ):
        lw.evaluate(col, QUERIES, QRELS, k=10)
    with pytest.raises(InvalidArgument, match="does not take where, queries, k with it"):
        lw.evaluate(run, QUERIES, {"q": {"a": 1}}, k=3, where="a = 1")
    with pytest.raises(InvalidType, match=r"queries must be .* got nothing"):
        lw.evaluate(col, qrels=QRELS)
    with pytest.raises(InvalidType, match="a Collection, a Run or the path"):
        lw.evaluate({"q": {"a": 1.0}}, qrels=QRELS)
    with pytest.raises(InvalidArgument, match="none of the 1 queries has a relevant row"):
        lw.evaluate(col, {"x": "a"}, QRELS)
    with pytest.raises(InvalidArgument, match="none of the 1 queries of the run"):
        lw.evaluate(run, qrels=QRELS)
    with pytest.raises(InvalidArgument, match="ids that are the same as strings"):
        lw.evaluate(col, {1: "a", "1": "b"}, QRELS)
    with pytest.raises(InvalidArgument, match="query 'car' is a batch"):
        lw.evaluate(col, {"car": ["a", "b"]}, QRELS)
    col.add([{"id": "1", "text": "green pears"}])
    with pytest.raises(InvalidArgument, match="two ids that are the same as strings"):
        lw.evaluate(col, QUERIES, QRELS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("q Q0 a 1 0.5\n", "line 1: expected query, Q0"),
        ("q Q0 a 1 0.5 t\nq Q0 a 2 0.4 t\n", "line 2: query 'q' has id 'a' twice"),
        ("q Q0 a 1 best t\n", "a score must be a number; got 'best'"),
        ("q Q0 a 1 nan t\n", "a score must be finite"),
    ],
)
def test_bad_run_files(tmp_path, text, words):
    path = tmp_path / "run.trec"
    path.write_text(text)
    with pytest.raises(InvalidFile, match=words):
        lw.read_run(path)


def test_run_files_that_cannot_be(tmp_path):
    with pytest.raises(InvalidFile, match="cannot be read"):
        lw.read_run(tmp_path / "none")
    for run in (
        lw.Run({"q": {"a b": 1.0}}),
        lw.Run({"": {"a": 1.0}}),
        lw.Run({"q": {"a": 1}}, " "),
    ):
        with pytest.raises(InvalidArgument, match="spaces between its columns"):
            run.save(tmp_path / "run.trec")
    assert not list(tmp_path.iterdir())


def test_without_the_library(monkeypatch):
    real = builtins.__import__

    def importing(name, *rest, **more):
        if name.startswith("ir_measures"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", importing)
    with pytest.raises(MissingExtra, match=r"pip install 'likewise\[evaluate\]'"):
        lw.evaluate(lw.Run({"q": {"a": 1.0}}), qrels={"q": {"a": 1}})
