"""Fields of terms, bags and Gaussians: bad values and queries, encoders, damaged files."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

import likewise as lw
from likewise.encode import TokenEncoder
from likewise.errors import (
    CacheWarning,
    DimensionMismatch,
    EncoderMismatch,
    InvalidArgument,
    InvalidRow,
    InvalidType,
    InvalidVector,
    LikewiseError,
    UnknownArgument,
    UnknownEncoder,
    UnknownField,
    UnknownMetric,
)
from likewise.store.writers import export_rows
from likewise.vectors import Bags, as_bags, as_gaussians

FIELDS = {
    "terms": lw.SparseField(),
    "bags": lw.BagField(dim=2),
    "means": lw.GaussianField(dim=2),
}
GOOD: dict[str, Any] = {
    "terms": {"cat": 0.5},
    "bags": [[0, 1], [1, 0]],
    "means": {"mean": [0, 0], "variance": [1, 1]},
}


@pytest.fixture
def docs(tmp_path: Path) -> Iterator[lw.Collection]:
    with lw.create(tmp_path / "docs", fields=FIELDS) as collection:
        collection.add([{"id": "first", "vectors": GOOD, "text": "one"}])
        yield collection


# -- rows ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "error", "words"),
    [
        ("terms", {"cat": -1}, InvalidVector, "weight -1 for term 'cat'"),
        ("terms", {"cat": float("nan")}, InvalidVector, "weight NaN"),
        ("terms", {"cat": float("inf")}, InvalidVector, "weight infinity"),
        ("terms", {"cat": 1e39}, InvalidVector, "32-bit"),
        ("terms", {"cat": "much"}, InvalidType, "expected a number"),
        ("terms", {1.5: 1}, InvalidType, "terms are str or int"),
        ("terms", {"cat": 1, 2: 1}, InvalidType, "all str or all int"),
        ("terms", {2**63: 1}, InvalidVector, "64 bits"),
        ("terms", [0.5, 1], InvalidType, "a dict from term to weight"),
        ("terms", csr_array(np.ones((2, 3))), InvalidVector, "one row of a matrix"),
        ("bags", [], InvalidVector, "no vectors"),
        ("bags", np.empty((0, 2)), InvalidVector, "no vectors"),
        ("bags", [1, 2], InvalidType, "must be a bag"),
        ("bags", [["a", "b"]], InvalidType, "must be a bag"),
        ("bags", {"mean": [0]}, InvalidType, "must be a bag"),
        ("bags", [[1, 2, 3]], DimensionMismatch, "hold 2 numbers"),
        ("bags", [[1, 2], [3]], DimensionMismatch, "vector 1 has 1 numbers"),
        ("bags", [[1, 2], [0, 0]], InvalidVector, "zero vector"),
        ("bags", [[1, 2], [3, float("nan")]], InvalidVector, "vector 1 has NaN in dimension 1"),
        ("means", [0, 0], InvalidType, "'mean'.*'variance'"),
        ("means", {"mean": [0, 0]}, InvalidType, "'mean'.*'variance'"),
        ("means", {"mean": [0, 0], "variance": [1, 0]}, InvalidVector, "variance 0 in dimension 1"),
        ("means", {"mean": [0, 0], "variance": [1, -1]}, InvalidVector, "variance -1"),
        ("means", {"mean": [0, float("nan")], "variance": [1, 1]}, InvalidVector, "NaN"),
        ("means", {"mean": [0, 0, 0], "variance": [1, 1, 1]}, DimensionMismatch, "2 numbers"),
        ("means", {"mean": [0, 0], "variance": [1]}, DimensionMismatch, "2 numbers"),
        ("means", {"mean": [[0, 0]], "variance": [1, 1]}, InvalidType, "flat list"),
        ("means", {"mean": [0, 1e10], "variance": [1, 1]}, InvalidVector, "scale the data"),
        ("means", {"mean": [0, 0], "variance": [1, 1e-13]}, InvalidVector, "scale the data"),
        ("terms", None, InvalidRow, "no sparse value, and the field has no encoder"),
        ("means", None, InvalidRow, "no gaussian value, and the field has no encoder"),
    ],
)
def test_bad_values(
    docs: lw.Collection, field: str, value: Any, error: type[LikewiseError], words: str
) -> None:
    rows = [
        {"id": "good", "vectors": GOOD},
        {"id": "bad", "vectors": {**GOOD, field: value}},
    ]
    for write in (docs.add, docs.upsert):
        with pytest.raises(error, match=words) as caught:
            write(rows)
        for part in ("'docs'", f"'{field}'", "row 1 (id 'bad')"):
            assert part in str(caught.value)
    assert len(docs) == 1
    assert docs.check() == []


@pytest.mark.parametrize(
    ("field", "name", "words"),
    [
        (lw.VectorField, "dims", "did you mean 'dim'"),
        (lw.SparseField, "encoders", "did you mean 'encoder'"),
        (lw.BagField, "store", "did you mean 'storage'"),
        (lw.BagField, "space", "did you mean 'metric'"),
        (lw.GaussianField, "metric", "it takes dim"),
    ],
)
def test_wrong_names_of_arguments(field: Any, name: str, words: str) -> None:
    with pytest.raises(UnknownArgument, match=words) as caught:
        field(**{name: 2})
    assert f"{field.__name__}() has no argument {name!r}" in str(caught.value)


def test_values_come_back(docs: lw.Collection) -> None:
    docs.add([{"id": 2, "vectors": {**GOOD, "terms": csr_array(np.array([[0, 0.5, 0, 2]]))}}])
    (row,) = docs.get(2)
    assert row["vectors"]["terms"] == {1: 0.5, 3: 2.0}
    assert row["vectors"]["bags"].tolist() == [[0, 1], [1, 0]]
    assert row["vectors"]["means"]["variance"].dtype == np.float32
    assert docs.search({3: 1}, using="terms").ids == [2]
    assert docs.search({"3": 1}, using="terms").ids == [], "1 is not '1'"
    docs.add([{"id": 3, "vectors": {**GOOD, "terms": {"\0i3": 1, "id": 1}}}])
    assert docs.search({3: 1}, using="terms").ids == [2], "nor what stands for it"
    assert docs.search({"\0i3": 1}, using="terms").ids == [3]
    assert docs.search([{"id": 1}], using="terms")[0].ids == [3]
    docs.add([{"id": 4, "vectors": {**GOOD, "terms": {}}}])
    assert 4 not in docs.search({"cat": 1}, using="terms").ids


# -- fields --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: lw.BagField(dim=0), InvalidArgument, "dim"),
        (lambda: lw.BagField(dim=2, metric="euclidean"), UnknownMetric, "cosine, dot"),
        (lambda: lw.BagField(dim=2, storage="1-bit"), InvalidArgument, "8-bit"),
        (lambda: lw.GaussianField(dim="two"), InvalidType, "dim"),
    ],
)
def test_impossible_fields(make: Any, error: type[LikewiseError], words: str) -> None:
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize(
    ("field", "error", "words"),
    [
        (lw.BagField(), InvalidArgument, "'one' needs dim="),
        (lw.GaussianField(), InvalidArgument, "'one' needs dim="),
        (lw.BagField(encoder="minilm"), UnknownEncoder, "minilm-tokens"),
        (lw.SparseField(encoder="splade"), UnknownEncoder, "give the encoder itself"),
        (lw.SparseField(encoder=object()), InvalidType, "must make terms"),
        ({"dim": 2}, InvalidType, "SparseField, BagField or GaussianField"),
    ],
)
def test_fields_that_cannot_be(
    tmp_path: Path, field: Any, error: type[LikewiseError], words: str
) -> None:
    with pytest.raises(error, match=words):
        lw.create(tmp_path / "docs", fields={"one": field})
    assert not (tmp_path / "docs").exists()


def test_only_new_fields_need_the_new_format(tmp_path: Path, docs: lw.Collection) -> None:
    lw.create(tmp_path / "old", dim=2).close()
    found = {}
    for name in ("old", "docs"):
        connection = sqlite3.connect(tmp_path / name / "data.sqlite")
        found[name] = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.close()
    assert found == {"old": 1, "docs": 2}
    assert docs.info()["format"] == 2
    assert docs.info()["fields"]["bags"]["kind"] == "bag"


# -- queries -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "query", "error", "words"),
    [
        ("terms", {"cat": -1}, InvalidVector, "the query has weight -1"),
        ("terms", [{"cat": 1}, {"dog": -1}], InvalidVector, "query 1 has weight -1"),
        ("terms", [0.5, 1.0], InvalidType, "query 0 must be a dict"),
        ("terms", 5, InvalidType, "a dict from term to weight"),
        ("bags", np.empty((0, 2)), InvalidVector, "the query is a bag with no vectors"),
        ("bags", [1, 0], InvalidType, "the query must be a bag"),
        ("bags", [[[1, 0]], [[1, 2, 3]]], DimensionMismatch, "query 1"),
        ("bags", {"cat": 1}, InvalidType, "must be a bag"),
        ("means", [0, 0], InvalidType, "query 0 must be"),
        ("means", {"mean": [0, 0], "variance": [0, 1]}, InvalidVector, "variance 0"),
        ("means", 3, InvalidType, "'mean'"),
        ("terms", "a text", InvalidArgument, "no encoder for text"),
        ("means", "a text", InvalidArgument, "no encoder for text"),
        (["terms", "bags"], {"cat": 1}, InvalidType, "'bags'"),
    ],
)
def test_bad_queries(
    docs: lw.Collection, field: Any, query: Any, error: type[LikewiseError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        docs.search(query, using=field)
    assert "'docs'" in str(caught.value)


def test_queries_of_every_form(docs: lw.Collection) -> None:
    docs.add([{"id": 2, "vectors": {**GOOD, "bags": [[1, 1]]}}])
    one = [[0, 1], [2, 0]]
    assert docs.search(one, using="bags").ids == ["first", 2]
    assert docs.search(np.array(one), using="bags").ids == ["first", 2]
    for batch in ([one, [[1, 1]]], [np.array(one), np.array([[1, 1]])], as_bags([one, [[1, 1]]])):
        assert [found.ids[0] for found in docs.search(batch, using="bags")] == ["first", 2]
    assert isinstance(as_bags([one]), Bags)
    assert len(docs.search(as_bags([one]), using="bags")) == 1, "a batch of one"
    found = docs.search(as_gaussians([[0, 0], [1, 1]], [[1, 1], [1, 1]]), using="means")
    assert [len(results) for results in found] == [2, 2]
    matrix = csr_array(np.ones((2, 3)))
    assert [len(results) for results in docs.search(matrix, using="terms")] == [0, 0]
    assert len(docs.search(matrix[[0]], using="terms")) == 0


def test_a_query_must_be_as_many_for_every_field(tmp_path: Path) -> None:
    fields = {"dense": lw.VectorField(dim=2), "bags": lw.BagField(dim=2)}
    with lw.create(tmp_path / "docs", fields=fields) as collection:
        collection.add([{"id": 1, "vectors": {"dense": [1, 0], "bags": [[0, 1]]}}])
        with pytest.raises(
            InvalidArgument, match=r"1 queries for field 'bags' and 3 for .*'dense'"
        ):
            collection.search(np.ones((3, 2)), using=["dense", "bags"])
        with pytest.raises(InvalidArgument, match=r"must be \{'id': …\}, or .* for using='dense'"):
            collection.search({"cat": 1}, using=["dense", "bags"])


def test_a_query_in_the_form_of_a_row(docs: lw.Collection) -> None:
    docs.add([{"id": 2, "vectors": {**GOOD, "terms": {"dog": 1}}, "text": "two dogs"}])
    query = {"vectors": {"terms": {"dog": 1}, "means": GOOD["means"]}, "text": "dogs"}
    found = docs.search(query, using=["terms", "means", "lexical"])
    assert found.ids == [2, "first"]
    assert found[0].branches["terms"].rank == found[0].branches["lexical"].rank == 1
    assert docs.search({"vectors": {"terms": {"dog": 1}}}, using="terms").ids == [2]
    for wrong, words in [
        ({"vectors": {"terms": {"dog": 1}}}, "using='means': the query brings neither"),
        ({"vectors": {"bags": [[0, 1]]}}, "brings 'bags'; it may bring 'text'"),
        ({"vectors": {}, "words": "dog"}, "brings 'words'"),
        ({"vectors": {"terms": [{"dog": 1}]}, "text": "dog"}, "got a batch"),
        ({"vectors": {"terms": {"dog": 1}}, "text": "dog"}, "'means' has no encoder"),
    ]:
        with pytest.raises(InvalidArgument, match=words):
            docs.search(wrong, using=["terms", "means"])
    with pytest.raises(InvalidType, match="text of the query"):
        docs.search({"vectors": {}, "text": 5}, using="terms")


def test_what_only_dense_fields_have(docs: lw.Collection, tmp_path: Path) -> None:
    with pytest.raises(UnknownField, match="'words' is none of"):
        docs.recall(using="words")
    with pytest.raises(InvalidArgument, match="measures one field; got using=terms, bags"):
        docs.recall(using=["terms", "bags"])
    docs.add([{"id": "dated", "vectors": GOOD, "n": 1}])
    with pytest.raises(UnknownField, match="name one vector field"):
        docs.index_field("n", window=True, using="bags")
    with pytest.raises(InvalidArgument, match=r"'bags' has other values; export as \.jsonl"):
        export_rows(docs.rows(), tmp_path / "out.npy", using="bags")


# -- encoders ------------------------------------------------------------------------------


class Letters(TokenEncoder):
    """One vector a letter."""

    name, dim = "letters", 26

    def _identity(self) -> bytes:
        return b"1"

    def _encode(self, texts: list[str], progress: Any) -> Bags:
        places = [[ord(c) - 97 for c in text if "a" <= c <= "z"] for text in texts]
        if [] in places:
            raise InvalidRow(f"row {places.index([])}: no letter is left")
        ends = np.cumsum([0, *map(len, places)])
        return Bags(np.eye(26, dtype=np.float32)[list(chain(*places))], ends)


class Words:
    """Words of texts by their lengths; of queries by 1."""

    name = "words"

    def __init__(self, version: int = 1) -> None:
        self.fingerprint = f"words:{version}"
        self.known: list[str] = []

    def _rows(self, texts: Any, weigh: Any) -> csr_array:
        self.known = sorted({word for text in texts for word in text.split()})
        places = [[self.known.index(word) for word in text.split()] for text in texts]
        offsets = np.cumsum([0, *map(len, places)])
        columns = np.array(list(chain(*places)), dtype=np.int32)
        weights = np.array([weigh(word) for text in texts for word in text.split()], np.float32)
        return csr_array((weights, columns, offsets), shape=(len(places), len(self.known) or 1))

    def encode(self, texts: Any, *, progress: Any = None) -> csr_array:
        return self._rows(texts, len)

    def encode_queries(self, texts: Any) -> csr_array:
        return self._rows(texts, lambda word: 1.0)

    def as_terms(self, rows: csr_array) -> list[dict[str, float]]:
        return [
            {self.known[c]: float(w) for c, w in zip(row.indices, row.data, strict=True)}
            for row in (rows[[i]] for i in range(rows.shape[0]))
        ]


def test_texts_are_encoded(tmp_path: Path) -> None:
    fields = {"terms": lw.SparseField(encoder=Words()), "bags": lw.BagField(encoder=Letters())}
    with lw.create(tmp_path / "docs", fields=fields) as collection:
        collection.add([{"id": 1, "text": "the cat sat"}, {"id": 2, "text": "dogs run"}])
        assert collection.search("cat", using="terms").distances.tolist() == [-3.0]
        assert collection.search("cat", 1, using="bags").distances.tolist() == [0.0]
        assert collection.search("a dog", using=["terms", "bags", "lexical"], k=1).ids == [2]
        assert [r.ids for r in collection.search(["cat", "dogs"], using="terms")] == [[1], [2]]
        assert "vectors" not in collection.get(1)[0]
        assert collection.get(1, vectors=True)[0]["vectors"]["terms"]["cat"] == 3.0
        own = {"terms": {"cat": 9.0}, "bags": np.eye(26)[:1]}
        collection.add([{"id": 3, "text": "?!", "vectors": own}])
        assert collection.search("cat", using="terms").ids == [3, 1]
        with pytest.raises(InvalidRow, match=r"'docs', field 'bags': row 1 \(id 5\): .*no letter"):
            collection.add([{"id": 4, "text": "fine"}, {"id": 5, "text": "?!"}])
        with pytest.raises(InvalidRow, match="neither a sparse value nor a text for encoder words"):
            collection.add([{"id": 4}])
        assert len(collection) == 3
    given = {"terms": Words(), "bags": Letters()}
    with lw.open(tmp_path / "docs", encoder=given) as collection:
        assert collection.search("cat", using=["terms", "bags"], k=1).ids
    with lw.open(tmp_path / "docs") as collection:
        assert collection.search({"cat": 1.0}, using="terms").ids == [3, 1]
        with pytest.raises(UnknownEncoder, match="give the encoder itself"):
            collection.search("cat", using="terms")
    with pytest.raises(EncoderMismatch, match=r"field 'terms' was filled by words:1"):
        lw.open(tmp_path / "docs", encoder={"terms": Words(2)})
    with pytest.raises(InvalidType, match="TokenEncoder"):
        lw.open(tmp_path / "docs", encoder={"bags": Words()})


def test_a_field_without_encoder_takes_none(docs: lw.Collection) -> None:
    docs.close()
    with pytest.raises(EncoderMismatch, match="filled by vectors that the rows brought"):
        lw.open(docs.path, encoder={"terms": Words()})
    with pytest.raises(InvalidArgument, match="GaussianField takes no encoder"):
        lw.open(docs.path, encoder={"means": Words()})


def test_splade_and_minilm_tokens(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from likewise.encode.splade import Splade
    from likewise.testing.masked_lm import small_masked_lm

    splade = Splade(*small_masked_lm(["cat", "dog", "naps"]), document_only=True)
    fields = {
        "terms": lw.SparseField(encoder=splade),
        "tokens": lw.BagField(encoder="minilm-tokens"),
    }
    with lw.create(tmp_path / "docs", fields=fields) as collection:
        collection.add([{"id": 1, "text": "the cat naps"}, {"id": 2, "text": "a dog"}])
        assert collection.search("a kitten sleeps", 1, using="tokens").ids == [1]
        assert len(collection.search("cat", using="terms")) >= 1
        assert collection.info()["fields"]["terms"]["fingerprint"] == splade.fingerprint
    with lw.open(tmp_path / "docs", encoder={"terms": splade}) as collection:
        assert collection.search("dog", 1, using=["terms", "tokens"]).ids


# -- damage --------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", ["cut", "overwritten", "missing"])
def test_damaged_files(docs: lw.Collection, harm: str) -> None:
    random = np.random.default_rng(0)
    docs.add(
        {
            "id": i,
            "vectors": {
                "terms": {f"t{i % 7}": 1.0 + i},
                "bags": random.normal(size=(3, 2)),
                "means": {"mean": random.normal(size=2), "variance": [1, 2]},
            },
        }
        for i in range(60)
    )
    docs.seal()
    asked = {"terms": {"t3": 1.0}, "bags": [[1.0, 2.0]], "means": GOOD["means"]}
    before = {name: docs.search(query, 8, using=name) for name, query in asked.items()}
    docs.close()
    cache = docs.path / "cache"
    for ending in ("0.sparse", "1.multivector", "2.gaussian"):
        (file,) = cache.glob(f"*.{ending}")
        whole = file.read_bytes()
        if harm == "missing":
            file.unlink()
        elif harm == "cut":
            file.write_bytes(whole[: len(whole) // 2])
        else:
            middle = len(whole) // 2
            wrong = bytes(byte ^ 0xFF for byte in whole[middle : middle + 512])
            file.write_bytes(whole[:middle] + wrong + whole[middle + 512 :])
        with lw.open(docs.path, read_only=True) as reader:
            with pytest.warns(CacheWarning, match=ending):
                found = {name: reader.search(query, 8, using=name) for name, query in asked.items()}
            for name, first in before.items():
                assert found[name].ids == first.ids
                np.testing.assert_allclose(found[name].distances, first.distances, rtol=1e-6)
            assert any(ending in str(finding) for finding in reader.check())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CacheWarning)
            with lw.open(docs.path) as writer:
                assert writer.repair().remaining == []
                assert writer.search(asked["bags"], 8, using="bags").ids == before["bags"].ids


@pytest.mark.parametrize(
    ("table", "blob", "words"),
    [("vectors_0", b"nonsense", "sparse"), ("vectors_1", b"123", "bag"), ("vectors_2", b"", "gau")],
)
def test_damaged_database(docs: lw.Collection, table: str, blob: bytes, words: str) -> None:
    docs.close()
    connection = sqlite3.connect(docs.path / "data.sqlite")
    connection.execute(f"UPDATE {table} SET data = ?", (blob,))
    connection.commit()
    connection.close()
    with lw.open(docs.path) as again:
        findings = {finding.code: str(finding) for finding in again.check()}
        assert {"vector_missing", "row_checksum"} <= findings.keys()
        assert words in findings["vector_missing"]


def test_erasure(docs: lw.Collection) -> None:
    docs.add([{"id": "secret", "vectors": {**GOOD, "terms": {"unspeakable": 1.0}}}])
    docs.seal()
    assert any(
        b"unspeakable" in file.read_bytes() for file in docs.path.rglob("*") if file.is_file()
    )
    docs.delete("secret")
    assert docs.compact().erased
    docs.close()
    for file in docs.path.rglob("*"):
        assert not file.is_file() or b"unspeakable" not in file.read_bytes(), file
