"""Kernels of postings load behind the first answers, which numpy gives."""

import subprocess
import sys

from likewise.index import _postings, _warm, warm
from likewise.index._compiled.library import WarmReport

FIRST_ANSWERS = """
from likewise.index import Sparse, _postings
from likewise.index._postings import plain
index = Sparse().fit([{"cat": 1.0}])
assert not _postings.ready()
assert _postings.searcher() is plain.search
assert index.search({"cat": 2.0}).distances.tolist() == [[-2.0]]
assert _postings._behind.under_way
_postings.warm()
assert _postings.searcher() is not plain.search
assert index.search({"cat": 2.0}).distances.tolist() == [[-2.0]]
assert _postings._library.late() == []
"""


def test_the_first_answers_come_from_numpy():
    _postings.warm()  # so that the process finds them compiled
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FIRST_ANSWERS], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_warm_reports_both_sets_of_kernels(monkeypatch):
    reports = [WarmReport("a", "avx2", 3, 1.5, ""), WarmReport("b", "avx2", 4, 0.25, "full")]
    monkeypatch.setattr(_warm._compiled, "warm", lambda progress: reports[0])
    monkeypatch.setattr(_warm._postings, "warm", lambda progress: reports[1])
    assert warm() == WarmReport("a", "avx2", 7, 1.75, "full")
