"""Fixed dimensional encodings: the definition in loops, their expectation, their bounds."""

import numpy as np
import pytest

from likewise.errors import InvalidArgument, InvalidType, InvalidVector, UnknownArgument
from likewise.index import FixedDimensional, muvera
from likewise.index._chamfer import chamfer
from likewise.vectors import as_bags


def unit(rng, *shape):
    X = rng.standard_normal(shape)
    return (X / np.linalg.norm(X, axis=-1, keepdims=True)).astype(np.float32)


def slow(encoding, bag, *, document):
    """The definition, number by number; the draws are those of ``encoding``."""
    planes, inner, sketch = encoding._drawn(bag.shape[1])
    blocks = []
    for r in range(encoding.repetitions):
        codes = [[float(p @ planes[r][:, j]) > 0 for j in range(encoding.k_sim)] for p in bag]
        short = [p if inner is None else p @ inner[r] for p in bag]
        for bucket in range(2**encoding.k_sim):
            bits = [bool(bucket >> j & 1) for j in range(encoding.k_sim)]
            inside = [s for s, code in zip(short, codes, strict=True) if code == bits]
            block = np.sum(inside, axis=0) if inside else np.zeros_like(short[0])
            if not document:
                block = block / encoding.repetitions
            elif inside:
                block = block / len(inside)
            elif encoding.fill_empty:
                keys = [
                    (
                        sum(a != b for a, b in zip(code, bits, strict=True)),
                        sum(b << j for j, b in enumerate(code)),
                        i,
                    )
                    for i, code in enumerate(codes)
                ]
                block = short[min(keys)[2]]
            blocks.append(block)
    flat = np.concatenate(blocks)
    if sketch is None:
        return flat
    folded = np.zeros(encoding.d_final)
    dense = sketch.toarray()
    for i, value in enumerate(flat):
        folded += value * dense[i]
    return folded


@pytest.mark.parametrize(
    "options",
    [
        {"d_proj": None},
        {"d_proj": 3},
        {"d_proj": 99},
        {"k_sim": 0},
        {"fill_empty": False},
        {"d_final": 17},
        {"k_sim": 4, "d_proj": 2, "d_final": 31, "random_state": 5},
    ],
)
def test_agrees_with_the_definition(options, monkeypatch):
    monkeypatch.setattr(muvera, "BLOCK", 9)  # several blocks, and a bag larger than one
    encoding = FixedDimensional(**{"repetitions": 3, "k_sim": 3, **options})
    rng = np.random.default_rng(0)
    bags = as_bags([unit(rng, m, 5) for m in (1, 4, 3, 12, 2, 7)])
    for document, found in ((True, encoding.documents(bags)), (False, encoding.queries(bags))):
        truth = [slow(encoding, bag, document=document) for bag in bags]
        np.testing.assert_allclose(found, truth, atol=2e-6)
        assert found.shape == (6, encoding.width(5))


def products(queries, documents, rounds, **options):
    """<query, document> of many independent rounds, each on its own."""
    encoding = FixedDimensional(repetitions=rounds, d_final=None, **options)
    q = encoding.queries(queries).reshape(rounds, -1) * rounds
    return np.vecdot(q, encoding.documents(documents).reshape(rounds, -1)).astype(np.float64)


@pytest.mark.parametrize("k_sim", [1, 3])
@pytest.mark.parametrize("d_proj", [None, 2])
def test_expectation_in_closed_form(k_sim, d_proj):
    """Two vectors in the document, none filled: they share the query's bucket by the angles.

    P(one vector shares all signs) is (1 - angle / pi)^k, and of both it is
    (1 - (the three angles) / (2 pi))^k: the query then meets their mean, or one alone.
    """
    rng = np.random.default_rng(3)
    q, p = unit(rng, 1, 4), unit(rng, 2, 4)
    p[0] = q[0] + 0.5 * p[0]
    p[0] /= np.linalg.norm(p[0])
    to_first, to_second, between = np.arccos([q[0] @ p[0], q[0] @ p[1], p[0] @ p[1]])
    both = (1 - (to_first + to_second + between) / (2 * np.pi)) ** k_sim
    first = (1 - to_first / np.pi) ** k_sim - both
    second = (1 - to_second / np.pi) ** k_sim - both
    expected = both * (q[0] @ (p[0] + p[1])) / 2 + first * (q[0] @ p[0]) + second * (q[0] @ p[1])
    found = products([q], [p], 20_000, k_sim=k_sim, d_proj=d_proj, fill_empty=False)
    assert abs(found.mean() - expected) < 4 * found.std() / np.sqrt(len(found))


def test_one_vector_and_filled_is_the_similarity_itself():
    rng = np.random.default_rng(4)
    q, p = unit(rng, 6, 5), unit(rng, 1, 5)
    found = products([q], [p], 50, k_sim=3, d_proj=None)
    np.testing.assert_allclose(found, chamfer(q, p), rtol=1e-4)


def test_never_above_chamfer_and_nearer_with_smaller_buckets():
    rng = np.random.default_rng(5)
    Q, P = unit(rng, 30, 4, 16), unit(rng, 30, 20, 16)
    P[:, :4] = Q + 0.2 * unit(rng, 30, 4, 16)
    P /= np.linalg.norm(P, axis=2, keepdims=True)
    true = np.array([chamfer(q, p) for q, p in zip(Q, P, strict=True)])
    short = []
    for k_sim in (0, 2, 4, 8):
        encoding = FixedDimensional(repetitions=10, k_sim=k_sim, d_proj=None)
        found = np.vecdot(encoding.queries(list(Q)), encoding.documents(list(P)))
        assert (found <= true + 1e-4).all()
        short.append((true - found).mean() / 4)
    assert short == sorted(short, reverse=True)
    assert short[-1] < 0.4 * short[0]


def test_projections_change_no_expectation():
    rng = np.random.default_rng(6)
    q, p = unit(rng, 5, 12), unit(rng, 9, 12)
    plain = FixedDimensional(repetitions=200, k_sim=2, d_proj=None, random_state=1)
    truth = (plain.queries([q]) @ plain.documents([p]).T).item()
    for options in ({"d_proj": 4}, {"d_proj": None, "d_final": 64}):
        found = []
        for seed in range(40):
            encoding = FixedDimensional(repetitions=10, k_sim=2, random_state=seed, **options)
            found.append((encoding.queries([q]) @ encoding.documents([p]).T).item())
        assert abs(np.mean(found) - truth) < 4 * np.std(found) / np.sqrt(40) + 0.05


def test_same_seed_same_bytes_and_a_query_is_the_same_in_company():
    rng = np.random.default_rng(7)
    bags = as_bags([unit(rng, m, 8) for m in rng.integers(1, 9, 30)])
    one, two = FixedDimensional(random_state=3), FixedDimensional(random_state=3)
    assert one.documents(bags).tobytes() == two.documents(bags).tobytes()
    assert one.queries(bags)[7].tobytes() == two.queries(bags[7:8])[0].tobytes()
    assert (one.documents(bags) != FixedDimensional(random_state=4).documents(bags)).any()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"repetitions": 0}, InvalidArgument, "repetitions"),
        ({"k_sim": -1}, InvalidArgument, "k_sim"),
        ({"k_sim": 13}, InvalidArgument, "buckets"),
        ({"d_proj": 0}, InvalidArgument, "d_proj"),
        ({"d_final": 2.5}, InvalidType, "d_final"),
        ({"fill_empty": 1}, InvalidType, "fill_empty"),
        ({"seed": 1}, UnknownArgument, "random_state"),
    ],
)
def test_bad_parameters(options, error, words):
    with pytest.raises(error, match=words):
        FixedDimensional(**options)


def test_a_bag_without_vectors_is_refused():
    with pytest.raises(InvalidVector, match="no vectors"):
        FixedDimensional().documents([np.empty((0, 4))])
