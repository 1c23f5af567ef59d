"""Work shared by threads: the same results in the same order, and errors that come through."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from likewise.index._compiled import in_threads


@pytest.mark.parametrize("jobs", [1, 2, 3, 50])
def test_the_order_of_the_items(jobs: int) -> None:
    def slow_first(number: int) -> int:
        time.sleep(0.02 if number == 0 else 0.0)
        return number * 10

    assert in_threads(jobs, slow_first, range(40)) == list(range(0, 400, 10))
    assert in_threads(jobs, slow_first, []) == []


def test_threads_are_at_work() -> None:
    meeting = threading.Barrier(2, timeout=30)  # broken, unless two come at once
    assert len(in_threads(2, lambda _: meeting.wait(), range(2))) == 2


def test_nested_and_from_several_threads() -> None:
    def rows(count: int) -> list[int]:
        return in_threads(4, lambda number: sum(in_threads(4, int, range(number))), range(count))

    expected = [number * (number - 1) // 2 for number in range(30)]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(rows, [30] * 12)) == [expected] * 12


def test_the_error_of_the_first_item_that_failed() -> None:
    meeting = threading.Barrier(2, timeout=30)

    def fail(number: int) -> None:
        meeting.wait()
        raise ValueError(f"item {number}")

    with pytest.raises(ValueError, match="item 0"):
        in_threads(2, fail, range(2))


def test_after_an_error_the_rest_is_left_out() -> None:
    seen: list[int] = []

    def fail(number: int) -> None:
        seen.append(number)
        time.sleep(0.001)
        if number == 3:
            raise ValueError("item 3")

    with pytest.raises(ValueError, match="item 3"):
        in_threads(2, fail, range(1000))
    assert len(seen) < 100


def test_an_interruption_waits_for_what_was_begun() -> None:
    main, under_way = threading.main_thread(), []

    def work(number: int) -> None:
        under_way.append(number)
        time.sleep(0.05)
        if threading.current_thread() is main:
            under_way.remove(number)
            raise KeyboardInterrupt
        under_way.remove(number)

    with pytest.raises(KeyboardInterrupt):
        in_threads(2, work, range(1000))
    assert under_way == []
