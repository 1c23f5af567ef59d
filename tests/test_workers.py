"""Pieces of work on all cores."""

from __future__ import annotations

import threading
import time

import pytest
from threadpoolctl import threadpool_info

from likewise import _workers
from likewise._workers import map_on_cores


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setattr(_workers, "available_cores", lambda: 2)


def blas_threads():
    # faiss, where it is loaded, brings another BLAS, on OpenMP: its count is each thread's own.
    return [
        pool["num_threads"]
        for pool in threadpool_info()
        if pool["user_api"] == "blas" and pool["threading_layer"] != "openmp"
    ]


def test_answers_come_in_order():
    def slow_first(i):
        time.sleep(0.02 if i == 0 else 0)
        return i * i

    assert list(map_on_cores(slow_first, range(6), backend="numpy")) == [0, 1, 4, 9, 16, 25]
    assert list(map_on_cores(slow_first, [], backend="numpy")) == []


def test_pieces_run_side_by_side():
    # Both pieces must be inside at once to pass the barrier.
    barrier = threading.Barrier(2, timeout=10)
    list(map_on_cores(lambda _: barrier.wait(), [0, 1], backend="numpy"))


def test_threads_of_numpy_rest_and_come_back():
    before = blas_threads()
    inside = list(map_on_cores(lambda _: blas_threads(), [0, 1], backend="numpy"))
    assert inside[0]
    assert all(count == 1 for counts in inside for count in counts)
    assert blas_threads() == before


def test_threads_of_torch_rest_and_come_back():
    import torch

    before = torch.get_num_threads()
    inside = list(map_on_cores(lambda _: torch.get_num_threads(), [0, 1], backend="torch"))
    assert inside == [1, 1]
    assert torch.get_num_threads() == before


def test_an_interrupt_drops_what_has_not_begun():
    begun = []

    def work(i):
        begun.append(i)
        time.sleep(0.01)

    answers = map_on_cores(work, range(100), backend="numpy")
    next(answers)
    answers.close()
    assert len(begun) < 20


def test_an_error_reaches_the_caller():
    def fail(i):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(map_on_cores(fail, [1, 2], backend="numpy"))
