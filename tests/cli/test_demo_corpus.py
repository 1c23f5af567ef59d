"""The demo's corpus: what is read from source, under which names, and which of it is chosen."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from likewise.cli import demo_corpus
from likewise.cli._source import WORDS, is_public, read_module, summarise
from likewise.cli.demo_corpus import STANDARD, Entry, Package, choose, collect, entries_of


def write(folder, files):
    for name, source in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source), "utf-8")


@pytest.fixture
def package(tmp_path):
    """A package whose import would fail, so that passing means it was not imported."""
    write(
        tmp_path,
        {
            "shop/__init__.py": '''
                """A shop that sells things to people."""
                from ._till import pay, _count
                from .shelf import *
                raise SystemExit("imported")
            ''',
            "shop/_till.py": '''
                def pay(amount, *, _secret=None, currency="EUR"):
                    """Take money from a customer.

                    Parameters
                    ----------
                    amount : float
                    """
                    total = amount
                    return total
                def _count():
                    """Count the money that is there."""
                def hidden():
                    """Nobody offers this one to others."""
            ''',
            "shop/shelf.py": '''
                """
                The shelf
                =========
                Where things stand.
                """
                from shop import pay
                __all__ = ["Shelf"]
                __all__ += ["tidy"]
                class Shelf:
                    """Keeps things in order of their name."""
                    def put(self, thing):
                        """Put one thing on the shelf."""
                    def _drop(self):
                        """Drop it on the floor by accident."""
                    def short(self):
                        """Too short."""
                try:
                    from fast import tidy
                except ImportError:
                    def tidy(shelf):
                        """Put all things of a shelf in order."""
                def extra():
                    """Not listed but defined here."""
            ''',
            "shop/broken.py": "def broken(:\n",
            "shop/tests/test_shop.py": 'def test():\n    """A test is nothing to find."""\n',
            "shop/warns.py": 'X = "\\d"\ndef warn():\n    """Warn about strange escapes."""\n',
        },
    )
    return Package("shop", (tmp_path / "shop",))


def test_public_names_and_kinds(package):
    found = {entry.row["id"]: entry.row["kind"] for entry in entries_of(package)}
    assert found == {
        "shop": "module",
        "shop.pay": "function",
        "shop.Shelf": "class",
        "shop.Shelf.put": "method",
        "shop.tidy": "function",
        "shop.shelf": "module",
        "shop.shelf.extra": "function",
        "shop.warns.warn": "function",
    }


def test_a_row_in_full(package):
    row = next(e.row for e in entries_of(package) if e.row["id"] == "shop.pay")
    year = row.pop("year")
    assert 2020 < year < 2200
    assert row == {
        "id": "shop.pay",
        "text": "shop.pay(amount, currency): Take money from a customer.",
        "package": "shop",
        "module": "shop",
        "kind": "function",
        "lines": 3,
    }


def test_year_is_that_of_the_file(tmp_path):
    path = tmp_path / "old.py"
    path.write_text('"""An old module of ours."""\n')
    os.utime(path, (1_000_000_000, 1_000_000_000))
    assert read_module(path, "old").year == 2001


def test_circular_imports_are_followed(tmp_path):
    write(
        tmp_path,
        {
            "ring/__init__.py": "from ring._a import *\n",
            "ring/_a.py": "from ring._b import *\nfrom ring._b import far\n",
            "ring/_b.py": '''
                from ring._a import *
                from ring import nothing
                def far():
                    """Reached by going round."""
                def near():
                    """Reached by a star only."""
            ''',
        },
    )
    entries = entries_of(Package("ring", (tmp_path / "ring",)))
    assert [entry.row["id"] for entry in entries] == ["ring.far", "ring.near"]


@pytest.mark.parametrize(
    ("docstring", "summary"),
    [
        ("", ""),
        ("Too short.", ""),
        ("One line\n\n  and two more.", "One line and two more."),
        ("Do a thing well.\n\nParameters\n----------\nx : int", "Do a thing well."),
        ("Do a thing well.\n\nArgs:\n    x: a number", "Do a thing well."),
        ("Do a thing well.\n\n:param x: a number", "Do a thing well."),
        ("Do a thing well.\n\n>>> thing()", "Do a thing well."),
        ("*****\nTitle\n*****\nWhat it is about.", "Title What it is about."),
        ("word " * 200, " ".join(["word"] * WORDS)),
    ],
)
def test_summary_ends_at_a_heading_or_the_limit(docstring, summary):
    assert summarise(docstring) == summary


@pytest.mark.parametrize(
    ("name", "public"),
    [("a.b", True), ("a._b", False), ("a.tests.b", False), ("test_a", False), ("attest", True)],
)
def test_public(name, public):
    assert is_public(name) is public


def test_built_in_modules_are_there_without_lines_and_year():
    rows = {e.row["id"]: e.row for e in demo_corpus._builtin_entries()}
    assert rows["math.gcd"]["kind"] == "function"
    assert "lines" not in rows["math.gcd"]
    assert rows["itertools.groupby"]["text"].startswith("itertools.groupby: ")
    assert rows["builtins.sorted"]["text"].startswith("sorted: ")
    assert "builtins.ValueError" not in rows


def entries(package, count, module="m", words=5):
    return [
        Entry({"id": f"{package}.{module}.f{i}", "module": module, "kind": "function"}, words)
        for i in range(count)
    ]


def test_shares_are_met_and_what_is_left_goes_to_others():
    found = {STANDARD: entries("s", 500), "numpy": entries("n", 500), "click": entries("c", 2)}
    chosen = choose(found, size=100)
    counts = {name: sum(e.row["id"][0] == name[0] for e in chosen) for name in ("s", "n", "c")}
    assert len(chosen) == 100
    assert counts["c"] == 2
    assert counts["s"] / counts["n"] == pytest.approx(20 / 8, rel=0.05)


def test_everything_is_chosen_when_it_fits():
    found = {STANDARD: entries("s", 5), "numpy": entries("n", 7)}
    assert len(choose(found, size=100)) == 12


def test_long_docstrings_and_shallow_modules_come_first():
    deep = entries("p", 10, module="p.a.b", words=900)
    top = entries("p", 10, module="p", words=5)
    best = Entry({"id": "p.best", "module": "p", "kind": "class"}, 50)
    chosen = choose({"numpy": [*deep, *top, best]}, size=10)
    assert chosen[0] is best
    assert sum(entry in deep for entry in chosen) == 1


def test_the_first_run_of_this_python(monkeypatch):
    monkeypatch.setattr(demo_corpus, "SHARES", {STANDARD: 3, "numpy": 1})
    monkeypatch.setattr(demo_corpus, "FIRST_RUN", 10**9)
    calls = []
    rows = collect(progress=lambda done, total: calls.append((done, total)))
    ids = [row["id"] for row in rows]
    assert calls == [(0, 2), (1, 2), (2, 2)]
    assert len(ids) == len(set(ids))
    assert {"numpy.linalg.svd", "functools.lru_cache", "asyncio.gather", "time.sleep"} <= set(ids)
    assert not any("._" in name for name in ids)
    assert all(len(row["text"].split()) < WORDS + 20 for row in rows)
    assert ids == [row["id"] for row in collect()]


def test_nothing_is_imported():
    code = (
        "import sys; from likewise.cli.demo_corpus import installed_packages, entries_of;"
        "[entries_of(p) for p in installed_packages() if p.name in ('click', 'rich')];"
        "print([m for m in ('click', 'rich') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
