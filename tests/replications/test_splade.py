"""SPLADE: the quick forms run, the verdicts follow the rules, the corpus is what it says."""

import numpy as np
import pytest

from replications import _splade_world as corpus
from replications import splade, splade_distillation, splade_efficient, splade_pooling
from replications._splade_world import Measured
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict

pytest.importorskip("torch")
pytest.importorskip("transformers")


def quick(study):
    data = DataFolder("none")
    return study.REPLICATION.run(Setting(True, data, 0, Progress(lambda line: None)))


@pytest.mark.parametrize(
    ("study", "rows"),
    [(splade, 5), (splade_pooling, 5), (splade_distillation, 5), (splade_efficient, 5)],
)
def test_the_quick_forms_run(study, rows):
    outcome = quick(study)
    assert len(outcome.tables[0].rows) == rows
    assert outcome.tables[0].rows[0][0] == "BM25"
    assert all(0 <= float(row[1]) <= 1 for row in outcome.tables[0].rows)
    assert all(float(row[4]) > 0 for row in outcome.tables[0].rows)


@pytest.fixture(scope="module")
def world():
    return corpus.make_world(True, 0)


def test_figures_are_those_of_loops(world):
    from scipy.sparse import random as draw

    rng = np.random.default_rng(0)
    shape = (len(world.queries), 30), (len(world.documents), 30)
    queries, documents = (draw(*s, density=0.2, format="csr", rng=rng) for s in shape)
    found = corpus.measure(world, queries, documents)
    q, d = queries.toarray(), documents.toarray()
    shared = [np.count_nonzero((a != 0) & (b != 0)) for a in q for b in d]
    assert found.flops == pytest.approx(np.mean(shared))
    total = 0.0
    for row, pair in zip(q, world.asked, strict=True):
        ranked = sorted(range(len(d)), key=lambda i: (-(row @ d[i]), i))[:10]
        ranks = [rank for rank, i in enumerate(ranked, 1) if pair <= world.about[i]]
        total += 1 / ranks[0] if ranks else 0
    assert found.mrr == pytest.approx(total / len(q))


def test_every_query_has_an_answer_and_the_teacher_knows_it(world):
    scores = corpus.teacher(world)
    for query, pair in zip(world.queries, world.asked, strict=True):
        given = scores(query, list(world.documents))
        right = [pair <= about for about in world.about]
        assert any(right)
        assert [score == 6 for score in given] == right
    assert all(scores(e.query, [e.positive]) == [6] for e in world.examples)


def test_bm25_finds_some(world):
    assert 0.2 < corpus.measure_bm25(world).mrr < 0.95


def figures(**runs):
    return {name: Measured(mrr, flops, 5.0, 20.0) for name, (mrr, flops) in runs.items()}


@pytest.mark.parametrize(
    ("sparse", "verdict"),
    [
        ((0.85, 5), Verdict.REPRODUCED),
        ((0.85, 50), Verdict.NOT_REPRODUCED),
        ((0.70, 5), Verdict.PARTLY),
        ((0.50, 5), Verdict.NOT_REPRODUCED),
    ],
)
def test_the_verdict_on_sparsity(sparse, verdict):
    found = figures(**{"BM25": (0.6, 0.3), "weight 0": (0.9, 100), "weight 0.1": sparse})
    assert splade.outcome(found).verdict is verdict


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((0.6, 0.7, 0.75, 0.65, 0.8), Verdict.REPRODUCED),
        ((0.6, 0.7, 0.65, 0.65, 0.6), Verdict.PARTLY),
        ((0.6, 0.5, 0.75, 0.65, 0.8), Verdict.PARTLY),
        ((0.6, 0.7, 0.65, 0.5, 0.6), Verdict.NOT_REPRODUCED),
    ],
)
def test_the_verdict_on_pooling(values, verdict):
    names = ("BM25", "sum", "max", "max, documents only", "max, distilled")
    found = figures(**{name: (value, 1) for name, value in zip(names, values, strict=True)})
    assert splade_pooling.outcome(found).verdict is verdict


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((0.6, 0.7, 0.75, 0.8), Verdict.REPRODUCED),
        ((0.6, 0.7, 0.65, 0.8), Verdict.PARTLY),
        ((0.6, 0.7, 0.65, 0.5), Verdict.NOT_REPRODUCED),
    ],
)
def test_the_verdict_on_distillation(values, verdict):
    names = [splade_distillation.STEPS[0][0], *(after for _, after in splade_distillation.STEPS)]
    found = figures(**{name: (value, 1) for name, value in zip(names, values, strict=True)})
    assert splade_distillation.outcome(found).verdict is verdict


@pytest.mark.parametrize(
    ("short", "verdict"),
    [
        ((0.75, 0.5), Verdict.REPRODUCED),
        ((0.75, 2), Verdict.PARTLY),
        ((0.60, 0.5), Verdict.NOT_REPRODUCED),
        ((0.75, 9), Verdict.NOT_REPRODUCED),
    ],
)
def test_the_verdict_on_efficiency(short, verdict, world):
    found = figures(**{"BM25": (0.6, 0.3), splade_efficient.BASE: (0.8, 5), "L1 0.1": short})
    outcome = splade_efficient.outcome(found, dict.fromkeys(found, 1.0), world)
    assert outcome.verdict is verdict
