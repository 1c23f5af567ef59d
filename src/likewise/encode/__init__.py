"""Objects to vectors.

`ENCODERS` is a plain dict from name to a function that makes the encoder; a new encoder is
one small file and one line here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from likewise.encode.base import Encoder
from likewise.encode.mining import Example, mine_negatives, self_search
from likewise.encode.splade import Splade
from likewise.encode.training import TrainingReport, train_splade
from likewise.errors import InvalidType, UnknownEncoder

__all__ = [
    "ENCODERS",
    "Encoder",
    "Example",
    "Splade",
    "TrainingReport",
    "get_encoder",
    "mine_negatives",
    "self_search",
    "train_splade",
]


def _minilm() -> Encoder:
    from likewise.encode.minilm import MiniLM

    return MiniLM()


def _hashing() -> Encoder:
    from likewise.encode.hashing import Hashing

    return Hashing()


ENCODERS: dict[str, Callable[[], Encoder]] = {"minilm": _minilm, "hashing": _hashing}

_made: dict[str, Encoder] = {}


def get_encoder(encoder: Any) -> Encoder:
    """The encoder called ``encoder``, made once a process; an instance is given back as it is.

    Raises:
        UnknownEncoder: no such name; the message lists those there are.
        InvalidType: neither a name nor an `Encoder`.
        MissingExtra: the encoder needs a package that is not installed.

    Example:
        >>> get_encoder("hashing").dim
        256
        >>> get_encoder("hashing") is get_encoder("hashing")
        True
    """
    if isinstance(encoder, Encoder):
        return encoder
    if not isinstance(encoder, str):
        raise InvalidType(
            f"encoder must be a name ({', '.join(ENCODERS)}) or an Encoder; "
            f"got {encoder!r} of type {type(encoder).__name__}"
        )
    if encoder not in ENCODERS:
        raise UnknownEncoder(f"no encoder {encoder!r}; there are {', '.join(ENCODERS)}")
    if encoder not in _made:
        _made[encoder] = ENCODERS[encoder]()
    return _made[encoder]
