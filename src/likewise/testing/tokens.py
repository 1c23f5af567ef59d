"""`TokenEncoderConformance`: what every token encoder must do.

A new token encoder's test inherits the class and supplies itself (pytest collects the rest)::

    class TestMine(TokenEncoderConformance):
        def make(self): return Mine()
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import pytest

from likewise import metrics
from likewise.encode import TokenEncoder
from likewise.errors import InvalidRow, InvalidType
from likewise.testing.encoder import TEXTS, check
from likewise.vectors import Bags, as_bags


class TokenEncoderConformance(ABC):
    """Inherit it and supply `make`."""

    #: How far two roads to one vector may part: rounding in float32.
    tolerance = 2e-6

    @abstractmethod
    def make(self) -> TokenEncoder:
        """A new encoder, each time the same."""

    def test_bags_of_unit_vectors(self) -> None:
        encoder = self.make()
        bags = as_bags(encoder.encode(TEXTS), dim=encoder.dim)
        check(len(bags) == len(TEXTS) and bags.vectors.dtype == np.float32, f"{bags}")
        np.testing.assert_allclose(np.linalg.norm(bags.vectors, axis=1), 1.0, atol=1e-5)
        check(encoder.metric in metrics.METRICS, f"metric {encoder.metric!r} is not known")

    def test_a_bag_depends_on_its_text_only(self) -> None:
        encoder = self.make()
        alone = [encoder.encode([text])[0] for text in TEXTS]
        self.alike(encoder.encode(TEXTS), alone)
        self.alike(encoder.encode(TEXTS[::-1]), alone[::-1])
        self.alike(encoder.encode(["long neighbour " * 40, *TEXTS])[1:], alone)

    def alike(self, bags: Bags, expected: Any) -> None:
        """The same bags, to rounding."""
        for bag, other in zip(bags, expected, strict=True):
            np.testing.assert_allclose(bag, other, atol=self.tolerance)

    def test_query_is_one_bag(self) -> None:
        encoder = self.make()
        bags = encoder.encode_query(TEXTS[0])
        check(len(bags) == 1 and bags.dim == encoder.dim, f"{bags}")

    def test_no_texts_no_bags(self) -> None:
        bags = self.make().encode([])
        check(len(bags) == 0 and bags.dim == self.make().dim, f"{bags}")

    def test_fingerprint(self) -> None:
        encoder = self.make()
        check(encoder.fingerprint == self.make().fingerprint, "two makes, two fingerprints")
        check(encoder.fingerprint.startswith(f"{encoder.name}:"), encoder.fingerprint)

    def test_progress_rises_reaches_the_total_and_can_interrupt(self) -> None:
        calls: list[tuple[int, int]] = []
        self.make().encode(TEXTS, progress=lambda done, total: calls.append((done, total)))
        check(calls == sorted(calls) and calls[-1] == (len(TEXTS), len(TEXTS)), f"{calls}")

        def stop(done: int, total: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            self.make().encode(TEXTS, progress=stop)

    @pytest.mark.parametrize(
        ("wrong", "error"),
        [("", InvalidRow), (" \n", InvalidRow), ("\ud83d", InvalidRow), (3, InvalidType)],
    )
    def test_what_cannot_be_encoded_is_refused_with_its_row(
        self, wrong: Any, error: type[Exception]
    ) -> None:
        with pytest.raises(error, match="row 1"):
            self.make().encode(["fine", wrong])
        with pytest.raises(error, match="query"):
            self.make().encode_query(wrong)

    @pytest.mark.parametrize("wrong", ["one string", 3, None])
    def test_texts_must_be_a_list(self, wrong: Any) -> None:
        with pytest.raises(InvalidType, match="list of strings"):
            self.make().encode(wrong)
