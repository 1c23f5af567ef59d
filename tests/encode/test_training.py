"""Training: words that mean the same are learned, rows get sparse, wrong calls are named."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from likewise.encode import Example, Splade, mine_negatives, self_search, train_splade
from likewise.encode.training import TrainingReport
from likewise.errors import InvalidArgument, InvalidType, UnknownArgument
from likewise.testing.masked_lm import small_masked_lm

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

CONCEPTS = 12
ASKED = [f"ask{i}" for i in range(CONCEPTS)]
WRITTEN = [f"write{i}" for i in range(CONCEPTS)]
FILLER = [f"filler{i}" for i in range(6)]


class World:
    """Documents and queries that name each concept by different words.

    Document i is about two concepts; its query names the same two. No word is shared, so a
    search by words alone finds nothing.
    """

    def __init__(self, n=66, seed=0):
        rng = np.random.default_rng(seed)
        every = [(a, b) for a in range(CONCEPTS) for b in range(a)]
        pairs = [every[i] for i in rng.permutation(len(every))[:n]]
        self.documents = {
            f"d{i}": " ".join([WRITTEN[a], *rng.choice(FILLER, 2), WRITTEN[b]])
            for i, (a, b) in enumerate(pairs)
        }
        queries = [f"{ASKED[a]} {ASKED[b]}" for a, b in pairs]
        made = [Example(query, f"d{i}") for i, query in enumerate(queries)]
        kept = -(-n * 3 // 4)
        self.examples, self.held_out = made[:kept], made[kept:]


def encoder(random_state=0, **settings):
    model, tokenizer = small_masked_lm(
        [*ASKED, *WRITTEN, *FILLER], layers=1, random_state=random_state
    )
    if "query_model" in settings:
        settings["query_model"] = small_masked_lm(
            [*ASKED, *WRITTEN, *FILLER], layers=1, random_state=random_state + 1
        )[0]
    return Splade(model, tokenizer, **settings)


def found_first(splade, world, examples):
    """The part of queries whose document has the highest score, no other one as high."""
    ids = list(world.documents)
    rows = splade.encode(list(world.documents.values()))
    scores = (splade.encode_queries([e.query for e in examples]) @ rows.T).toarray()
    right = [ids.index(e.positive) for e in examples]
    own = scores[np.arange(len(examples)), right]
    return float(np.mean((scores >= own[:, None]).sum(axis=1) == 1))


def trained(splade, world, **settings):
    given = {"epochs": 40, "learning_rate": 0.01, "batch_size": 10, "flops_weight": (0, 0)}
    return train_splade(splade, world.examples, world.documents, **{**given, **settings})


def weights_of(splade):
    return np.concatenate([p.detach().numpy().ravel() for p in splade.model.parameters()])


def teach(world):
    """A teacher that knows the words of both sides: 3 for each concept in common."""
    same = dict(zip(ASKED, WRITTEN, strict=True))

    def teacher(query, ids):
        words = {same[word] for word in query.split()}
        return [3.0 * len(words & set(world.documents[i].split())) for i in ids]

    return teacher


# -- what it learns --------------------------------------------------------------------


def test_words_that_mean_the_same_are_learned():
    world, splade = World(), encoder()
    assert found_first(encoder(document_only=True), world, world.held_out) < 0.2
    report = trained(splade, world)
    assert np.mean(report.ranking[-5:]) < 0.3 * np.mean(report.ranking[:5])
    # Pairs of concepts that no example had; words alone have no word in common with any.
    assert found_first(splade, world, world.held_out) > 0.6
    assert not {t for d in world.documents.values() for t in d.split()} & set(ASKED)


@pytest.mark.parametrize("learned", [False, True])
def test_document_only_learns_to_expand_documents(learned):
    world = World()
    splade = encoder(document_only=True)
    trained(splade, world, learn_query_weights=learned)
    assert found_first(splade, world, world.held_out) > 0.6
    expanded = splade.terms("write3 filler0 write7", 40)
    assert min(expanded["ask3"], expanded["ask7"]) > max(
        expanded.get(f"ask{i}", 0) for i in range(CONCEPTS) if i not in (3, 7)
    )
    if learned:
        weights = splade.query_weights
        assert weights.shape == (splade.dim,)
        assert weights.min() >= 0
        assert np.abs(weights[5 : 5 + CONCEPTS] - 1).max() > 0.05
    else:
        assert splade.query_weights is None


def test_two_models_learn_together():
    world, splade = World(), encoder(query_model=True)
    before = [p.detach().clone() for p in splade.query_model.parameters()]
    report = trained(splade, world, query_regulariser="l1", flops_weight=(1e-3, 1e-3))
    assert np.mean(report.ranking[-5:]) < 0.3 * np.mean(report.ranking[:5])
    assert found_first(splade, world, world.examples) > 0.2
    after = list(splade.query_model.parameters())
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_sum_pooling_learns_too():
    world, splade = World(), encoder(pooling="sum")
    report = trained(splade, world)
    assert np.mean(report.ranking[-5:]) < 0.3 * np.mean(report.ranking[:5])


@pytest.mark.parametrize("loss", ["margin_mse", "kl", {"kl": 1, "margin_mse": 0.05}])
def test_distillation_takes_on_the_teachers_order(loss):
    world, splade = World(), encoder()
    rng = np.random.default_rng(3)
    examples = mine_negatives(world.examples, lambda query: rng.permutation(list(world.documents)))
    report = train_splade(
        splade,
        examples,
        world.documents,
        loss=loss,
        teacher=teach(world),
        negatives_per_query=16,
        epochs=40,
        learning_rate=0.01,
        batch_size=10,
        flops_weight=(0, 0),
    )
    assert np.mean(report.ranking[-5:]) < 0.3 * np.mean(report.ranking[:5])
    assert found_first(splade, world, world.held_out) > 0.5


def test_scores_of_a_teacher_may_come_with_the_examples():
    world = World(n=12)
    teacher, ids = teach(world), list(world.documents)
    examples = []
    for example in world.examples:
        scores = dict(zip(ids, teacher(example.query, ids), strict=True))
        examples.append(Example(example.query, example.positive, ids, scores))
    stored, asked = encoder(), encoder()
    settings = {"loss": "kl", "epochs": 2, "learning_rate": 0.01, "flops_weight": (0, 0)}
    train_splade(stored, examples, world.documents, **settings)
    bare = [Example(e.query, e.positive, e.negatives) for e in examples]
    train_splade(asked, bare, world.documents, teacher=teacher, **settings)
    np.testing.assert_array_equal(weights_of(stored), weights_of(asked))


def test_a_teacher_is_asked_once_for_a_pair():
    world, asked = World(n=12), []
    teacher = teach(world)

    def counting(query, ids):
        asked.extend((query, i) for i in ids)
        return teacher(query, ids)

    examples = mine_negatives(world.examples, lambda query: list(world.documents))
    train_splade(
        encoder(),
        examples,
        world.documents,
        loss="margin_mse",
        teacher=counting,
        negatives_per_query=3,
        epochs=6,
        flops_weight=(0, 0),
    )
    assert len(asked) == len(set(asked)) > 12


# -- sparsity --------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["query", "document"])
def test_flops_fall_as_their_weight_grows(side):
    found = []
    for weight in (0, 0.01, 0.3):
        given = (weight, 0) if side == "query" else (0, weight)
        report = trained(encoder(), World(), flops_weight=given, ramp=0.2)
        found.append(np.mean(getattr(report, f"{side}_flops")[-5:]))
    assert found[0] > 1.5 * found[1] > 1.5 * 1.5 * found[2]


def test_l1_makes_queries_short():
    terms = []
    for weight in (0, 0.05):
        report = trained(encoder(), World(), flops_weight=(weight, 0), query_regulariser="l1")
        terms.append(np.mean(report.query_terms[-5:]))
    assert terms[1] < 0.7 * terms[0]


def test_regularisers_come_in_slowly():
    world = World(n=13)
    report = trained(encoder(), world, epochs=9, flops_weight=(0.5, 0.25), ramp=2 / 3)
    steps = 9
    assert report.steps == steps
    for t in range(steps):
        penalty = 0.5 * report.query_flops[t] + 0.25 * report.document_flops[t]
        wanted = report.ranking[t] + min(1, t / 6) ** 2 * penalty
        assert report.loss[t] == pytest.approx(wanted, rel=1e-5)


# -- negatives -------------------------------------------------------------------------


def test_mining_leaves_out_every_answer_and_repeats():
    examples = [Example("q", 1), Example("q", 2), Example("r", 3)]
    calls = []
    mined = mine_negatives(
        examples,
        lambda query: [9, 1, 9, 2, 3, 4, 5],
        depth=6,
        progress=lambda done, total: calls.append((done, total)),
    )
    assert [example.negatives for example in mined] == [(9, 3, 4), (9, 3, 4), (9, 1, 2, 4)]
    assert [example.positive for example in mined] == [1, 2, 3]
    assert calls == [(1, 2), (2, 2)]


def test_the_encoder_searches_by_itself():
    world, splade = World(), encoder()
    trained(splade, world, epochs=5)
    search = self_search(splade, world.documents, k=7)
    ids = list(world.documents)
    rows = splade.encode(list(world.documents.values())).toarray()
    for example in world.examples[:4]:
        scores = rows @ splade.encode_query(example.query).toarray()[0]
        best = sorted(range(len(ids)), key=lambda i: (-scores[i], i))[:7]
        assert search(example.query) == [ids[i] for i in best if scores[i] > 0]


def test_searching_by_words_that_no_document_has_finds_nothing():
    splade = encoder(document_only=True)
    with torch.no_grad():
        splade.model.cls.predictions.bias.fill_(-100)
    assert self_search(splade, World().documents)("ask1") == []


def test_self_mined_negatives_are_renewed_each_epoch(monkeypatch):
    from likewise.encode import _training_texts as texts

    world, splade, seen = World(n=20), encoder(), []

    def watched(splade, documents, *, k):
        seen.append(weights_of(splade))
        search = self_search(splade, documents, k=k)
        assert not splade.model.training  # or dropout would find other documents each time
        return search

    monkeypatch.setattr(texts, "self_search", watched)
    trained(splade, world, negatives="self", depth=5, epochs=3)
    assert len(seen) == 3
    assert all(np.abs(a - b).max() > 0 for a, b in pairwise(seen))


@pytest.mark.parametrize("loss", ["kl", "margin_mse", "contrastive"])
def test_a_query_that_finds_nothing_by_itself_waits(loss):
    world, splade = World(n=13), encoder()
    with torch.no_grad():
        splade.model.cls.predictions.bias.fill_(-100)  # no text has a term
    teacher = None if loss == "contrastive" else teach(world)
    report = trained(splade, world, negatives="self", loss=loss, teacher=teacher, epochs=2)
    assert report.steps == 2
    if loss != "contrastive":
        assert report.ranking == [0, 0]


def test_a_searcher_is_asked_once_a_query():
    world, asked = World(n=20), []

    def search(query):
        asked.append(query)
        return list(world.documents)

    trained(encoder(), world, negatives=search, epochs=3)
    assert asked == [example.query for example in world.examples]


def test_batches_hold_answers_first_and_know_who_answers_whom():
    from likewise.encode._batches import batches
    from likewise.encode.mining import answers

    rng = np.random.default_rng(0)
    for _ in range(30):
        examples = [
            Example(f"q{rng.integers(5)}", int(rng.integers(12)), list(rng.integers(0, 12, 6)))
            for _ in range(11)
        ]
        right = answers(examples)
        seen = []
        for batch in batches(examples, right, 4, 3, rng):
            assert len(batch.documents) == len(set(batch.documents))
            seen += batch.examples
            for row, example in enumerate(batch.examples):
                own = [batch.documents[c] for c in batch.columns[row][batch.mask[row]]]
                answer, *wrong = own
                assert answer == example.positive
                assert len(set(wrong)) == len(wrong) <= 3
                assert set(wrong) <= set(example.negatives) - right[example.query]
                others = {d for d, t in zip(batch.documents, batch.others[row], strict=True) if t}
                assert others == set(batch.documents) - set(own) - right[example.query]
        assert sorted(map(repr, seen)) == sorted(map(repr, examples))


# -- chance, interruption, figures -------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes():
    runs = []
    for seed, noise in ((0, 1), (0, 2), (1, 1)):
        torch.manual_seed(noise)
        splade = encoder()
        report = trained(splade, World(n=20), epochs=3, random_state=seed)
        runs.append((weights_of(splade), report.loss))
    np.testing.assert_array_equal(runs[0][0], runs[1][0])
    assert runs[0][1] == runs[1][1] != runs[2][1]


def test_chance_outside_is_left_alone():
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    trained(encoder(), World(n=20), epochs=1)
    assert torch.equal(torch.rand(3), wanted)


def test_progress_counts_and_can_interrupt():
    world, calls = World(n=13), []
    done = encoder()
    trained(done, world, epochs=2, progress=lambda step, total: calls.append((step, total)))
    assert calls == [(1, 2), (2, 2)]
    splade = encoder()
    before = weights_of(splade)

    def stop(step, total):
        if step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(splade, world, epochs=6, progress=stop)
    assert not splade.model.training
    assert np.abs(weights_of(splade) - before).max() > 0
    assert splade.encode(["write1"]).nnz > 0


def test_learned_query_weights_survive_an_interruption():
    def stop(step, total):
        raise KeyboardInterrupt

    splade = encoder(document_only=True)
    with pytest.raises(KeyboardInterrupt):
        trained(splade, World(n=20), learn_query_weights=True, progress=stop)
    assert (splade.query_weights != 1).any()


def test_a_report_has_one_figure_a_step():
    report = trained(encoder(), World(n=13), epochs=3)
    assert report.steps == 3
    for name in TrainingReport.__dataclass_fields__:
        assert len(getattr(report, name)) == 3
        assert all(math.isfinite(value) for value in getattr(report, name))


def test_the_learning_rate_rises_and_falls():
    from likewise.encode.training import _rate

    assert [_rate(t, 10, 4) for t in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert _rate(9, 10, 4) == pytest.approx(1 / 6)
    assert [_rate(t, 2, 0) for t in range(2)] == [1.0, 0.5]
    assert [_rate(t, 2, 2) for t in range(2)] == [0.5, 1.0]


# -- wrong calls -------------------------------------------------------------------------

WORLD = World(n=8)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"loss": "hinge"}, InvalidArgument, "one of contrastive, margin_mse, kl; got 'hinge'"),
        ({"loss": {"kl": 0}}, InvalidArgument, "weight of loss 'kl' must be above 0"),
        ({"loss": {}}, InvalidType, "a name or {name: weight}"),
        ({"loss": 3}, InvalidType, "a name or {name: weight}"),
        ({"query_regulariser": "l2"}, InvalidArgument, "one of flops, l1; got 'l2'"),
        ({"flops_weight": 0.1}, InvalidType, r"must be \(query, document\)"),
        ({"flops_weight": (0, -1)}, InvalidArgument, "at least 0"),
        ({"flops_weight": (0, float("nan"))}, InvalidArgument, "flops_weight must be finite"),
        ({"negatives": "bm25"}, InvalidType, "None, 'self' or a function"),
        ({"negatives": lambda query: 3}, InvalidType, "for query 'ask.*it gave 3"),
        ({"negatives": lambda query: ["absent"]}, InvalidArgument, "'absent'.* not in documents"),
        ({"negatives_per_query": -1}, InvalidArgument, "at least 0"),
        ({"depth": 0}, InvalidArgument, "depth must be at least 1"),
        ({"epochs": 0}, InvalidArgument, "epochs must be at least 1"),
        ({"batch_size": 0}, InvalidArgument, "batch_size must be at least 1"),
        ({"learning_rate": 0}, InvalidArgument, "learning_rate must be above 0"),
        ({"warmup": 1.5}, InvalidArgument, r"warmup must be a part .* \[0, 1\]"),
        ({"ramp": -0.1}, InvalidArgument, r"ramp must be a part .* \[0, 1\]"),
        ({"random_state": -1}, InvalidArgument, "random_state must be at least 0"),
        ({"learn_query_weights": True}, InvalidArgument, "is for document_only=True"),
        ({"teacher": len}, InvalidArgument, "teacher has no use for loss 'contrastive'"),
        ({"loss": "kl", "teacher": 3}, InvalidType, "teacher must be a function"),
        ({"seed": 3}, UnknownArgument, "did you mean 'random_state'"),
        ({"batch_size": 1}, InvalidArgument, "example 0 .* has no negative"),
        ({"loss": "kl"}, InvalidArgument, "example 0 .* distillation compares with one"),
    ],
)
def test_impossible_settings(settings, error, words):
    with pytest.raises(error, match=words):
        train_splade(encoder(), WORLD.examples, WORLD.documents, **settings)


def test_only_a_splade_is_trained():
    with pytest.raises(InvalidType, match="splade must be a Splade"):
        train_splade(encoder().model, WORLD.examples, WORLD.documents)


@pytest.mark.parametrize(
    ("examples", "error", "words"),
    [
        ([], InvalidArgument, "at least one; got none"),
        ("text", InvalidType, "a list of Example"),
        ([Example("ask1", "d0"), ("ask2", "d1")], InvalidType, "example 1 must be an Example"),
        ([Example("ask1", "none")], InvalidArgument, "example 0 names document 'none'"),
        ([Example("ask1", "d0", ["none"])], InvalidArgument, "example 0 names document 'none'"),
        ([Example(" ", "d0")], InvalidArgument, "example 0: query ' ' has no tokens"),
        ([Example(None, "d0")], InvalidType, "example 0: query None must be a str"),
        ([Example("ask1", "d0")], InvalidArgument, "has no negative, and no other query"),
    ],
)
def test_wrong_examples(examples, error, words):
    with pytest.raises(error, match=words):
        train_splade(encoder(), examples, WORLD.documents)


@pytest.mark.parametrize("value", ["", 3])
def test_documents_need_tokens(value):
    error = InvalidArgument if value == "" else InvalidType
    with pytest.raises(error, match=r"example 0: document 'd0' (has no tokens|must be a str)"):
        train_splade(encoder(), WORLD.examples, {**WORLD.documents, "d0": value})


def test_documents_map_ids_to_texts():
    with pytest.raises(InvalidType, match=r"got a list; .*dict\(enumerate\(texts\)\)"):
        train_splade(encoder(), WORLD.examples, ["text"])


def test_mining_refuses_what_cannot_search():
    with pytest.raises(InvalidType, match="search must be a function of a query"):
        mine_negatives(WORLD.examples, "bm25")
    with pytest.raises(InvalidArgument, match="k must be at least 1"):
        self_search(encoder(), WORLD.documents, k=0)


@pytest.mark.parametrize(
    ("teacher", "words"),
    [
        (lambda query, ids: [1.0], "each of the 2 documents of query .* it gave 1"),
        (lambda query, ids: [float("nan")] * len(ids), "is nan; expected a finite number"),
        (None, "no teacher's score of document"),
    ],
)
def test_a_teacher_scores_everything(teacher, words):
    examples = mine_negatives(WORLD.examples, lambda query: list(WORLD.documents))
    with pytest.raises(InvalidArgument, match=words):
        train_splade(encoder(), examples, WORLD.documents, loss="kl", teacher=teacher)


def test_fixed_queries_have_no_regulariser():
    splade = encoder(document_only=True)
    with pytest.raises(InvalidArgument, match=r"flops_weight must be \(0, 0\.1\)"):
        trained(splade, WORLD, flops_weight=(0.1, 0.1))
    train_splade(splade, WORLD.examples, WORLD.documents)  # the default takes none


def test_a_loss_that_is_no_number_stops_before_the_step():
    splade = encoder()
    before = weights_of(splade)
    with pytest.raises(InvalidArgument, match=r"the loss became (nan|inf); .*lower learning_rate"):
        trained(
            splade,
            WORLD,
            loss="margin_mse",
            negatives=lambda q: list(WORLD.documents),
            teacher=lambda query, ids: [3e38 * (-1) ** i for i in range(len(ids))],
        )
    np.testing.assert_array_equal(weights_of(splade), before)
    assert not splade.model.training
