"""`Terms`: texts to counts, the same ones always, in any script."""

import re
import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from likewise.encode.terms import STOP_WORDS, Terms, languages
from likewise.errors import InvalidArgument, InvalidType, UnknownArgument


def slow(text):
    """English in Latin letters, word by word."""
    import Stemmer

    stem = Stemmer.Stemmer("english").stemWord
    words = re.findall(r"\w+(?:'\w+)*", unicodedata.normalize("NFKC", text.casefold()))
    return Counter(stem(word) for word in words if word not in STOP_WORDS["english"])


@given(st.text(st.sampled_from("abcdestTHE ing'.,-0_éÉß\n"), max_size=60))
def test_agrees_with_the_slow_twin(text):
    assert Terms().encode([text]) == [dict(slow(text))]


def test_folds_stems_and_leaves_out():
    terms = Terms()
    assert terms.encode_query("The RUNNING runners' run") == {"run": 2, "runner": 1}
    assert terms.encode_query("ＣＡＦÉ café cafe\u0301") == {"café": 3}
    assert terms.encode_query("don't don\u2019t protein's") == {"don't": 2, "protein": 1}
    assert terms.encode_query("") == terms.encode_query("... the !") == {}
    assert terms.encode(["", "a b"]) == [{}, {"b": 1}]


def test_languages_differ():
    assert Terms("german").encode_query("Häuser und Haus") == {"haus": 2, "und": 1}
    assert Terms("french").encode_query("l'avion l\u2019avion")["avion"] == 2
    assert Terms(None).encode_query("The cats") == {"the": 1, "cats": 1}
    assert "english" in languages()


def test_scripts_without_spaces_become_pairs():
    terms = Terms(None)
    assert terms.encode_query("東京タワー") == {"東京": 1, "京タ": 1, "タワ": 1, "ワー": 1}
    assert terms.encode_query("a東b") == {"a": 1, "東": 1, "b": 1}
    assert terms.encode_query("हिन्दी भाषा") == {"हिन्दी": 1, "भाषा": 1}


def test_stop_words_of_ones_own():
    assert Terms("german", stop_words=["Und"]).encode_query("Haus UND Hof") == {"haus": 1, "hof": 1}
    assert Terms(stop_words=[]).encode_query("the cat") == {"the": 1, "cat": 1}


def test_fingerprints_tell_terms_apart():
    different = [Terms(), Terms("german"), Terms(None), Terms(stop_words=["x"])]
    assert len({terms.fingerprint for terms in different}) == 4
    assert Terms().fingerprint == Terms("english").fingerprint
    assert re.fullmatch(r"terms:[0-9a-f]{16}", Terms().fingerprint)


def test_more_words_than_are_remembered(monkeypatch):
    from likewise.encode import terms as module

    monkeypatch.setattr(module, "REMEMBERED", 3)
    text = "one two three four five six one"
    assert Terms(None).encode_query(text) == dict(Counter(text.split()))


def test_progress_is_told_and_may_interrupt():
    told = []
    Terms().encode(["a"] * 3, progress=lambda done, total: told.append((done, total)))
    Terms().encode([], progress=lambda done, total: told.append((done, total)))
    assert told == [(3, 3), (0, 0)]

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Terms().encode(["a"], progress=stop)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: Terms("klingon"), InvalidArgument, "german"),
        (lambda: Terms(3), InvalidArgument, "english"),
        (lambda: Terms(stop_words="the"), InvalidType, "stop_words"),
        (lambda: Terms(stop_words=[1]), InvalidType, "stop_words"),
        (lambda: Terms(stem=True), UnknownArgument, "language"),
        (lambda: Terms().encode("text"), InvalidType, "list of strings"),
        (lambda: Terms().encode(3), InvalidType, "list of strings"),
        (lambda: Terms().encode(["a", 3]), InvalidType, "row 1"),
        (lambda: Terms().encode_query(None), InvalidType, "query"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call()
