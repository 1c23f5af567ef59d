"""Objects to vectors.

`ENCODERS` (one vector a text) and `TOKEN_ENCODERS` (one vector a token) are plain dicts from
name to a function that makes the encoder; a new encoder is one small file and one line here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from likewise.encode.base import Encoder
from likewise.encode.mining import Example, mine_negatives, self_search
from likewise.encode.splade import Splade
from likewise.encode.tokens import TokenEncoder
from likewise.encode.training import TrainingReport, train_splade
from likewise.errors import InvalidArgument, InvalidType, UnknownEncoder

__all__ = [
    "ENCODERS",
    "TOKEN_ENCODERS",
    "Encoder",
    "Example",
    "Splade",
    "TokenEncoder",
    "TrainingReport",
    "get_encoder",
    "get_token_encoder",
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


def _minilm_tokens() -> TokenEncoder:
    from likewise.encode.minilm_tokens import MiniLMTokens

    return MiniLMTokens()


TOKEN_ENCODERS: dict[str, Callable[[], TokenEncoder]] = {"minilm-tokens": _minilm_tokens}

_made: dict[str, Encoder] = {}
_made_for_tokens: dict[str, TokenEncoder] = {}


def get_encoder(encoder: Any) -> Encoder:
    """The encoder called ``encoder``, made once a process; an instance is given back as it is.

    Raises:
        UnknownEncoder: no such name; the message lists those there are.
        InvalidType: neither a name nor an `Encoder`.
        InvalidArgument: an encoder that makes a bag of vectors a text.
        MissingExtra: the encoder needs a package that is not installed.

    Example:
        >>> get_encoder("hashing").dim
        256
        >>> get_encoder("hashing") is get_encoder("hashing")
        True
    """
    if isinstance(encoder, Encoder):
        return encoder
    if isinstance(encoder, TokenEncoder) or (
        isinstance(encoder, str) and encoder in TOKEN_ENCODERS
    ):
        name = encoder if isinstance(encoder, str) else encoder.name
        raise InvalidArgument(
            f"encoder {name!r} makes a bag of vectors a text, and one vector is wanted here: take "
            f"one of {', '.join(ENCODERS)}, or get_token_encoder({name!r}) and index.MultiVector"
        )
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


def get_token_encoder(encoder: Any) -> TokenEncoder:
    """The token encoder called ``encoder``, made once a process; an instance is given back.

    Raises:
        UnknownEncoder: no such name, or one that makes one vector a text; the message lists
            those there are.
        InvalidType: neither a name nor a `TokenEncoder`.
        MissingExtra: the encoder needs a package that is not installed.

    Example:
        >>> get_token_encoder("minilm-tokens").encode_query("two words").counts.tolist()
        [2]
    """
    if isinstance(encoder, TokenEncoder):
        return encoder
    if not isinstance(encoder, str):
        raise InvalidType(
            f"encoder must be a name ({', '.join(TOKEN_ENCODERS)}) or a TokenEncoder; "
            f"got {encoder!r} of type {type(encoder).__name__}"
        )
    if encoder not in TOKEN_ENCODERS:
        raise UnknownEncoder(f"no token encoder {encoder!r}; there are {', '.join(TOKEN_ENCODERS)}")
    if encoder not in _made_for_tokens:
        _made_for_tokens[encoder] = TOKEN_ENCODERS[encoder]()
    return _made_for_tokens[encoder]
