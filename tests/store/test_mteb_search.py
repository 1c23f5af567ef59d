"""`MTEBSearch` against a stub of the protocol: what MTEB 2 calls, and with what."""

import sys
from types import SimpleNamespace
from typing import Any, Protocol, runtime_checkable

import pytest

from likewise.errors import CollectionExists, InvalidArgument, InvalidType, MissingExtra
from likewise.store.mteb_search import MTEBSearch

CORPUS = [
    {"id": "apple", "title": "Fruit", "text": "a red apple"},
    {"id": "car", "title": "", "text": "a fast red car"},
    {"id": "pear", "body": "a green pear"},
]
QUERIES = [{"id": "q1", "text": "red apple"}, {"id": "q2", "text": "green pear"}]


@runtime_checkable
class SearchProtocol(Protocol):
    """The members of ``mteb.models.models_protocols.SearchProtocol`` (2.26)."""

    def index(
        self, corpus, *, task_metadata, hf_split, hf_subset, encode_kwargs, num_proc, **kwargs: Any
    ) -> None: ...

    def search(
        self,
        queries,
        *,
        task_metadata,
        hf_split,
        hf_subset,
        top_k,
        encode_kwargs,
        top_ranked=None,
        num_proc,
        **kwargs: Any,
    ) -> dict[str, dict[str, float]]: ...

    @property
    def mteb_model_meta(self): ...


@pytest.fixture
def mteb(monkeypatch):
    """A stand-in for the package, with the one class that is used."""

    class ModelMeta:
        @classmethod
        def create_empty(cls, overwrites):
            return SimpleNamespace(**overwrites)

    monkeypatch.setitem(sys.modules, "mteb", SimpleNamespace(models=None))
    monkeypatch.setitem(sys.modules, "mteb.models", SimpleNamespace(ModelMeta=ModelMeta))


def task(name="SciFact", split="test"):
    return {
        "task_metadata": SimpleNamespace(name=name),
        "hf_split": split,
        "hf_subset": "default",
        "encode_kwargs": {"batch_size": 8},
        "num_proc": None,
    }


@pytest.fixture
def model(tmp_path):
    found = MTEBSearch(tmp_path / "mteb", encoder="hashing")
    yield found
    found.close()


def evaluate(model, corpus, queries, **more):
    """As mteb's RetrievalEvaluator calls a search model."""
    model.index(corpus=corpus, **task())
    return model.search(queries=queries, top_k=2, top_ranked=None, **task(), **more)


def test_it_is_such_a_model_and_answers(model, mteb):
    assert isinstance(model, SearchProtocol)
    found = evaluate(model, CORPUS, QUERIES)
    assert {query: next(iter(rows)) for query, rows in found.items()} == {
        "q1": "apple",
        "q2": "pear",
    }
    for rows in found.values():
        assert len(rows) == 2
        assert all(type(score) is float for score in rows.values())
        assert list(rows.values()) == sorted(rows.values(), reverse=True)
    assert model.mteb_model_meta.name == "likewise/hashing"


def test_each_task_and_split_has_its_collection(model):
    model.index(CORPUS[:1], **task())
    model.index(CORPUS[1:], **task(split="dev/1"))
    assert list(model.search(QUERIES, top_k=5, **task())["q1"]) == ["apple"]
    assert set(model.search(QUERIES, top_k=5, **task(split="dev/1"))["q1"]) == {"car", "pear"}
    assert sorted(path.name for path in model.folder.iterdir()) == [
        "SciFact-default-dev_1.likewise",
        "SciFact-default-test.likewise",
    ]


def test_reranking_searches_the_rows_given_alone(model):
    model.index(CORPUS, **task())
    found = model.search(QUERIES, top_k=5, **task(), top_ranked={"q1": ["car", "pear"], "q2": []})
    assert (set(found["q1"]), found["q2"]) == ({"car", "pear"}, {})


def test_arguments_of_the_search_are_passed_on(tmp_path):
    model = MTEBSearch(tmp_path, search={"where": "id = 'car'"}, encoder="hashing")
    model.index(CORPUS, **task())
    assert list(model.search(QUERIES, top_k=5, **task())["q2"]) == ["car"]
    model.close()


def test_what_is_refused(model, tmp_path, monkeypatch):
    with pytest.raises(InvalidArgument, match=r"before index.. of 'SciFact-default-test'"):
        model.search(QUERIES, top_k=5, **task())
    model.index(CORPUS, **task())
    with pytest.raises(CollectionExists):
        model.index(CORPUS, **task())
    with pytest.raises(InvalidArgument, match="row 'x' has no text"):
        model.index([{"id": "x", "image": 3}], **task("Other"))
    with pytest.raises(InvalidType, match="search must be a dict"):
        MTEBSearch(tmp_path, search=["exact"])
    monkeypatch.setitem(sys.modules, "mteb.models", None)
    with pytest.raises(MissingExtra, match="pip install mteb"):
        _ = model.mteb_model_meta
