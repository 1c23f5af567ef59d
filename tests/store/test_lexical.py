"""Lexical search in a collection: what is kept of texts, when, and that it is never in the way."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import likewise as lw
from likewise.errors import CacheWarning, InvalidArgument, InvalidType, ReadOnly, UnknownArgument
from likewise.store import kinds
from likewise.testing.plain_store import PlainStore
from tests.store.small import shrink

WORDS = ["cats", "dog", "sleeping", "dream", "house", "runs", "moonlight", "of", "the"]


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)


def rows(start: int, stop: int, seed: int = 0) -> list[dict]:
    random = np.random.default_rng([seed, start])
    return [
        {
            "id": i,
            "vector": random.integers(1, 5, 3).astype(np.float32),
            "text": " ".join(random.choice(WORDS, 6)) + f" number{i}",
            "n": i % 4,
        }
        for i in range(start, stop)
    ]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[lw.Collection, PlainStore]]:
    """Rows, sealed, and their twin; nothing lexical was asked yet."""
    model = PlainStore({"dense": "cosine"})
    model.upsert(rows(0, 100))
    with lw.create(tmp_path / "docs", dim=3) as collection:
        collection.add(rows(0, 100))
        collection.seal()
        yield collection, model


def files(collection: lw.Collection) -> list[str]:
    return sorted(path.name for path in (collection.path / "cache").glob("*.lexical"))


def agree(collection: lw.Collection, model: PlainStore) -> None:
    for query in ("dreaming cats", "a dog's house number7", "nobody", ""):
        for where in (None, "n >= 2"):
            found = collection.search(query, 12, where=where, using="lexical")
            model.words_must_be(found, query, 12, where)


# -- what is kept ------------------------------------------------------------------------


def test_nothing_is_kept_until_it_is_wanted(pair: tuple[lw.Collection, PlainStore]) -> None:
    collection, model = pair
    assert files(collection) == []
    assert collection.info()["lexical"] == {"language": "english", "kept": False}
    with lw.open(collection.path, read_only=True) as reader:
        agree(reader, model)
    collection.seal()
    assert files(collection) == [], "a reader's search is not the writer's business"


def test_a_writer_that_searches_begins_to_keep(pair: tuple[lw.Collection, PlainStore]) -> None:
    collection, model = pair
    agree(collection, model)
    collection.seal()
    assert files(collection) == ["000002.lexical"]
    assert collection.info()["lexical"]["kept"]
    assert collection.info()["segments"][0]["derived"] == ["lexical"]
    agree(collection, model)
    collection.add(rows(200, 300))
    model.upsert(rows(200, 300))
    collection.seal()
    collection.close()
    with lw.open(collection.path) as again:
        assert len(files(again)) == len(again.info()["segments"])
        agree(again, model)


def test_index_text_keeps_from_the_first_row(tmp_path: Path) -> None:
    with lw.create(tmp_path / "docs", dim=3) as collection:
        collection.index_text()
        collection.add(rows(0, 100))
        collection.seal()
        assert len(files(collection)) == 1
        collection.index_text()
        assert len(files(collection)) == 1


def test_kept_terms_are_read_and_texts_are_not(
    pair: tuple[lw.Collection, PlainStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    collection, model = pair
    collection.index_text()
    collection.close()

    def refuse(*_: object) -> None:
        raise AssertionError("a text was taken apart")

    with lw.open(collection.path, read_only=True) as reader:
        monkeypatch.setattr(kinds.TermsKind, "extended", refuse)
        agree(reader, model)


def test_new_rows_and_deletions_count_at_once(pair: tuple[lw.Collection, PlainStore]) -> None:
    collection, model = pair
    collection.index_text()
    for turn in range(6):
        fresh = rows(90 + 10 * turn, 115 + 10 * turn, turn)
        collection.upsert(fresh)
        model.upsert(fresh)
        collection.delete([turn, 100 + turn])
        model.delete([turn, 100 + turn])
        agree(collection, model)
        if turn == 3:
            collection.seal()


def test_another_language(tmp_path: Path) -> None:
    with lw.create(tmp_path / "docs", dim=2, language="german") as collection:
        collection.add([{"id": 1, "vector": [1, 1], "text": "Die Häuser der Katzen"}])
        collection.index_text()
        collection.seal()
        assert collection.search("Haus", using="lexical").ids == [1]
        collection.index_text(language=None)
        assert collection.search("Haus", using="lexical").ids == []
        assert collection.search("häuser", using="lexical").ids == [1]
        assert collection.check() == []
    with lw.open(tmp_path / "docs") as collection:
        assert collection.info()["lexical"] == {"language": None, "kept": True}
        assert collection.search("die", using="lexical").ids == [1], "no stop words"
        collection.index_text(language="german")
        assert collection.search("Haus", using="lexical").ids == [1]


def test_terms_of_another_version_are_made_anew(
    pair: tuple[lw.Collection, PlainStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    collection, model = pair
    collection.index_text()
    (old,) = files(collection)
    collection.close()
    monkeypatch.setattr(kinds.TermsKind, "identity", lambda self, settings: "newer")
    with warnings.catch_warnings(), lw.open(collection.path) as again:
        warnings.simplefilter("error", CacheWarning)  # it is no damage
        agree(again, model)
        assert again.info()["segments"][0]["derived"] == []
        again.seal()
        assert files(again) != [old]
        assert again.info()["segments"][0]["derived"] == ["lexical"]
        agree(again, model)


# -- damage, copies, erasure -----------------------------------------------------------


@pytest.mark.parametrize(
    "damage", ["missing", "empty", "cut", "flipped", "longer", "of other rows"]
)
@pytest.mark.filterwarnings("ignore::likewise.errors.CacheWarning")
def test_a_damaged_file(
    pair: tuple[lw.Collection, PlainStore], damage: str, tmp_path: Path
) -> None:
    collection, model = pair
    collection.index_text()
    (name,) = files(collection)
    collection.close()
    victim = collection.path / "cache" / name
    content = victim.read_bytes()
    if damage == "missing":
        victim.unlink()
    elif damage == "of other rows":
        kinds.TERMS.save(kinds.TERMS.empty(), victim)
    else:
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        bad = {"empty": b"", "cut": content[:middle], "flipped": flipped, "longer": content + b"x"}
        victim.write_bytes(bad[damage])
    with lw.open(collection.path, read_only=True) as reader:
        with pytest.warns(CacheWarning, match=name):
            agree(reader, model)
        assert name in " ".join(finding.message for finding in reader.check())
    with lw.open(collection.path) as writer:
        report = writer.repair()
        assert (report.rebuilt, report.remaining) == (1, [])
        assert len(files(writer)) == 1
        agree(writer, model)


def test_a_snapshot_brings_it(
    pair: tuple[lw.Collection, PlainStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection, model = pair
    collection.index_text()
    copy = collection.snapshot(tmp_path / "copy")
    with lw.restore(copy, tmp_path / "again") as again:
        assert files(again) == files(collection)
        agree(again, model)
        shutil.rmtree(again.path / "cache")
    with pytest.warns(CacheWarning), lw.open(tmp_path / "again", read_only=True) as again:
        agree(again, model)


def test_compact_erases_the_words_of_deleted_rows(tmp_path: Path) -> None:
    with lw.create(tmp_path / "docs", dim=3) as collection:
        collection.add(rows(0, 50))
        collection.add([{"id": "x", "vector": [1, 1, 1], "text": "quixotical unlikelihood"}])
        collection.index_text()
        collection.seal()

        def traces() -> set[str]:
            every = (path for path in (tmp_path / "docs").rglob("*") if path.is_file())
            return {path.suffix for path in every if b"quixot" in path.read_bytes()}

        assert ".lexical" in traces()
        collection.delete("x")
        assert collection.search("quixotical", using="lexical").ids == []
        assert collection.compact().erased
        assert traces() == set()


@pytest.mark.alone
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a fork")
def test_a_forked_child_searches(pair: tuple[lw.Collection, PlainStore]) -> None:
    collection, model = pair
    agree(collection, model)
    child = os.fork()
    if child == 0:
        try:
            found = collection.search("dreaming cats", 12, using="lexical")
            model.words_must_be(found, "dreaming cats", 12)
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


# -- what it answers ---------------------------------------------------------------------


def test_scores_and_distances(tmp_path: Path) -> None:
    with lw.create(tmp_path / "docs", dim=1) as collection:
        texts = ["cat", "cat cat cat", "dog " * 9 + "cat", "fish", None, "the"]
        collection.add([{"id": i, "vector": [1], "text": t} for i, t in enumerate(texts)])
        found = collection.search("cats", using="lexical")
        assert found.ids == [1, 0, 2]
        # By hand: 4 rows have words, 3 of them this one; lengths 1, 3, 10 and 1, mean 3.75.
        idf = np.log(1 + 1.5 / 3.5)
        parts = [3 / (3 + 1.2 * (0.25 + 0.75 * 3 / 3.75)), 1 / (1 + 1.2 * (0.25 + 0.75 / 3.75))]
        np.testing.assert_allclose(found.scores[:2], parts)
        np.testing.assert_allclose(found.distances[:2], [-idf * part for part in parts])
        assert found.info.strategy == "lexical"
        assert found.info.recall == 1.0
        assert found.info.matching == 6
        assert "4 rows have words" in found.info.reason


def test_limits(pair: tuple[lw.Collection, PlainStore]) -> None:
    collection, model = pair
    scores = model.words("sleeping cats")[1]
    for least in (0.2, 0.35):
        found = collection.search("sleeping cats", None, min_score=least, using="lexical")
        assert set(found.ids) == {id_ for id_, score in scores.items() if score >= least}
    values = model.words("sleeping cats")[0]
    found = collection.search("sleeping cats", None, radius=-1.0, using="lexical")
    assert set(found.ids) == {id_ for id_, value in values.items() if value >= 1.0}


def test_more_like_a_text(pair: tuple[lw.Collection, PlainStore]) -> None:
    collection, model = pair
    text = model.rows[7]["text"]
    found = collection.search({"id": 7}, 5, using="lexical")
    assert 7 not in found.ids
    wanted = [id_ for id_ in collection.search(text, 6, using="lexical").ids if id_ != 7]
    assert found.ids == wanted
    collection.add([{"id": "silent", "vector": [1, 1, 1]}])
    silent = collection.search({"id": "silent"}, using="lexical")
    assert silent.ids == []
    assert silent.info.reason == "the query has no words to look for"


def test_words_that_only_a_stop_word_list_knows(pair: tuple[lw.Collection, PlainStore]) -> None:
    collection, _ = pair
    assert collection.search("of the", using="lexical").ids == []
    assert [found.ids for found in collection.search(["of", "the"], using="lexical")] == [[], []]


# -- bad input ---------------------------------------------------------------------------


def test_an_unknown_language(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"language must be None or one of .*german"):
        lw.create(tmp_path / "docs", dim=2, language="klingon")
    assert not (tmp_path / "docs").exists()
    with lw.create(tmp_path / "docs", dim=2) as collection:
        with pytest.raises(InvalidArgument, match="klingon"):
            collection.index_text(language="klingon")
        with pytest.raises(UnknownArgument, match="language"):
            collection.index_text(lang="german")
        assert collection.info()["lexical"] == {"language": "english", "kept": False}


def test_a_vector_has_no_words(pair: tuple[lw.Collection, PlainStore]) -> None:
    collection, _ = pair
    for using in ("lexical", ["dense", "lexical"]):
        for query in ([1.0, 2.0, 3.0], np.ones((2, 3))):
            with pytest.raises(InvalidArgument, match=r"a vector has none; give a text"):
                collection.search(query, using=using)


def test_a_text_for_a_field_without_encoder(pair: tuple[lw.Collection, PlainStore]) -> None:
    collection, _ = pair
    with pytest.raises(InvalidArgument, match="has no encoder for text"):
        collection.search("cats", using=["dense", "lexical"])


def test_a_reader_keeps_nothing(pair: tuple[lw.Collection, PlainStore]) -> None:
    collection, _ = pair
    with lw.open(collection.path, read_only=True) as reader, pytest.raises(ReadOnly):
        reader.index_text()


def test_the_recall_of_words_is_that_of_a_scan(pair: tuple[lw.Collection, PlainStore]) -> None:
    collection, _ = pair
    report = collection.recall(3, using="lexical", queries=4)
    assert (report.recall, report.estimate, report.field) == (1.0, 1.0, "lexical")
    assert (report.queries, report.source, report.strategy) == (4, "rows", "lexical")


def test_limits_of_words_are_checked(pair: tuple[lw.Collection, PlainStore]) -> None:
    collection, _ = pair
    with pytest.raises(InvalidType, match="exact"):
        collection.search("cats", using="lexical", exact=1)
