"""`Hashing`: words and pieces of words, hashed to a vector. Needs nothing but numpy.

Knows no meaning: texts are alike when they share words, pairs of words, or letters. The
baseline that a learned encoder has to beat, and good for codes, names and typing errors.

Source: Weinberger, Dasgupta, Langford, Smola and Attenberg, "Feature hashing for large scale
multitask learning", ICML 2009 (signed hashing keeps inner products unbiased).
"""

from __future__ import annotations

import re
import unicodedata

import numpy as np
import numpy.typing as npt

from likewise._arguments import check_count, suggest_arguments
from likewise.encode.base import Encoder, Float32Array, Progress

UInt64Array = npt.NDArray[np.uint64]
IntArray = npt.NDArray[np.int64]

TOKEN = re.compile(r"\w+|[^\w\s]")  # a word, or one sign
TEXTS_AT_ONCE = 1024
VERSION = 1  # raise it when vectors change: collections compare fingerprints
BASE = 0x9E3779B97F4A7C15  # odd, so that its powers have inverses modulo 2^64
INVERSE = pow(BASE, -1, 1 << 64)
WORD, PAIR, TRIGRAM, FOURGRAM = 1, 2, 3, 4  # kinds of feature, hashed apart
WEIGHTS = np.array([0.0, 1.0, 0.5, 0.25, 0.25])


class Hashing(Encoder):
    """Signed hashes of words, pairs of words and letters, at length one.

    Each feature f of a text (a word; two words in a row; 3 or 4 letters in a row of a word,
    its ends marked) that stands there c times adds ``± w (1 + ln c)`` to one of ``dim``
    places; place and sign are bits of a hash of f, and w is 1 for a word, 1/2 for a pair, 1/4
    for letters. The sum is divided by its length. Case, width and accents' composition are
    folded (NFKC, case folding). No window: a text of any length is read to its end.

    Args:
        dim: numbers in a vector, at least 2; the more, the fewer features share a place.

    Cost: about 10 microseconds a short text.

    Example:
        >>> hashing = Hashing()
        >>> a, b, c = hashing.encode(["smooth a signal", "smoothing signals", "open a file"])
        >>> bool(a @ b > a @ c)
        True
    """

    name = "hashing"

    @suggest_arguments
    def __init__(self, dim: int = 256) -> None:
        self.dim = check_count("dim", dim, minimum=2)

    def _identity(self) -> bytes:
        return f"{VERSION} {self.dim}".encode()

    def _encode(self, texts: list[str], progress: Progress) -> Float32Array:
        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            part = texts[start : start + TEXTS_AT_ONCE]
            vectors[start : start + len(part)] = self._encode_part(part)
            progress(start + len(part), len(texts))
        return vectors

    def _encode_part(self, texts: list[str]) -> Float32Array:
        owner, feature, kind = _features(texts)
        owner, feature, weight = _weigh(owner, feature, kind)
        place = (feature >> np.uint64(16)) % np.uint64(self.dim)
        sign = 1.0 - 2.0 * (feature & np.uint64(1)).astype(np.float64)
        flat = np.bincount(
            owner * self.dim + place.astype(np.int64),
            weights=sign * weight,
            minlength=len(texts) * self.dim,
        )
        sums = flat.reshape(len(texts), self.dim)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        # Features of opposite sign may meet in one place and leave nothing of a tiny text.
        for row in np.flatnonzero(lengths[:, 0] < 1e-9):
            first = int(np.flatnonzero(owner == row)[0])
            sums[row, place[first]] = lengths[row] = 1.0
        return np.asarray(sums / lengths, dtype=np.float32)


def _features(texts: list[str]) -> tuple[IntArray, UInt64Array, npt.NDArray[np.int8]]:
    """All features of all texts: the text each is of, its hash, and its kind."""
    spaced = [f" {' '.join(TOKEN.findall(_fold(text)))} " for text in texts]
    codes = np.frombuffer("".join(spaced).encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    text_of = np.repeat(np.arange(len(texts)), [len(text) for text in spaced])
    space = codes == ord(" ")
    sums, inverse = _rolling_sums(codes)

    starts = np.flatnonzero(space[:-1] & ~space[1:]) + 1
    ends = np.flatnonzero(~space[:-1] & space[1:]) + 1
    words = _span_hash(sums, inverse, starts, ends)
    same = text_of[starts[:-1]] == text_of[starts[1:]]
    pairs = _mix(words[:-1][same] * np.uint64(3) + words[1:][same])
    # Pieces may begin or end with the space before or after a word, but have none inside.
    three = np.flatnonzero(~space[1:-1])
    four = np.flatnonzero(~space[1:-2] & ~space[2:-1])

    found = (
        (WORD, starts, words),
        (PAIR, starts[:-1][same], pairs),
        (TRIGRAM, three, _span_hash(sums, inverse, three, three + 3)),
        (FOURGRAM, four, _span_hash(sums, inverse, four, four + 4)),
    )
    owner = np.concatenate([text_of[at] for _, at, _ in found])
    feature = np.concatenate([_mix(hashes + np.uint64(kind)) for kind, _, hashes in found])
    kind = np.repeat(np.array([k for k, _, _ in found], np.int8), [len(at) for _, at, _ in found])
    return owner, feature, kind


def _fold(text: str) -> str:
    # NFKC makes compatible forms equal; ASCII has none, and most text is ASCII.
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _rolling_sums(codes: UInt64Array) -> tuple[UInt64Array, UInt64Array]:
    """Running sums of ``mix(code) BASE^position``, and the inverse powers, modulo 2^64.

    The difference of two sums times an inverse power is a polynomial hash of the characters
    between them, wherever they stand: any span costs two look-ups.
    """
    n = len(codes)
    powers = np.full(n + 1, BASE, dtype=np.uint64)
    inverse = np.full(n + 1, INVERSE, dtype=np.uint64)
    powers[0] = inverse[0] = 1
    np.cumprod(powers, out=powers)
    np.cumprod(inverse, out=inverse)
    sums = np.zeros(n + 1, dtype=np.uint64)
    np.cumsum(_mix(codes) * powers[:n], out=sums[1:])
    return sums, inverse


def _span_hash(
    sums: UInt64Array, inverse: UInt64Array, starts: IntArray, ends: IntArray
) -> UInt64Array:
    return _mix((sums[ends] - sums[starts]) * inverse[starts])


def _mix(values: UInt64Array) -> UInt64Array:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): every bit moves all."""
    z = values + np.uint64(BASE)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _weigh(
    owner: IntArray, feature: UInt64Array, kind: npt.NDArray[np.int8]
) -> tuple[IntArray, UInt64Array, npt.NDArray[np.float64]]:
    """Each feature of a text once, with its weight ``w (1 + ln count)``."""
    order = np.lexsort((feature, owner))
    owner, feature, kind = owner[order], feature[order], kind[order]
    new = np.ones(len(owner), dtype=bool)
    new[1:] = (owner[1:] != owner[:-1]) | (feature[1:] != feature[:-1])
    first = np.flatnonzero(new)
    counts = np.diff(np.append(first, len(owner)))
    return owner[first], feature[first], WEIGHTS[kind[first]] * (1.0 + np.log(counts))
