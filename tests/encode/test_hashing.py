"""The hashing encoder: conformance, the properties of its formula, stability of its bits."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from likewise.encode.hashing import Hashing
from likewise.errors import InvalidArgument, UnknownArgument
from likewise.testing.encoder import TEXTS, EncoderConformance


class TestHashing(EncoderConformance):
    def make(self):
        return Hashing()

    def variants(self):
        return [Hashing(dim=64), Hashing(dim=257)]


class TestSmallHashing(EncoderConformance):
    def make(self):
        return Hashing(dim=100)


def test_shared_words_and_letters_make_texts_alike():
    query, near, typo, far = Hashing(1024).encode(
        [
            "sort a list of numbers",
            "sorting lists of numbers",
            "srot a list of numbres",
            "play a tune",
        ]
    )
    assert query @ near > 0.4
    assert query @ typo > query @ far + 0.2


def test_order_of_words_counts_a_little():
    a, b = Hashing(4096).encode(["dog bites man", "man bites dog"])
    assert 0.7 < a @ b < 0.99


def test_repetition_is_sublinear():
    once, many, mixed = Hashing(4096).encode(["cat dog", "cat " * 50 + "dog", "cat"])
    assert once @ many > 0.5
    assert mixed @ many < 0.999


@pytest.mark.parametrize(
    ("left", "right"),
    [("Straße", "STRASSE"), ("e\u0301t\u00e9", "ÉTÉ"), ("ﬁle", "file"), ("\uff21\uff22", "ab")],
)
def test_forms_of_one_text_are_one_vector(left, right):
    a, b = Hashing().encode([left, right])
    np.testing.assert_array_equal(a, b)


def test_features_that_cancel_leave_a_unit_vector():
    # With two places, some of these short texts lose everything to opposite signs.
    texts = [chr(code) * count for code in range(97, 123) for count in range(1, 9)]
    vectors = Hashing(dim=2).encode(texts)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)


def test_inner_products_are_nearly_unbiased():
    # Signed hashing: unrelated words have cosine 0 on average.
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("bcdfghjklmnpqrstvwxz"), 12)) for _ in range(400)]
    vectors = Hashing(64).encode(words)
    cosines = (vectors @ vectors.T)[np.triu_indices(len(words), 1)]
    assert abs(cosines.mean()) < 0.01


def test_bytes_do_not_depend_on_the_process():
    # Python's own hash() is salted per process; ours must not be.
    code = (
        "import hashlib; from likewise.encode.hashing import Hashing;"
        "from likewise.testing.encoder import TEXTS;"
        "print(hashlib.sha256(Hashing().encode(TEXTS).round(5).tobytes()).hexdigest())"
    )
    path = ":".join(sys.path)
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_many_texts_go_in_parts():
    texts = [f"{text} {i}" for i in range(200) for text in TEXTS]
    calls = []
    vectors = Hashing().encode(texts, progress=lambda done, total: calls.append(done))
    assert calls == [1024, 1600, 1600]
    np.testing.assert_array_equal(vectors[1500], Hashing().encode_query(texts[1500]))


@pytest.mark.parametrize("dim", [0, 1, -5])
def test_dim_must_hold_something(dim):
    with pytest.raises(InvalidArgument, match="at least 2"):
        Hashing(dim=dim)


def test_wrong_name_of_dim():
    with pytest.raises(UnknownArgument, match="did you mean 'dim'"):
        Hashing(dimension=64)
