"""Transforms against the formulas of their kernels, and chains."""

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import DotProduct

from likewise.errors import InvalidArgument, InvalidType, UnknownArgument
from likewise.learn.active import (
    TRANSFORMS,
    Candidates,
    Posterior,
    RandomProjection,
    Scale,
    max_det,
    suggest,
)
from likewise.learn.active.transforms import chain


@pytest.mark.parametrize(("m", "p"), [(1, 4), (3, 8), (20, 4), (8, 8)])
@pytest.mark.parametrize("noise", [1e-6, 0.1, 5.0])
def test_posterior_is_the_formula(m, p, noise):
    rng = np.random.default_rng(m)
    pool, known = rng.normal(size=(15, p)), rng.normal(size=(m, p))
    both = np.concatenate([pool, known])
    inverse = np.linalg.inv(known @ known.T + noise * np.eye(m))
    expected = both @ both.T - both @ known.T @ inverse @ known @ both.T
    found = np.concatenate(Posterior(noise)(pool, known))
    np.testing.assert_allclose(found @ found.T, expected, atol=1e-7)


def test_posterior_is_the_variance_of_a_gaussian_process():
    rng = np.random.default_rng(0)
    pool, known = rng.normal(size=(15, 3)), rng.normal(size=(6, 3))
    machine = GaussianProcessRegressor(DotProduct(0.0, "fixed"), alpha=0.2, optimizer=None)
    _, deviation = machine.fit(known, np.zeros(6)).predict(pool, return_std=True)
    found, _ = Posterior(0.2)(pool, known)
    np.testing.assert_allclose((found**2).sum(axis=1), deviation**2, rtol=1e-9)


def test_posterior_of_what_is_known_is_the_noise_and_never_negative():
    known = np.random.default_rng(0).normal(size=(30, 5)) * 1e3
    pool, again = Posterior(1e-6)(known, known)
    variance = (pool**2).sum(axis=1)
    assert ((variance >= 0) & (variance < 1e-6)).all()
    assert np.array_equal(pool, again)


def test_conditioning_by_the_transform_or_by_the_mode_is_the_same():
    rng = np.random.default_rng(2)
    pool, known = rng.normal(size=(40, 4)), rng.normal(size=(5, 4))
    by_mode = suggest(pool, 6, features_labelled=known, selection="max_det")
    by_transform = suggest(
        pool, 6, features_labelled=known, transform="posterior", selection="max_det", mode="p"
    )
    assert np.array_equal(by_mode, by_transform)
    assert not np.array_equal(by_mode, max_det(Candidates(40, pool), 6))


def test_projection_keeps_inner_products_and_meets_both_alike():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(20, 3000)) / np.sqrt(3000)
    pool, known = RandomProjection(500)(rows, rows[:4])
    np.testing.assert_allclose(known, pool[:4], rtol=0, atol=1e-12)  # sums of other shapes
    assert np.abs(pool @ pool.T - rows @ rows.T).max() < 5 * np.sqrt(2 / 500)
    drawn = np.mean([np.vdot(*RandomProjection(8, s)(rows[:2], None)[0]) for s in range(300)])
    assert abs(drawn - rows[0] @ rows[1]) < 4 * np.sqrt(1 / 8 / 300)
    again = RandomProjection(500)(rows, None)
    assert again[1] is None
    assert np.array_equal(again[0], pool)
    assert RandomProjection(4)(np.eye(4), None)[0].tolist() == np.eye(4).tolist()


def test_scale_is_by_the_labelled_rows_where_there_are():
    pool, known = Scale()(np.array([[3.0, 4.0]]), np.array([[0.0, 2.0], [0.0, 0.0]]))
    assert (known**2).sum(axis=1).mean() == pytest.approx(1)
    np.testing.assert_allclose(pool, [[3 / np.sqrt(2), 4 / np.sqrt(2)]])


def test_a_chain_is_one_after_the_other():
    rng = np.random.default_rng(1)
    pool, known = 1e3 * rng.normal(size=(30, 6)), 1e3 * rng.normal(size=(4, 6))
    steps = ["scale", Posterior(0.1), [RandomProjection(5)]]
    found = suggest(pool, 5, features_labelled=known, transform=steps, selection="max_diag")
    rows = RandomProjection(5)(*Posterior(0.1)(*Scale()(pool, known)))[0]
    assert found.tolist() == np.argsort(-(rows**2).sum(axis=1), kind="stable")[:5].tolist()
    assert [type(step) for step in chain(list(TRANSFORMS))] == [Posterior, RandomProjection, Scale]
    assert chain(None) == []


def test_every_transform_without_labelled_rows():
    pool = np.random.default_rng(0).normal(size=(10, 3))
    for make in TRANSFORMS.values():
        rows, known = make()(pool, None)
        assert np.isfinite(rows).all()
        assert known is None
    assert np.array_equal(Posterior()(pool, pool[:0])[0], pool)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Posterior(0.0), InvalidArgument),
        (lambda: Posterior(np.nan), InvalidArgument),
        (lambda: Posterior(sigma=1.0), UnknownArgument),
        (lambda: RandomProjection(0), InvalidArgument),
        (lambda: RandomProjection(5, random_state=-1), InvalidArgument),
        (lambda: Scale()(np.zeros((3, 2)), None), InvalidArgument),
        (lambda: chain("whiten"), InvalidArgument),
        (lambda: chain(3), InvalidType),
        (lambda: chain(Posterior), InvalidType),
    ],
)
def test_impossible_transforms(make, error):
    with pytest.raises(error):
        make()
