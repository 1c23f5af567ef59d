"""The registry of encoders."""

from __future__ import annotations

import pytest

from likewise.encode import ENCODERS, get_encoder
from likewise.encode.hashing import Hashing
from likewise.errors import InvalidType, UnknownEncoder


@pytest.mark.parametrize("name", ENCODERS)
def test_each_name_makes_its_encoder_once(name):
    encoder = get_encoder(name)
    assert encoder.name == name
    assert get_encoder(name) is encoder
    assert encoder.encode_query("words").shape == (encoder.dim,)


def test_an_instance_is_given_back():
    mine = Hashing(dim=32)
    assert get_encoder(mine) is mine


def test_unknown_name_lists_those_there_are():
    with pytest.raises(UnknownEncoder, match="no encoder 'minilmm'; there are minilm, hashing"):
        get_encoder("minilmm")


def test_neither_name_nor_encoder():
    with pytest.raises(InvalidType, match="minilm, hashing"):
        get_encoder(42)
