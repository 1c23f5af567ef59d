"""`Splade`: rows are the formula, alone or in any batch; every wrong model is named."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from likewise.encode import _masked_lm as masked_lm
from likewise.encode.splade import Splade
from likewise.errors import (
    InvalidArgument,
    InvalidRow,
    InvalidType,
    InvalidVector,
    MissingExtra,
    UnknownArgument,
)
from likewise.testing.masked_lm import small_masked_lm, word_tokenizer

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

WORDS = [f"w{i}" for i in range(40)]
TOLERANCE = 1e-6


def model(random_state=0, words=WORDS, **sizes):
    """A model whose logits are wide apart, so that about half the terms have weights."""
    found, tokenizer = small_masked_lm(words, random_state=random_state, **sizes)
    with torch.no_grad():
        found.bert.embeddings.word_embeddings.weight.mul_(20)
    return found, tokenizer


def some_texts(n=17, seed=0, longest=50):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(1, longest))) for _ in range(n)]


def plain_row(splade, text):
    """The formula, token by token and term by term, for one text without padding."""
    ids = splade.tokenizer(text, truncation=True, max_length=splade.max_length)["input_ids"]
    with torch.inference_mode():
        logits = splade.model(input_ids=torch.tensor([ids])).logits[0].numpy()
    row = np.zeros(splade.dim)
    for term in range(splade.dim):
        weights = [np.log(1 + max(0.0, float(logits[i, term]))) for i in range(len(ids))]
        row[term] = max(weights) if splade.pooling == "max" else sum(weights)
    row[splade.tokenizer.all_special_ids] = 0
    return row


@pytest.mark.parametrize("pooling", ["max", "sum"])
def test_rows_are_the_formula(pooling):
    splade = Splade(*model(), pooling=pooling)
    rows = splade.encode(some_texts())
    assert (rows.dtype, rows.shape) == (np.float32, (17, 45))
    assert rows.data.min() > 0
    assert 17 * 5 < rows.nnz < 17 * 40
    for text, row in zip(some_texts(), rows.toarray(), strict=True):
        np.testing.assert_allclose(row, plain_row(splade, text), rtol=1e-5, atol=TOLERANCE)


@pytest.mark.parametrize("pooling", ["max", "sum"])
def test_agrees_with_sentence_transformers(pooling):
    modules = pytest.importorskip("sentence_transformers.sparse_encoder.modules")
    splade = Splade(*model(), pooling=pooling)
    batch = splade.tokenizer(some_texts(), padding=True, return_tensors="pt")
    with torch.inference_mode():
        logits = splade.model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        theirs = (
            modules.SpladePooling(pooling_strategy=pooling)
            .eval()({"token_embeddings": logits, "attention_mask": batch["attention_mask"]})[
                "sentence_embedding"
            ]
            .numpy()
        )
    theirs[:, splade.tokenizer.all_special_ids] = 0  # which are no terms here
    np.testing.assert_allclose(splade.encode(some_texts()).toarray(), theirs, atol=1e-5)


@pytest.mark.parametrize("pooling", ["max", "sum"])
@pytest.mark.parametrize("tokens", [1, 60, 10_000])
def test_a_row_does_not_depend_on_its_batch(pooling, tokens):
    texts = some_texts()
    alone = Splade(*model(), pooling=pooling)
    wanted = np.concatenate([alone.encode([text]).toarray() for text in texts])
    splade = Splade(*model(), pooling=pooling, tokens_at_once=tokens)
    found = splade.encode(texts).toarray()
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=TOLERANCE)
    backwards = splade.encode(texts[::-1]).toarray()[::-1]
    np.testing.assert_allclose(backwards, wanted, rtol=1e-5, atol=TOLERANCE)


def test_many_texts_come_in_parts(monkeypatch):
    monkeypatch.setattr("likewise.encode.splade.TEXTS_AT_ONCE", 5)
    texts = some_texts()
    found = Splade(*model()).encode(texts).toarray()
    monkeypatch.undo()
    np.testing.assert_allclose(found, Splade(*model()).encode(texts).toarray(), atol=TOLERANCE)


def test_the_same_texts_give_the_same_bytes():
    first, second = (Splade(*model()).encode(some_texts()) for _ in range(2))
    for part in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(first, part), getattr(second, part))


def test_a_model_left_in_training_is_no_longer_at_chance():
    splade = Splade(*model())
    wanted = splade.encode(some_texts()).toarray()
    splade.model.train()
    np.testing.assert_array_equal(splade.encode(some_texts()).toarray(), wanted)


def test_texts_without_tokens_have_rows_without_terms():
    splade = Splade(*model())
    rows = splade.encode(["", "w1", " \n", "\u3000"])
    assert np.diff(rows.indptr).astype(bool).tolist() == [False, True, False, False]
    assert splade.encode_query("").nnz == 0
    assert splade.terms("") == {}
    assert splade.encode([]).shape == splade.encode_queries([]).shape == (0, splade.dim)


def test_special_tokens_are_no_terms():
    splade = Splade(*model())
    rows = splade.encode([*some_texts(), "unknown words"])
    assert rows[:, splade.tokenizer.all_special_ids].nnz == 0
    bags = Splade(*model(), document_only=True)
    assert bags.as_terms(bags.encode_queries(["w1 unknown [SEP] w2"])) == [{"w1": 1.0, "w2": 1.0}]


def test_long_texts_are_cut():
    splade = Splade(*model(), max_length=6)
    a, b, c = splade.encode(["w1 w2 w3 w4", "w1 w2 w3 w4 w5 w6", "w1 w2 w3 w5"]).toarray()
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 1e-3
    assert Splade(*model()).max_length == 64


@pytest.mark.parametrize("top", [1, 7])
def test_top_terms_are_the_heaviest(top):
    texts = some_texts()
    full = Splade(*model()).encode(texts).toarray()
    splade = Splade(*model(), top_terms=top, query_top_terms=top + 1)
    for rows, kept in ((splade.encode(texts), top), (splade.encode_queries(texts), top + 1)):
        assert rows.has_sorted_indices
        assert np.diff(rows.indptr).tolist() == [kept] * len(texts)
        for row, found in zip(full, rows.toarray(), strict=True):
            best = np.lexsort((np.arange(len(row)), -row))[:kept]
            wanted = np.zeros_like(row)
            wanted[best] = row[best]
            np.testing.assert_array_equal(found, wanted)


def test_equal_weights_keep_the_smaller_id():
    from likewise.encode._sparse_rows import from_dense

    rows = from_dense(np.array([[0, 2, 1, 2, 2], [0, 0, 0, 1, 0]], dtype=np.float32), 2)
    assert rows.toarray().tolist() == [[0, 2, 0, 2, 0], [0, 0, 0, 1, 0]]


def test_terms_and_mappings_are_the_rows():
    splade = Splade(*model())
    row = splade.encode(["w3 w4"])
    mapping = splade.as_terms(row)[0]
    assert list(mapping.values()) == sorted(row.data.tolist(), reverse=True)
    ids = splade.tokenizer.convert_tokens_to_ids(list(mapping))
    np.testing.assert_array_equal(row.toarray()[0, ids], np.float32(list(mapping.values())))
    assert splade.terms("w3 w4", 3) == dict(list(mapping.items())[:3])


def test_queries_have_the_same_model_unless_told():
    splade = Splade(*model())
    texts = some_texts()
    same = splade.encode_queries(texts).toarray()
    np.testing.assert_array_equal(same, splade.encode(texts).toarray())
    two = Splade(*model(), query_model=model(1)[0])
    assert np.abs(two.encode_queries(texts).toarray() - same).max() > 0.1
    np.testing.assert_array_equal(two.encode(texts).toarray(), same)
    other = Splade(*model(1)).encode(texts).toarray()
    np.testing.assert_array_equal(two.encode_queries(texts).toarray(), other)


@pytest.mark.parametrize("document_only", [False, True])
def test_the_inverted_index_ranks_as_all_dot_products_do(document_only):
    from likewise.index import Sparse

    splade = Splade(*model(), document_only=document_only, top_terms=12)
    texts = ["", *some_texts(40), ""]
    rows, queries = splade.encode(texts), splade.encode_queries(some_texts(9, seed=5, longest=4))
    found = Sparse("dot").fit(rows).search(queries, k=10)
    scores = (queries @ rows.T).toarray()
    for row, wanted in enumerate(scores):
        best = [i for i in np.lexsort((np.arange(len(texts)), -wanted))[:10] if wanted[i] > 0]
        np.testing.assert_allclose(-found[row].distances, wanted[best], rtol=1e-5)
        assert not {0, len(texts) - 1} & set(found[row].ids.tolist())


# -- queries without a model -----------------------------------------------------------


def test_document_only_queries_are_sets_of_their_tokens():
    splade = Splade(*model(), document_only=True)
    found = splade.as_terms(splade.encode_queries(["w2 W1 w2", "nothing known"]))
    assert found == [{"w1": 1.0, "w2": 1.0}, {}]
    np.testing.assert_array_equal(
        splade.encode(some_texts()).toarray(), Splade(*model()).encode(some_texts()).toarray()
    )


def test_query_weights_from_a_mapping_an_array_or_idf():
    splade = Splade(*model(), document_only=True, query_weights={"w1": 2.5, "w3": 0})
    assert splade.terms("w1 w2 w3", query=True) == {"w1": 2.5, "w2": 1.0}
    splade.query_weights = np.arange(splade.dim)
    assert splade.terms("w1 w2", query=True) == {"w2": 7.0, "w1": 6.0}
    texts = ["w1 w2", "w1 w1", "w3 w1"]
    idf = splade.idf(texts)
    for column, token in enumerate(splade.tokenizer.convert_ids_to_tokens(range(splade.dim))):
        holding = sum(token in text.split() for text in texts)
        wanted = np.log(1 + (3 - holding + 0.5) / (holding + 0.5))
        assert idf[column] == pytest.approx(wanted, rel=1e-6)
    splade.query_weights = None
    assert splade.terms("w1", query=True) == {"w1": 1.0}


def test_given_weights_are_copied():
    mine = np.ones(45, dtype=np.float32)
    splade = Splade(*model(), document_only=True, query_weights=mine)
    mine[:] = 9
    assert splade.terms("w1", query=True) == {"w1": 1.0}


@pytest.mark.parametrize(
    ("weights", "error", "words"),
    [
        (np.ones(44), InvalidArgument, r"shape \(45,\).*got \(44,\)"),
        ({"w99": 1.0}, InvalidArgument, "'w99' is no token"),
        (-np.ones(45), InvalidArgument, "at least 0; token 0 has -1"),
        ({"w0": float("nan")}, InvalidArgument, "token 5 has nan"),
        ("heavy", InvalidType, "45 numbers or a mapping"),
    ],
)
def test_wrong_query_weights(weights, error, words):
    with pytest.raises(error, match=words):
        Splade(*model(), document_only=True, query_weights=weights)


def test_query_weights_need_document_only():
    with pytest.raises(InvalidArgument, match="query_weights are for document_only=True"):
        Splade(*model(), query_weights=np.ones(45))


@pytest.mark.parametrize("given", [{"query_model": "any"}, {"query_top_terms": 3}])
def test_document_only_refuses_what_it_would_ignore(given):
    with pytest.raises(InvalidArgument, match="document_only queries are their own tokens"):
        Splade(*model(), document_only=True, **given)


# -- identity and progress -------------------------------------------------------------


def test_fingerprints_tell_settings_and_weights_apart():
    made = [
        Splade(*model()),
        Splade(*model(1)),
        Splade(*model(), pooling="sum"),
        Splade(*model(), top_terms=3),
        Splade(*model(), query_top_terms=3),
        Splade(*model(), max_length=9),
        Splade(*model(), document_only=True),
        Splade(*model(), document_only=True, query_weights={"w1": 2}),
        Splade(*model(), query_model=model()[0]),
        Splade(*model(words=["other", *WORDS[1:]])),
    ]
    prints = [splade.fingerprint for splade in made]
    assert len(set(prints)) == len(prints)
    assert all(print_.startswith("splade:") for print_ in prints)


def test_a_fingerprint_is_stable_until_a_weight_changes():
    splade = Splade(*model())
    before = splade.fingerprint
    splade.encode(some_texts())
    assert splade.fingerprint == before == Splade(*model(), tokens_at_once=1).fingerprint
    with torch.no_grad():
        splade.model.cls.predictions.bias[7] += 0.25
    assert splade.fingerprint != before


def test_progress_rises_and_can_interrupt():
    calls = []
    splade = Splade(*model(), tokens_at_once=100)
    splade.encode(some_texts(), progress=lambda done, total: calls.append((done, total)))
    done = [call[0] for call in calls]
    assert len(calls) > 2
    assert done == sorted(done)
    assert calls[-1] == (17, 17)
    bags = Splade(*model(), document_only=True)
    for encode, texts in ((bags.encode_queries, ["w1"]), (bags.encode, [])):
        calls.clear()
        encode(texts, progress=lambda done, total: calls.append((done, total)))
        assert calls == [(len(texts), len(texts))]

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        splade.encode(some_texts(), progress=stop)


# -- models from disk -------------------------------------------------------------------


def save(folder, **given):
    found, tokenizer = model(**given)
    found.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_path_loads_model_and_tokenizer(tmp_path):
    folder = save(tmp_path / "mine")
    wanted = Splade(*model())
    for splade in (Splade(folder), Splade(str(folder), str(folder))):
        assert splade.fingerprint == wanted.fingerprint
        found = splade.encode(some_texts()).toarray()
        np.testing.assert_array_equal(found, wanted.encode(some_texts()).toarray())
    assert Splade(folder, query_model=folder).query_model is not None


def test_what_is_not_on_disk_says_what_to_do(tmp_path):
    for name in ("nobody/no-such-model", tmp_path / "absent"):
        with pytest.raises(InvalidArgument, match=r"not on this disk.*hf download"):
            Splade(name)
        with pytest.raises(InvalidArgument, match=r"model .* is not on this disk"):
            Splade(name, model()[1])
        with pytest.raises(InvalidArgument, match=r"tokenizer .* is not on this disk"):
            Splade(model()[0], name)
        with pytest.raises(InvalidArgument, match=r"query_model .* is not on this disk"):
            Splade(*model(), query_model=name)


def test_a_checkpoint_without_a_head_is_refused(tmp_path):
    found, tokenizer = model()
    found.bert.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(InvalidArgument, match=r"no weights for cls\.predictions"):
        Splade(tmp_path)


def test_an_architecture_without_masked_tokens_is_refused(tmp_path):
    from transformers import GPT2Config, GPT2LMHeadModel

    GPT2LMHeadModel(
        GPT2Config(vocab_size=45, n_embd=8, n_layer=1, n_head=1, n_positions=16)
    ).save_pretrained(tmp_path)
    with pytest.raises(InvalidArgument, match="is no masked-language model"):
        Splade(tmp_path, model()[1])


@pytest.mark.parametrize("argument", ["model", "query_model"])
def test_a_loaded_model_without_a_head_is_refused(argument):
    found, tokenizer = model()
    given = {"model": found, "tokenizer": tokenizer, argument: found.bert}
    with pytest.raises(InvalidArgument, match=f"^{argument} must have a head .* BertModel gives"):
        Splade(**given)


def test_a_head_that_scores_texts_is_refused():
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=45, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, num_labels=3
    )
    with pytest.raises(InvalidArgument, match=r"gives logits of shape \(1, 3\)"):
        Splade(BertForSequenceClassification(config), model()[1])


@pytest.mark.parametrize("words", [WORDS[:-1], [*WORDS, "more"]])
def test_vocabularies_must_match(words):
    with pytest.raises(InvalidArgument, match=r"scores 45 tokens and the tokenizer has 4[46]"):
        Splade(model()[0], word_tokenizer(words))


def test_a_padded_vocabulary_is_cut():
    many = [f"w{i}" for i in range(1015)]
    found, tokenizer = small_masked_lm(many)
    found.resize_token_embeddings(1024)
    splade = Splade(found, tokenizer)
    assert splade.dim == 1020
    assert splade.encode(["w1"]).shape == (1, 1020)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_named(value):
    found, tokenizer = model()
    with torch.no_grad():
        found.bert.encoder.layer[1].output.dense.weight[0, 0] = value
    words = r"1 of the 2048 numbers in 'bert\.encoder\.layer\.1\.output\.dense\.weight'"
    with pytest.raises(InvalidArgument, match=words):
        Splade(found, tokenizer)
    with pytest.raises(InvalidArgument, match=r"^query_model: expected finite"):
        Splade(*model(), query_model=found)


def test_a_model_that_gives_no_number_names_the_row():
    splade = Splade(*model())
    with torch.no_grad():
        splade.model.bert.embeddings.word_embeddings.weight[9] = float("nan")
        splade.model.cls.predictions.decoder.weight = torch.nn.Parameter(torch.ones(45, 32))
    with pytest.raises(InvalidVector, match="row 2: the model gives NaN"):
        splade.encode(["w1 w2 w3", "w1", "w4"])


# -- what it is called with ---------------------------------------------------------------


def test_what_is_neither_a_name_nor_a_model():
    with pytest.raises(InvalidType, match="model must be a masked-language model"):
        Splade(3, model()[1])
    with pytest.raises(InvalidType, match="tokenizer must be a tokenizer"):
        Splade(model()[0])
    with pytest.raises(InvalidType, match="tokenizer must be a tokenizer"):
        Splade(model()[0], 3)
    with pytest.raises(InvalidType, match="query_model must be a masked-language model"):
        Splade(*model(), query_model=3)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"pooling": "mean"}, InvalidArgument, "one of max, sum; got 'mean'"),
        ({"max_length": 65}, InvalidArgument, "at most 64"),
        ({"max_length": 2}, InvalidArgument, "at least 3"),
        ({"max_length": 4.0}, InvalidType, "integer"),
        ({"top_terms": 0}, InvalidArgument, "top_terms must be at least 1"),
        ({"query_top_terms": 0}, InvalidArgument, "query_top_terms must be at least 1"),
        ({"tokens_at_once": 0}, InvalidArgument, "tokens_at_once must be at least 1"),
        ({"max_len": 4}, UnknownArgument, "did you mean 'max_length'"),
    ],
)
def test_impossible_settings(given, error, words):
    with pytest.raises(error, match=words):
        Splade(*model(), **given)


def test_texts_that_are_none():
    splade = Splade(*model())
    for method in (splade.encode, splade.encode_queries):
        with pytest.raises(InvalidType, match="list of strings"):
            method("one string")
        with pytest.raises(InvalidType, match="row 1"):
            method(["fine", None])
        with pytest.raises(InvalidRow, match=r"row 1.*surrogate"):
            method(["fine", "half\ud83d"])
    for method in (splade.encode_query, splade.terms):
        with pytest.raises(InvalidType):
            method(3)
    with pytest.raises(InvalidArgument, match="k must be at least 1"):
        splade.terms("w1", 0)


def test_rows_of_another_encoder_have_no_names():
    rows = Splade(*small_masked_lm(["one"])).encode(["one"])
    with pytest.raises(InvalidArgument, match="rows have 6 columns; this encoder has 45"):
        Splade(*model()).as_terms(rows)


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_missing_packages_have_an_install_line(monkeypatch, package):
    there = importlib.util.find_spec
    monkeypatch.setattr(
        masked_lm.importlib.util,
        "find_spec",
        lambda name: None if name == package else there(name),
    )
    with pytest.raises(MissingExtra, match=f"needs {package}.*likewise.text"):
        Splade("any")


def test_shows_itself():
    assert repr(Splade(*model())) == "Splade(dim=45, pooling='max')"
    shown = repr(Splade(*model(), document_only=True))
    assert shown == "Splade(dim=45, pooling='max', document_only=True)"
