"""What all tests of benchmarks share."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _quick_collections() -> Iterator[None]:
    """Timings begin with a garbage collection; of all that a long run of tests holds it is slow."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
