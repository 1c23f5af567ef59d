"""The harness: the command line, the report, the data folder."""

from datetime import date

import pytest

from replications import __main__ as command
from replications.data import DataFolder, MissingData
from replications.protocol import Outcome, Paper, Progress, Replication, Table, Verdict
from replications.registry import REPLICATIONS
from replications.report import Run, renewed, report


def example(needs=(), seen=None):
    def run(setting):
        if seen is not None:
            seen.append(setting)
        return Outcome(
            Verdict.PARTLY,
            "half of it",
            "0.06",
            [Table("Numbers", ("a", "b"), [("1", "x|y")])],
            ["A note."],
        )

    paper = Paper("Somebody", 2020, "On something", "Somewhere")
    return Replication("example", paper, "It is 0.12.", "half counts as partly", needs, run)


@pytest.fixture
def seen(monkeypatch, tmp_path):
    """The settings that the only replication there is was run with; it needs one file."""
    calls = []
    monkeypatch.setattr(command, "REPLICATIONS", {"example": example(["set/rows.csv"], calls)})
    monkeypatch.setenv("LIKEWISE_DATA", str(tmp_path))
    return calls


def test_names_in_the_registry_are_those_of_the_files():
    for name, replication in REPLICATIONS.items():
        assert replication.name == name
        assert replication.run.__module__ == f"replications.{name}"


def test_all_writes_the_report(seen, tmp_path, capsys):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "rows.csv").touch()
    path = tmp_path / "report.md"
    assert command.main(["--all", "--seed", "7", "--output", str(path)]) == 0
    text = path.read_text()
    assert [setting.random_state for setting in seen] == [7]
    for part in ("It is 0.12.", "0.06", "**partly**: half of it", "seed 7", "A note.", "x\\|y"):
        assert part in text
    assert "wrote" in capsys.readouterr().out


def test_missing_data_is_a_clear_message_before_anything_runs(seen, tmp_path, capsys):
    assert command.main(["example"]) == 3
    message = capsys.readouterr().err
    assert str(tmp_path) in message
    assert "set/rows.csv" in message
    assert "LIKEWISE_DATA" in message
    assert seen == []


def test_quick_needs_no_data(seen, capsys):
    assert command.main(["example", "--quick"]) == 0
    assert [setting.quick for setting in seen] == [True]
    assert "says nothing about the claim" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["example", "--all"],
        ["--all", "--quick"],
        ["nothing"],
        ["example", "--renew", "--quick"],
    ],
)
def test_wrong_arguments_are_refused(seen, arguments, capsys):
    with pytest.raises(SystemExit) as refused:
        command.main(arguments)
    assert refused.value.code == 2
    assert "error" in capsys.readouterr().err
    assert seen == []


def test_list_names_them(seen, capsys):
    assert command.main(["--list"]) == 0
    assert "example: Somebody (2020)" in capsys.readouterr().out


def test_the_report_names_machine_versions_and_day():
    run = Run(example(), example().run(None), 12.3, 0)
    text = report([run], day=date(2026, 1, 2))
    assert "2026-01-02" in text
    assert "numpy" in text
    assert "cores" in text
    assert "12 s, seed 0" in text


def test_the_data_folder_is_beside_the_repository_unless_named(monkeypatch, tmp_path):
    monkeypatch.delenv("LIKEWISE_DATA", raising=False)
    assert DataFolder.find().root.parts[-2:] == ("shared", "data")
    monkeypatch.setenv("LIKEWISE_DATA", str(tmp_path))
    assert DataFolder.find().root == tmp_path
    with pytest.raises(MissingData, match=r"lacks a/b\.npz"):
        DataFolder.find().file("a/b.npz")


def test_progress_says_how_far_and_how_long():
    lines = []
    progress = Progress(lines.append)
    progress.started -= 10
    progress.step(1, 4, "first")
    assert "[1/4]   10 s, about 30 s left: first" in lines[0]


def named(name, seconds):
    base = example()
    replication = Replication(name, base.paper, base.claim, base.rule, (), base.run)
    return Run(replication, base.run(None), seconds, 0)


def test_a_section_is_renewed_and_the_others_stay():
    names = ["first", "second", "third"]
    old = report([named("first", 1.0), named("third", 3.0)])
    inserted = renewed(old, named("second", 2.0), names)
    assert inserted == report([named(n, s) for n, s in zip(names, (1.0, 2.0, 3.0), strict=True)])
    again = renewed(inserted, named("third", 9.0), names)
    assert again == inserted.replace("3 s, seed 0", "9 s, seed 0")


def test_a_section_of_another_day_says_so():
    old = report([named("first", 1.0)], day=date(2020, 1, 2))
    text = renewed(old, named("second", 2.0), ["first", "second"])
    assert text.count("Machine: ") == 2
    assert text.index("2020-01-02") < text.index("## first") < text.rindex("Machine: ")


def test_renew_writes_one_section(seen, tmp_path, capsys):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "rows.csv").touch()
    path = tmp_path / "report.md"
    path.write_text(report([]))
    assert command.main(["example", "--renew", "--output", str(path)]) == 0
    assert "## example" in path.read_text()
    assert "renewed example" in capsys.readouterr().out
