"""Collections that turn texts to vectors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import likewise as lw
from likewise.encode import Encoder, get_encoder
from likewise.encode.hashing import Hashing
from likewise.errors import (
    EncoderMismatch,
    InvalidArgument,
    InvalidRow,
    UnknownEncoder,
)

TEXTS = {"cat": "a cat sat on the mat", "dog": "the dog barks at night", "sea": "waves and salt"}
ROWS = [{"id": id_, "text": text} for id_, text in TEXTS.items()]


class Letters(Encoder):
    """How often each letter occurs: an encoder of one's own, in no registry."""

    name = "letters"
    dim = 26

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = weight

    def _identity(self) -> bytes:
        return f"{self.weight}".encode()

    def _encode(self, texts: list[str], progress: Callable[[int, int], None]) -> np.ndarray:
        counts = np.array([[t.lower().count(c) for c in map(chr, range(97, 123))] for t in texts])
        vectors = counts.astype(np.float32) ** self.weight + 1e-3
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_texts_in_texts_out(tmp_path: Path) -> None:
    with lw.create(tmp_path / "a", encoder="hashing") as collection:
        seen: list[tuple[int, int]] = []
        collection.add(ROWS, progress=lambda done, total: seen.append((done, total)))
        assert seen[-1] == (3, 3)
        found = collection.search("a dog at night", 2)
        assert found[0].id == "dog"
        assert found[0].text == TEXTS["dog"]
        batch = collection.search(["salt waves", "cat"], 1)
        assert [results.ids for results in batch] == [["sea"], ["cat"]]
        encoder = get_encoder("hashing")
        assert collection.search(encoder.encode_query("cat"), 1).ids == ["cat"]
        # What the encoder made is not given back unless it is asked for.
        assert collection.get("cat") == ROWS[:1]
        (whole,) = collection.get("cat", vectors=True)
        np.testing.assert_array_equal(whole["vector"], encoder.encode([TEXTS["cat"]])[0])
    with lw.open(tmp_path / "a") as collection:  # the name is enough to open it
        assert collection.search("a dog at night", 1).ids == ["dog"]
        collection.upsert([{"id": "cat", "text": "a whale in the sea"}])
        assert collection.search("a whale", 1).ids == ["cat"]
        field = collection.info()["fields"]["dense"]
        assert field["encoder"] == "hashing"
        assert field["fingerprint"] == encoder.fingerprint


def test_rows_with_vectors_under_an_encoder(tmp_path: Path) -> None:
    encoder = get_encoder("hashing")
    vector = encoder.encode(["a whale in the sea"])[0]
    with lw.create(tmp_path / "a", encoder="hashing") as collection:
        collection.add(
            [*ROWS, {"id": "own", "text": "unrelated", "vector": vector}, {"vector": -vector}]
        )
        assert collection.search("a whale in the sea", 1).ids == ["own"]
        (own,) = collection.get("own")  # what the row brought comes back
        np.testing.assert_array_equal(own["vector"], vector)
        with pytest.raises(
            InvalidRow, match=r"row 1 \(id 'x'\) brings neither a vector nor a text"
        ):
            collection.add([{"id": "y", "text": "fine"}, {"id": "x", "text": "  "}])
        with pytest.raises(
            lw.errors.DimensionMismatch, match=r"hold 256 .*encoder hashing.* has 3"
        ):
            collection.add([{"id": "x", "vector": [1, 2, 3]}])
        with pytest.raises(InvalidRow, match="white space"):
            collection.search(" ")
        assert len(collection) == 5
        assert collection.check() == []


def test_another_encoder_is_refused(tmp_path: Path) -> None:
    with lw.create(tmp_path / "a", encoder=Hashing(dim=64)) as collection:
        collection.add(ROWS)
    with pytest.raises(EncoderMismatch, match=r"'a', field 'dense' was filled by hashing:") as it:
        lw.open(tmp_path / "a", encoder="hashing")
    assert it.value.code == "encoder_mismatch"
    # The registered one of that name is another one: reading works, texts do not.
    with lw.open(tmp_path / "a") as collection:
        assert collection.search({"id": "cat"}, 1).ids
        for use in (lambda: collection.search("dog"), lambda: collection.upsert(ROWS)):
            with pytest.raises(EncoderMismatch, match="cannot be compared"):
                use()
        assert len(collection) == 3
    with lw.open(tmp_path / "a", encoder=Hashing(dim=64)) as collection:
        assert collection.search("dog at night", 1).ids == ["dog"]
    with pytest.raises(EncoderMismatch, match="no vector field 'sparse'"):
        lw.open(tmp_path / "a", encoder={"sparse": Hashing(dim=64)})


def test_an_encoder_of_ones_own(tmp_path: Path) -> None:
    with lw.create(tmp_path / "a", encoder=Letters()) as collection:
        collection.add(ROWS)
        expected = collection.search("salty waves", 3)
        assert expected.ids[0] == "sea"
    with lw.open(tmp_path / "a") as collection:
        with pytest.raises(UnknownEncoder, match="letters"):
            collection.search("salty waves")
        assert collection.search({"id": "sea"}, 1).ids  # vectors need no encoder
    for given in (Letters(), {"dense": Letters()}):
        with lw.open(tmp_path / "a", encoder=given) as collection:
            assert collection.search("salty waves", 3).ids == expected.ids
    with pytest.raises(EncoderMismatch, match="letters:"):
        lw.open(tmp_path / "a", encoder=Letters(weight=0.5))


def test_two_fields_two_encoders(tmp_path: Path) -> None:
    fields = {
        "words": lw.VectorField(encoder="hashing"),
        "letters": lw.VectorField(encoder=Letters()),
        "own": lw.VectorField(dim=2, metric="euclidean"),
    }
    with lw.create(tmp_path / "a", fields=fields) as collection:
        collection.add({**row, "vectors": {"own": [i, 1]}} for i, row in enumerate(ROWS))
        for name in ("words", "letters"):
            assert collection.search("dogs bark at night", 1, using=name).ids == ["dog"]
        with pytest.raises(InvalidArgument, match="'own' has no encoder"):
            collection.search("dogs", using="own")
        (row,) = collection.get("dog")
        assert set(row["vectors"]) == {"own"}
    with lw.open(tmp_path / "a", encoder={"letters": Letters()}) as collection:
        assert collection.search("dogs bark at night", 1, using="letters").ids == ["dog"]
