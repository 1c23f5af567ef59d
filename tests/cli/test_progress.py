"""Long work speaks: a bar on a terminal, a line now and then elsewhere, nothing when quiet."""

from __future__ import annotations

import itertools

import pytest

from likewise.cli import progress
from likewise.cli.progress import Bar


def test_lines_with_an_estimate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ticks = itertools.count(0, 3)  # each look at the clock is three seconds later
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(ticks)))
    with Bar("import a.csv") as bar:
        bar.share(1000, 0.25)
        bar.share(2000, 0.5)
        bar.count(3000)
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0] == "import a.csv: 2,000 (50%), about 12 s left"
    assert all(line.startswith("import a.csv: ") for line in lines)


def test_quiet(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.0)
    with Bar("export", quiet=True) as bar:
        bar.steps(1, 2)
    with Bar("export") as bar:
        bar.steps(1, 2)
    assert capsys.readouterr().err.count("export: 1 (50%)") == 1


def test_bar_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with Bar("index [papers]") as bar:
        bar.steps(3, 4)
        assert bar._bar is not None
        assert bar._bar.tasks[0].percentage == 75
        bar._bar.refresh()
    assert "index [papers]" in capsys.readouterr().err
