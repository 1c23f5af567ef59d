"""`Terms`: texts as counts of their words, for BM25.

Source of the stemmers: M. F. Porter's Snowball project, through PyStemmer; of the stop words: the
33 English ones of Lucene's ``EnglishAnalyzer``; of pairs of characters: Lucene's ``CJKAnalyzer``.
"""

from __future__ import annotations

import hashlib
import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from importlib import metadata
from typing import Any

from likewise._arguments import suggest_arguments
from likewise.encode.base import Progress
from likewise.errors import InvalidArgument, InvalidType

VERSION = 1  # raise it when terms change: fingerprints are compared
TEXTS_AT_ONCE = 4096
#: Words of which the term is remembered; more are forgotten all at once.
REMEMBERED = 1 << 20

ENGLISH = """
a an and are as at be but by for if in into is it no not of on or such that the their then there
these they this to was will with
"""
STOP_WORDS: dict[str, frozenset[str]] = {"english": frozenset(ENGLISH.split())}
#: Languages whose apostrophes belong to the word, as in "doesn't"; others elide, as in "l'avion".
JOINED = frozenset({"english", "porter"})
#: Scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, kana, Chinese characters.
UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\uf900-\ufaff\U00020000-\U0003ffff"
)
#: The other apostrophe.
CURLED = "\u2019"
_STARTS_UNSPACED = re.compile(f"[{UNSPACED}]")


class Terms:
    """Turns a text to ``{term: count}``: words folded, stemmed, without the emptiest ones.

    Case, width and composition are folded (NFKC, case folding), so that ``ＣＡＦÉ`` is ``café``.
    Words are runs of letters, marks, digits and underscores; runs of a script without spaces
    (Chinese, Japanese, Thai, ...) become their overlapping pairs of characters. Then stop words go,
    and the others are cut to their stem. The same text always gives the same terms.

    Args:
        language: of the stemmer: a name from Snowball such as ``"german"``, or None for no
            stemming and no stop words.
        stop_words: words to leave out, as they are written before stemming. None: those of the
            language (33 for English, none known for others).

    Raises:
        InvalidArgument: no such language; the message lists those there are.
        InvalidType: stop words that are no strings.

    Cost: about 1 microsecond a word when it was met before, some 2 more when not.

    Example:
        >>> Terms().encode_query("The cat sat on the mats, and the cat's mat")
        {'cat': 2, 'sat': 1, 'mat': 2}
        >>> Terms(language=None).encode_query("Der Hund")
        {'der': 1, 'hund': 1}
    """

    name = "terms"

    @suggest_arguments
    def __init__(
        self, language: str | None = "english", *, stop_words: Iterable[str] | None = None
    ) -> None:
        self.language = _check_language(language)
        self.stop_words = _check_stop_words(stop_words, language)
        self._words, self._any_words = _patterns(language in JOINED)
        self._terms = _Remembered(_stemmer(language), self.stop_words)

    @cached_property
    def fingerprint(self) -> str:
        """Identifies the terms: equal fingerprints give a text the same ones.

        The name, a colon, and 16 hexadecimal digits of the SHA-256 of all that they depend on.
        """
        libraries = [metadata.version("regex"), unicodedata.unidata_version]
        if self.language is not None:
            libraries.append(metadata.version("PyStemmer"))
        given = [str(VERSION), str(self.language), *sorted(self.stop_words), *libraries]
        return f"{self.name}:{hashlib.sha256(chr(0).join(given).encode()).hexdigest()[:16]}"

    def encode(
        self, texts: Sequence[str], *, progress: Progress | None = None
    ) -> list[dict[str, int]]:
        """The terms of each text, in the order given; a text without words has none.

        Args:
            texts: n strings.
            progress: called with (done, n) after each piece of work, at last with (n, n). What
                it raises ends the encoding and reaches the caller.

        Raises:
            InvalidType: not a list of strings; the message names the row.

        Example:
            >>> Terms().encode(["Running runs", ""])
            [{'run': 2}, {}]
        """
        checked = _check_texts(texts)
        found: list[dict[str, int]] = []
        for start in range(0, len(checked), TEXTS_AT_ONCE):
            part = checked[start : start + TEXTS_AT_ONCE]
            found += map(self._count, part)
            if progress is not None:
                progress(len(found), len(checked))
        if progress is not None and not checked:
            progress(0, 0)
        return found

    def encode_query(self, text: str) -> dict[str, int]:
        """The terms of one question; errors as in `encode`.

        Example:
            >>> Terms().encode_query("smoothing signals")
            {'smooth': 1, 'signal': 1}
        """
        if not isinstance(text, str):
            raise InvalidType(f"a query must be a str; got {text!r:.40} of {type(text).__name__}")
        return self._count(text)

    def _count(self, text: str) -> dict[str, int]:
        if text.isascii():
            words = self._words.findall(text.lower())
        else:
            words = _pairs(self._any_words.findall(_fold(text)))
        counts: Counter[Any] = Counter(map(self._terms.__getitem__, words))
        counts.pop(None, None)
        return dict(counts)

    def __repr__(self) -> str:
        return f"Terms(language={self.language!r})"


class _Remembered(dict[str, str | None]):
    """The term of each word, None for a stop word; found when a word is first met."""

    def __init__(self, stem: Any, stop_words: frozenset[str]) -> None:
        super().__init__()
        self._stem, self._stop_words = stem, stop_words
        self._one_at_a_time = threading.Lock()  # a stemmer has a state

    def __missing__(self, word: str) -> str | None:
        if word in self._stop_words:
            term = None
        else:
            with self._one_at_a_time:
                term = self._stem(word)
        if len(self) >= REMEMBERED:
            self.clear()
        self[word] = term
        return term


def languages() -> list[str]:
    """The languages that `Terms` can stem.

    Example:
        >>> "german" in languages()
        True
    """
    import Stemmer

    return list(Stemmer.algorithms())


def _check_language(language: Any) -> str | None:
    if language is None:
        return None
    if not isinstance(language, str) or language not in languages():
        raise InvalidArgument(
            f"language must be None or one of {', '.join(languages())}; got {language!r}"
        )
    return language


def _check_stop_words(given: Any, language: str | None) -> frozenset[str]:
    if given is None:
        return STOP_WORDS.get(language or "", frozenset())
    words = [] if isinstance(given, str) or not isinstance(given, Iterable) else list(given)
    if isinstance(given, str) or not all(isinstance(word, str) for word in words):
        raise InvalidType(f"stop_words must be strings, such as ['the', 'of']; got {given!r:.60}")
    return frozenset(_fold(word) for word in words)


def _stemmer(language: str | None) -> Any:
    if language is None:
        return str
    import Stemmer

    return Stemmer.Stemmer(language, 0).stemWord  # no cache of its own: `_Remembered` is one


def _patterns(joined: bool) -> tuple[Any, Any]:
    """What a word is in ASCII text, which is most, and in any text."""
    import regex  # knows marks as parts of words, which Indic scripts need

    tail = r"(?:'\w+)*" if joined else ""
    other = rf"[^\W{UNSPACED}]+"
    after = f"(?:['{CURLED}]{other})*" if joined else ""
    return re.compile(rf"\w+{tail}"), regex.compile(rf"{other}{after}|(?:(?=\w)[{UNSPACED}])+")


def _pairs(words: list[str]) -> list[str]:
    """Runs of a script without spaces as their overlapping pairs; others as they are."""
    found = []
    for word in words:
        if not _STARTS_UNSPACED.match(word):
            found.append(word.replace(CURLED, "'"))
        elif len(word) == 1:
            found.append(word)
        else:
            found += [word[i : i + 2] for i in range(len(word) - 1)]
    return found


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _check_texts(texts: Any) -> list[str]:
    if isinstance(texts, (str, bytes)) or not isinstance(texts, Iterable):
        raise InvalidType(
            f"texts must be a list of strings; got {texts!r:.40} of type {type(texts).__name__}"
        )
    checked = list(texts)
    for row, text in enumerate(checked):
        if not isinstance(text, str):
            raise InvalidType(
                f"row {row} must be a str; got {text!r:.40} of type {type(text).__name__}"
            )
    return checked
