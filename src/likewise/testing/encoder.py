"""`EncoderConformance`: what every text encoder must do.

A new encoder's test inherits the class and supplies itself (pytest collects the rest)::

    class TestMine(EncoderConformance):
        def make(self): return Mine()
        def variants(self): return [Mine(dim=64)]
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from likewise import metrics
from likewise.encode import Encoder
from likewise.errors import InvalidRow, InvalidType

TEXTS = (
    "Compute the singular value decomposition of a matrix.",
    "open a file",
    "a",
    "!?",
    "Ünïcödé, 日本語, עברית and 🙂 in one line",
    "tabs\tand\nnew lines\x00 and control characters\x07",
    "a long text of many words " * 30,
    "Return the smallest item of an iterable, or of two or more arguments.",
)


class EncoderConformance(ABC):
    """Inherit, supply `make`, and list `variants` that must have other fingerprints."""

    #: How far two roads to one vector may part: rounding in float32.
    tolerance = 1e-6

    @abstractmethod
    def make(self) -> Encoder:
        """A new encoder, each time the same."""

    def variants(self) -> Sequence[Encoder]:
        """Encoders with other settings, whose vectors differ."""
        return []

    def test_shape_type_and_length(self) -> None:
        encoder = self.make()
        vectors = encoder.encode(TEXTS)
        check(vectors.shape == (len(TEXTS), encoder.dim), f"shape {vectors.shape}")
        check(vectors.dtype == np.float32, f"dtype {vectors.dtype}")
        check(vectors.flags.c_contiguous, "rows must lie one after another")
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
        check(encoder.metric in metrics.METRICS, f"metric {encoder.metric!r} is not known")

    def test_deterministic(self) -> None:
        np.testing.assert_array_equal(self.make().encode(TEXTS), self.make().encode(TEXTS))

    def test_a_vector_does_not_depend_on_its_batch(self) -> None:
        encoder = self.make()
        alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
        np.testing.assert_allclose(encoder.encode(TEXTS), alone, atol=self.tolerance)
        padded = encoder.encode(["long neighbour " * 40, *TEXTS])[1:]
        np.testing.assert_allclose(padded, alone, atol=self.tolerance)

    def test_order_is_kept(self) -> None:
        encoder = self.make()
        backwards = encoder.encode(TEXTS[::-1])[::-1]
        np.testing.assert_allclose(backwards, encoder.encode(TEXTS), atol=self.tolerance)

    def test_query_has_one_dimension(self) -> None:
        encoder = self.make()
        vector = encoder.encode_query(TEXTS[0])
        check(vector.shape == (encoder.dim,) and vector.dtype == np.float32, f"{vector.shape}")
        np.testing.assert_allclose(np.linalg.norm(vector), 1.0, atol=1e-5)

    def test_a_text_is_nearest_to_itself(self) -> None:
        encoder = self.make()
        vectors = encoder.encode(TEXTS)
        queries = np.stack([encoder.encode_query(text) for text in TEXTS])
        nearest = (queries @ vectors.T).argmax(axis=1)
        np.testing.assert_array_equal(nearest, np.arange(len(TEXTS)))

    def test_no_texts_no_vectors(self) -> None:
        encoder = self.make()
        check(encoder.encode([]).shape == (0, encoder.dim), "no texts must give (0, dim)")

    def test_fingerprint_is_stable_and_names_the_encoder(self) -> None:
        encoder = self.make()
        check(encoder.fingerprint == self.make().fingerprint, "two makes, two fingerprints")
        check(encoder.fingerprint.startswith(encoder.name), encoder.fingerprint)

    def test_fingerprints_tell_settings_apart(self) -> None:
        prints = [encoder.fingerprint for encoder in (self.make(), *self.variants())]
        check(len(set(prints)) == len(prints), f"two settings share a fingerprint: {prints}")

    def test_progress_rises_and_reaches_the_total(self) -> None:
        calls: list[tuple[int, int]] = []
        self.make().encode(TEXTS, progress=lambda done, total: calls.append((done, total)))
        done = [call[0] for call in calls]
        check(done == sorted(done), f"progress went back: {done}")
        check(calls[-1] == (len(TEXTS), len(TEXTS)), f"the last call was {calls[-1]}")
        check({total for _, total in calls} == {len(TEXTS)}, "the total changed on the way")

    def test_progress_can_interrupt(self) -> None:
        def stop(done: int, total: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            self.make().encode(TEXTS, progress=stop)

    @pytest.mark.parametrize("blank", ["", " ", "\t\n\u3000"])
    def test_blank_text_is_refused_with_its_row(self, blank: str) -> None:
        with pytest.raises(InvalidRow, match="row 1"):
            self.make().encode(["fine", blank])
        with pytest.raises(InvalidRow, match="query"):
            self.make().encode_query(blank)

    @pytest.mark.parametrize("wrong", [None, 3, b"bytes", ["list"]])
    def test_what_is_no_string_is_refused_with_its_row(self, wrong: Any) -> None:
        with pytest.raises(InvalidType, match="row 1"):
            self.make().encode(["fine", wrong])
        with pytest.raises(InvalidType, match="query"):
            self.make().encode_query(wrong)

    @pytest.mark.parametrize("wrong", ["one string", b"bytes", 3, None])
    def test_texts_must_be_a_list(self, wrong: Any) -> None:
        with pytest.raises(InvalidType, match="list of strings"):
            self.make().encode(wrong)

    def test_lone_surrogates_are_refused_with_their_row(self) -> None:
        with pytest.raises(InvalidRow, match=r"row 1.*surrogate.*character 4"):
            self.make().encode(["fine", "half\ud83d"])


def check(holds: bool, message: str) -> None:
    """Fail the test with ``message`` unless ``holds``; works under ``python -O`` too."""
    if not holds:
        pytest.fail(message)
