"""The harness of the benchmarks: timing in turn, figures, the report, the command line."""

import json
import time
from datetime import date

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks.data import LANGUAGES, generate, true_neighbours
from benchmarks.processes import ProcessFailed, seconds_to_answer
from benchmarks.protocol import Figure, Outcome
from benchmarks.registry import BENCHMARKS
from benchmarks.report import Run, as_json, report
from benchmarks.threads import VARIABLES
from benchmarks.timing import difference, interleaved, median
from replications.protocol import Table


def test_names_in_the_registry_are_those_of_the_files():
    for name, benchmark in BENCHMARKS.items():
        assert benchmark.name == name
        assert benchmark.run.__module__ == f"benchmarks.{name}"


def test_works_take_turns_and_the_first_one_changes():
    order = []
    works = {name: (lambda i, name=name: order.append((name, i))) for name in "ab"}
    seconds = interleaved(works, 2, warm=1, before=lambda i: order.append(("before", i)))
    assert order == [
        ("a", 2),
        ("b", 2),
        ("before", 0),
        ("a", 0),
        ("b", 0),
        ("before", 1),
        ("b", 1),
        ("a", 1),
    ]
    assert {name: len(taken) for name, taken in seconds.items()} == {"a": 2, "b": 2}


def test_what_takes_longer_is_seen_to():
    seconds = interleaved(
        {"long": lambda i: time.sleep(0.004), "short": lambda i: time.sleep(0.001)}, 5
    )
    assert median(seconds["long"]) > median(seconds["short"])
    assert 0.001 < difference(seconds["long"], seconds["short"]) < 0.1


@pytest.mark.parametrize(
    ("figure", "ratio", "met"),
    [
        (Figure("a", 2.0, "ms", "peer", 6.0, target=3.0), 3.0, True),
        (Figure("a", 2.0, "ms", "peer", 1.0, target=1.5), 0.5, False),
        (Figure("a", 20.0, "rows/s", "peer", 10.0, target=15.0, higher=True), 2.0, True),
        (Figure("a", 20.0, "rows/s", "peer", 40.0, target=30.0, higher=True), 0.5, False),
        (Figure("a", 2.0, "ms", "peer", None), None, None),
        (Figure("a", None, "ms", target=3.0), None, None),
    ],
)
def test_a_ratio_above_one_is_better_whichever_way_is_up(figure, ratio, met):
    assert figure.ratio == ratio
    assert figure.met is met


def test_the_report_says_what_was_not_reached_and_where_it_was_measured():
    figures = [
        Figure("search", 0.25, "ms", "Peer", 1.0, target=0.2, note="recall 0.99"),
        Figure("ingest", 20_000.0, "rows/s", target=15_000.0, higher=True),
        Figure("text", None, "s", target=1.5),
    ]
    outcome = Outcome(figures, [Table("Cells", ("a",), [("7",)])], ["A note."])
    text = report([Run("example", "How?", outcome, 3.0)], quick=False, day=date(2026, 1, 2))
    assert "| search | 0.250 ms | Peer | 1.00 ms | 4.00 | ≤ 0.200 ms | **no** | recall" in text
    assert "| ingest | 20,000 rows/s | — | — | — | ≥ 15,000 rows/s | yes |" in text
    assert "| text | not measured |" in text
    for part in ("2026-01-02", "cores", "thread", "numpy", "likewise at", "- A note.", "**Cells**"):
        assert part in text
    assert "say nothing" not in text
    assert "say nothing" in report([], quick=True)


def test_results_are_plain_values():
    run = Run("example", "How?", Outcome([Figure("a", 2.0, "ms", "peer", 6.0)]), 3.0)
    read = json.loads(json.dumps(as_json([run], quick=True)))
    assert read["quick"] is True
    assert read["runs"][0]["figures"][0]["ratio"] == 3.0


def test_the_same_seed_generates_the_same_rows():
    one, two, other = generate(300, 0, dim=24), generate(300, 0, dim=24), generate(300, 1, dim=24)
    np.testing.assert_array_equal(one.vectors, two.vectors)
    assert one.metadata() == two.metadata()
    assert not np.array_equal(one.vectors, other.vectors)
    np.testing.assert_allclose(np.linalg.norm(one.vectors, axis=1), 1, rtol=1e-5)
    assert {row["lang"] for row in one.rows()} == set(LANGUAGES)
    assert [row["id"] for row in one.rows(2, 4)] == ["doc2", "doc3"]


def test_true_neighbours_are_those_of_the_plain_formula():
    data = generate(200, 0, dim=16)
    mask = data.mask(1950, "en")
    for i, truth in enumerate(true_neighbours(data, 5, 7, mask)):
        cosines = {
            f"doc{j}": float(data.vectors[j] @ data.queries[i]) for j in np.flatnonzero(mask)
        }
        assert truth == set(sorted(cosines, key=cosines.get)[-7:])


def test_a_process_is_timed_up_to_its_answer():
    slow_to_leave = "import time; print('x', flush=True); time.sleep(0.5)"
    assert seconds_to_answer(slow_to_leave) < 0.5
    with pytest.raises(ProcessFailed, match=r"status 3.*wrong"):
        seconds_to_answer("import sys; print('wrong', file=sys.stderr); sys.exit(3)")
    with pytest.raises(ProcessFailed, match="status 0"):
        seconds_to_answer("")


@pytest.fixture
def threads(monkeypatch):
    """What the command sets in the environment is put back afterwards."""
    for name in (*VARIABLES, "TOKENIZERS_PARALLELISM"):
        monkeypatch.setenv(name, "1")


@pytest.mark.usefixtures("threads")
def test_a_run_writes_both_files(tmp_path, capsys):
    status = command.main(["ingest", "--quick", "--no-peers", "--output", str(tmp_path)])
    assert status == 0
    assert "wrote" in capsys.readouterr().out
    assert "bare SQLite" in (tmp_path / "results.md").read_text(encoding="utf-8")
    read = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert [run["name"] for run in read["runs"]] == ["ingest"]


@pytest.mark.usefixtures("threads")
def test_one_that_fails_does_not_take_the_others_with_it(tmp_path, capsys, monkeypatch):
    def run(name, setting):
        if name == "ingest":
            raise OSError("the disk is gone")
        return Run(name, "How?", Outcome([Figure("a", 2.0, "ms")]), 1.0)

    monkeypatch.setattr("benchmarks.running.run_apart", run)
    assert command.main(["ingest", "memory", "--output", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "the disk is gone" in said
    assert "failed: ingest" in said
    assert "## memory" in (tmp_path / "results.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("threads")
def test_list_names_them(capsys):
    assert command.main(["--list"]) == 0
    assert "ingest: " in capsys.readouterr().out


@pytest.mark.usefixtures("threads")
def test_an_unknown_name_is_refused(capsys):
    assert command.main(["nothing"]) == 2
    assert "ingest" in capsys.readouterr().err
