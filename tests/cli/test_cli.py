"""The command line as a shell sees it: stdout, stderr and the exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import likewise
from likewise import errors
from likewise.cli.app import app, run
from likewise.cli.failures import EXIT_CODES, report
from likewise.encode import ENCODERS
from likewise.index import WarmReport
from likewise.index._compiled.processor import INSTRUCTION_SETS
from likewise.metrics import METRICS

ROOT = Path(__file__).parents[2]
COMMANDS = """
    demo create import search get delete info recall check repair compact snapshot restore export
    warm evaluate index-text predict audit outliers suggest
""".split()  # noqa: SIM905


class Shell:
    """Runs commands in this process, in a folder of its own."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys
        self.err = ""

    def __call__(self, *words: object, code: int = 0) -> str:
        got = run([str(word) for word in words])
        out, self.err = self.capsys.readouterr()
        assert got == code, self.err
        return out

    def json(self, *words: object, code: int = 0) -> Any:
        out = self(*words, "--json", code=code)
        return json.loads(out if code in (0, 3) and out else self.err)


@pytest.fixture
def shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(capsys)


@pytest.fixture
def papers(shell: Shell) -> Shell:
    """A collection ``c`` of 20 rows; odd ids are integers, even ones strings such as ``s4``."""
    write_rows("papers.jsonl", 20)
    shell("create", "c", "--dim", 3)
    shell("import", "c", "papers.jsonl", "--index-field", "year")
    return shell


def write_rows(name: str, count: int) -> None:
    rows = (
        {
            "id": i if i % 2 else f"s{i}",
            "text": f"row\tnumber {i}",
            "vector": [float(i), 1.0, 2.5],
            "year": 2000 + i,
            "day": {"$date": "2024-05-01"},
        }
        for i in range(count)
    )
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def process(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "likewise", *words]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, **options)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(likewise.__file__).parents[1])}


# -- the app as a whole -------------------------------------------------------------


def test_help_names_every_command_and_exit_code(shell: Shell) -> None:
    out = " ".join(shell("--help").split())
    assert all(f" {command} " in out for command in COMMANDS)
    assert all(str(code) in out for code in EXIT_CODES)
    assert shell("--version") == f"likewise {likewise.__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_json(shell: Shell, command: str) -> None:
    assert "--json" in shell(command, "--help")


def test_choices_come_from_the_registries(shell: Shell) -> None:
    out = "".join(shell("create", "--help").replace("│", " ").split())
    assert all(name in out for name in ENCODERS)
    assert all(metric.name in out for metric in METRICS.values())


def test_exit_codes_are_those_of_the_error_tree() -> None:
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, Exception)]
    statuses = {c.exit_status for c in classes if issubclass(c, errors.LikewiseError)}
    assert statuses <= EXIT_CODES.keys()


def test_starts_without_heavy_packages() -> None:
    program = (
        "import sys; from likewise.cli.app import run; run(['--version']);"
        "print([m for m in ('scipy', 'faiss', 'torch', 'pandas', 'sklearn', 'numba', 'pyarrow',"
        " 'rich', 'likewise.store') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.parametrize("option", ["--show-completion", "--install-completion"])
def test_shell_completion(tmp_path: Path, option: str) -> None:
    line = f"{sys.executable} -m likewise {option}; exit $?"
    done = subprocess.run(
        ["bash", "-c", line],
        env={**environment(), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    written = "".join(file.read_text() for file in tmp_path.rglob("*likewise*") if file.is_file())
    assert "_LIKEWISE_COMPLETE" in done.stdout + written


def test_completion_offers_commands_and_metrics() -> None:
    def offered(words: str, position: int) -> list[str]:
        extra = {
            "_LIKEWISE_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(position),
        }
        done = subprocess.run(
            [sys.executable, "-m", "likewise"],
            env={**environment(), **extra},
            capture_output=True,
            text=True,
        )
        return done.stdout.split()

    assert "search" in offered("likewise se", 1)
    assert "cosine" in offered("likewise create --metric cos", 3)


# -- failures -----------------------------------------------------------------------


def test_failures_of_each_kind(papers: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    assert papers("serch", code=2) == ""
    assert "Did you mean" in papers.err
    papers("info", "nothing-here", code=3)
    assert papers.err.startswith("likewise: ")
    assert papers.err.count("\n") == 1
    found = papers.json("info", "nothing-here", code=3)
    assert found["error"]["code"] == "collection_not_found"
    found = papers.json("search", "c", "--top-k", "3", code=2)
    assert found["error"]["code"] == "usage"
    assert " -k" in found["error"]["message"].replace("--top-k", "")
    assert papers.json("create", "c", "--dim", "3", code=3)["error"]["code"] == "collection_exists"

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(likewise.Collection, "info", broken)
    papers("info", "c", code=1)
    assert "unexpected RuntimeError: a bug" in papers.err
    assert "LIKEWISE_TRACEBACK=1" in papers.err
    monkeypatch.setenv("LIKEWISE_TRACEBACK", "1")
    with pytest.raises(RuntimeError, match="a bug"):
        run(["info", "c"])


def test_messages_speak_of_options(papers: Shell) -> None:
    papers("import", "c", "papers.jsonl", code=3)
    assert "papers.jsonl, line 1: " in papers.err
    assert "--skip-bad" in papers.err
    assert "skip_bad=True" not in papers.err
    papers("export", "c", "papers.jsonl", code=2)
    assert "--force" in papers.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.CollectionLocked("held", pid=7), 4),
        (errors.MissingExtra("install it"), 5),
        (errors.InvalidFilter("what", 3), 2),
        (errors.CorruptCollection("broken"), 3),
    ],
)
def test_each_kind_of_error_has_its_code(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(error, as_json=False) == code
    assert capsys.readouterr().err == f"likewise: {error}\n"


def test_a_second_writer_is_told_so(papers: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    original = likewise.open
    monkeypatch.setattr(
        likewise, "open", lambda path, **options: original(path, timeout=0.1, **options)
    )
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import likewise as lw, sys, time; c = lw.open('c'); c.delete('s2');"
            "print('held', flush=True); time.sleep(60)",
        ],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert papers.json("delete", "c", "1", "--yes", code=4)["error"]["code"] == (
            "collection_locked"
        )
        assert str(holder.pid) in papers.err
    finally:
        holder.kill()
        holder.wait()
        if holder.stdout is not None:
            holder.stdout.close()


def test_a_closed_pipe_is_silent(papers: Shell) -> None:
    write_rows("many.jsonl", 3000)
    papers("create", "many", "--dim", "3")
    papers("import", "many", "many.jsonl", "--no-seal")
    line = f"set -o pipefail; {sys.executable} -m likewise search many --id s2 -k 2500 | head -n 1"
    done = subprocess.run(["bash", "-c", line], env=environment(), capture_output=True, text=True)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    assert "Broken pipe" not in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interrupt_ends_with_130(tmp_path: Path) -> None:
    # A named pipe that nobody writes to keeps the reader waiting until it is interrupted.
    fifo = tmp_path / "slow.jsonl"
    os.mkfifo(fifo)
    with likewise.create(tmp_path / "c", dim=3):
        pass
    running = subprocess.Popen(
        [sys.executable, "-m", "likewise", "import", str(tmp_path / "c"), str(fifo)],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    with open(fifo, "w") as writer:  # returns once the import has opened it
        writer.write('{"id": 1, "vector": [1, 2, 3]}\n')
        writer.flush()
        time.sleep(0.2)
        running.send_signal(signal.SIGINT)
        try:
            _, err = running.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            # It came between Python's look at signals and the read that then waits for ever.
            running.send_signal(signal.SIGINT)
            _, err = running.communicate(timeout=20)
    assert running.returncode == 130
    assert err == "likewise: interrupted; what was committed stays\n"


def test_warnings_are_one_line(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    import warnings

    shell("create", "c", "--dim", "3")

    def warns(self: object) -> dict[str, Any]:
        warnings.warn("a cache was damaged", errors.CacheWarning, stacklevel=2)
        return {"rows": 0, "recall": {}}

    monkeypatch.setattr(likewise.Collection, "info", warns)
    assert shell("info", "c").startswith("rows\t0\n")
    assert shell.err == "likewise: warning: a cache was damaged\n"


# -- commands -----------------------------------------------------------------------


def test_create_and_info(papers: Shell) -> None:
    about = papers.json("info", "c")
    assert about["rows"] == 20
    assert about["fields"]["dense"]["metric"] == "cosine"
    assert about["metadata_fields"]["year"] == {"indexed": True, "windows": []}
    lines = dict(line.split("\t") for line in papers("info", "c").splitlines())
    assert lines["rows"] == "20"
    assert lines["fields.dense.dim"] == "3"
    created = papers.json("create", "d", "--dim", 2, "--metric", "l2")
    assert created["fields"]["dense"]["metric"] == "euclidean"
    papers("create", "e", "--dim", "2", "--metric", "wrong", code=2)
    assert "cosine" in papers.err
    papers("create", "f", "--encoder", "hashing")
    Path("t.csv").write_text("id,text\na,the cat sat\nb,stock markets fell\n")
    assert papers.json("import", "f", "t.csv")["rows"] == 2
    assert papers.json("search", "f", "a cat", "-k", 1)["hits"][0]["id"] == "a"


def test_search_by_id_vector_and_filter(papers: Shell) -> None:
    found = papers.json("search", "c", "--id", "7", "-k", 4, "--where", "year > 2009")
    assert len(found["hits"]) == 4
    assert found["info"]["matching"] == 10
    assert all(hit["metadata"]["year"] > 2009 for hit in found["hits"])
    assert found["hits"][0]["metadata"]["day"] == "2024-05-01"

    np.save("q.npy", np.array([[5.0, 1.0, 2.5]]))
    found = papers.json("search", "c", "--vector", "q.npy", "--exact")
    assert (found["hits"][0]["id"], len(found["hits"])) == (5, 10)
    assert found["info"]["recall"] == 1.0

    within = papers.json("search", "c", "--vector", "q.npy", "--radius", 0.01)
    assert [hit["id"] for hit in within["hits"]]
    assert all(hit["distance"] <= 0.01 for hit in within["hits"])
    wide = papers.json("search", "c", "--vector", "q.npy", "--radius", 2)
    assert len(wide["hits"]) == 20  # no -k: all within the radius
    good = papers.json("search", "c", "--vector", "q.npy", "-k", 20, "--min-score", 0.99)
    assert 0 < len(good["hits"]) < 20
    assert all(hit["score"] >= 0.99 for hit in good["hits"])
    assert papers.json("search", "c", "--vector", "q.npy", "--explain")["info"]["reason"]


def test_windows_and_what_a_search_took(papers: Shell) -> None:
    papers("import", "c", "papers.jsonl", "--upsert", "--window", "year", "--window", "day")
    fields = papers.json("info", "c")["metadata_fields"]
    assert fields["year"] == fields["day"] == {"indexed": True, "windows": ["dense"]}
    found = papers.json("search", "c", "--id", "7", "--where", "year > 2009", "--explain")
    assert found["info"]["matching"] == 10
    assert 0 < found["info"]["actual"] < found["info"]["seconds"]
    papers("search", "c", "--id", "7", "--explain")
    assert "\n  exact: about " in papers.err
    assert papers.err.rstrip().split("\n")[-1].startswith("  it took ")
    papers("import", "c", "papers.jsonl", "--upsert", "--window", "yaer", code=2)
    assert "'yaer'" in papers.err


def test_search_in_a_pipe_is_one_line_a_hit(papers: Shell) -> None:
    lines = papers("search", "c", "--id", "s4", "-k", 3, "--explain").splitlines()
    assert len(lines) == 3
    cells = lines[0].split("\t")
    assert len(cells) == 5
    assert cells[3].startswith("row number ")
    assert papers.err.startswith("3 hits of 19 matching rows by ")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ([], 2, "one of a question, --id or --vector"),
        (["words", "--id", "1"], 2, "one of a question, --id or --vector"),
        (["words"], 2, "--encoder"),
        (["--id", "nope"], 2, "'nope'"),
        (["--id", "1", "-k", "0"], 2, "k must be a positive integer"),
        (["--id", "1", "--where", "yeer > 3"], 2, "year"),
        (["--id", "1", "--where", "year >"], 2, ""),
        (["--id", "1", "--recall", "2"], 2, "recall"),
        (["--id", "1", "--using", "sparse"], 2, "dense"),
        (["--id", "1", "--cutoff", "high"], 2, "--cutoff takes auto, or a probability"),
        (["--id", "1", "--cutoff", "2"], 2, "for a score --min-score"),
        (["--id", "1", "--cutoff", "auto", "--using", "lexical"], 2, "--cutoff says"),
        (["--id", "1", "--cutoff", "auto"], 2, "100 rows at least"),
        (["--vector", "papers.jsonl"], 3, "not a .npy file"),
        (["--vector", "two.npy"], 3, "expected one vector"),
        (["--vector", "five.npy"], 3, "5"),
    ],
)
def test_search_errors(papers: Shell, words: list[str], code: int, says: str) -> None:
    np.save("two.npy", np.eye(3)[:2])
    np.save("five.npy", np.ones(5))
    assert papers("search", "c", *words, code=code) == ""
    assert says in papers.err
    assert papers.err.startswith("likewise: ")


def test_a_search_that_is_cut_shows_probabilities_or_nothing(shell: Shell) -> None:
    rng = np.random.default_rng(0)
    rows = ({"id": i, "vector": row.tolist()} for i, row in enumerate(rng.normal(size=(200, 8))))
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    shell("create", "c", "--dim", 8)
    shell("import", "c", "rows.jsonl")
    everything = shell.json("search", "c", "--id", "7", "--cutoff", "0", "-k", 5)["hits"]
    assert len(everything) == 5
    assert all(0 <= hit["probability"] <= 1 for hit in everything)
    line = shell("search", "c", "--id", "7", "--cutoff", "0", "-k", 5).splitlines()[0]
    assert line.split("\t")[3] == f"{everything[0]['probability']:.3f}"
    assert shell("search", "c", "--id", "7", "--cutoff", "0.9999") == ""
    assert "nothing is close enough" in shell.err
    assert "probability" not in shell.json("search", "c", "--id", "7")["hits"][0]


# -- decisions ----------------------------------------------------------------------


@pytest.fixture
def sides(shell: Shell) -> Shell:
    """80 rows in two groups; each fifth has no side, row 12 a wrong one, row 13 lies far away."""
    rng = np.random.default_rng(0)
    lines = []
    for i in range(80):
        side = "left" if i % 2 else "right"
        vector = rng.normal(size=4) + (8 if i % 2 else -8)
        row: dict[str, Any] = {"id": i, "vector": (vector * (9 if i == 13 else 1)).tolist()}
        row |= {} if i % 5 == 0 else {"side": "left" if i == 12 else side}
        lines.append(json.dumps(row | {"size": float(i)}))
    Path("sides.jsonl").write_text("\n".join(lines))
    shell("create", "c", "--dim", 4, "--metric", "euclidean")
    shell("import", "c", "sides.jsonl")
    return shell


def test_predict_says_who_voted(sides: Shell) -> None:
    found = sides.json("predict", "c", "side", "--id", "7", "-k", 5)
    assert found["value"] == "left"
    assert len(found["evidence"]) == 5
    assert abs(sum(part for _, part in found["probabilities"]) - 1) < 1e-9
    assert found["flip"] is None  # all of the rows looked at are on this side
    assert found["withstands"] == 10
    lines = sides("predict", "c", "side", "--id", "7", "-k", 5).splitlines()
    assert len(lines) == 5
    assert sides.err.startswith("side: left (0.9")
    number = sides.json("predict", "c", "size", "--id", "7", "-k", 3, "--weights", "distance")
    assert number["probability"] is None
    assert number["deviation"] > 0


def test_predict_fills_in_what_is_missing(sides: Shell) -> None:
    found = sides.json("predict", "c", "side")
    assert [one["id"] for one in found] == list(range(0, 80, 5))
    assert [one["value"] for one in found] == ["right", "left"] * 8
    assert len(sides("predict", "c", "side", "--where", "id > 60").splitlines()) == 3
    assert sides.err.endswith("3 rows without 'side'; nothing was written\n")


def test_audit_outliers_and_suggestions(sides: Shell) -> None:
    wrong = [one for one in sides.json("audit", "c", "side") if one["code"] == "wrong_label"]
    assert [one["rows"] for one in wrong] == [[12]]
    text = sides("audit", "c", "side", "--check", "wrong_label", "--examples", 1)
    assert "row 12 is labelled 'left'" in text
    assert sides.json("outliers", "c", "-k", 2)[0]["id"] == 13
    assert sides("outliers", "c", "-k", 2, "--method", "lof").startswith("13\t")
    soft = sides.json("predict", "c", "size", "--id", "7", "--weights", "softmax", "-k", 3)
    sharp = sides.json(
        "predict", "c", "size", "--id", "7", "--weights", "softmax", "--temperature", 0.01, "-k", 3
    )
    assert sharp["evidence"][0]["weight"] > soft["evidence"][0]["weight"]
    rows = sides.json("suggest", "c", "side", "-n", 4)
    assert rows[0]["nearest"]["distance"] > 0
    assert len({row["id"] for row in rows} & set(range(0, 80, 5))) == 4
    assert len(sides("suggest", "c", "side", "-n", 4, "--selection", "margin").splitlines()) == 4


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["predict", "c", "syde", "--id", "7"], "did you mean 'side'"),
        (["predict", "c", "side", "--id", "7", "-k", "0"], "k must be a positive integer"),
        (["predict", "c", "side", "a text", "--id", "7"], "predict expects one of a question"),
        (["predict", "c", "side", "--id", "7", "--weights", "heavy"], "weights must be one of"),
        (["audit", "c", "side", "--check", "wrong"], "no check 'wrong'; did you mean"),
        (["outliers", "c", "--method", "far"], "method must be one of distance, lof"),
        (["suggest", "c", "side", "-n", "99"], "n = 99 is more than the 16 rows"),
        (["suggest", "c", "side", "--selection", "best"], "selection must be one of"),
    ],
)
def test_errors_of_decisions(sides: Shell, words: list[str], says: str) -> None:
    assert sides(*words, code=2) == ""
    assert says in sides.err


# -- words and judgements -----------------------------------------------------------


@pytest.fixture
def judged(shell: Shell) -> Shell:
    """A collection ``c`` of three texts, with files of queries, judgements and a run."""
    texts = {"a": "mice sleep in the barn", "b": "the cat chases mice", "c": "markets fell"}
    rows = [json.dumps({"id": id_, "text": text}) + "\n" for id_, text in texts.items()]
    Path("texts.jsonl").write_text("".join(rows))
    Path("queries.tsv").write_text("q1\ta sleeping mouse\nq2\tmarket\nq3\tnobody judged it\n")
    Path("qrels.txt").write_text("q1 0 a 1\nq1 0 b 1\nq2 0 c 1\n")
    Path("run.trec").write_text("q1 Q0 c 1 0.9 t\nq1 Q0 a 2 0.4 t\nq2 Q0 c 1 0.5 t\n")
    shell("create", "c", "--encoder", "hashing")
    shell("import", "c", "texts.jsonl")
    return shell


def test_index_text_keeps_terms_of_a_language(judged: Shell) -> None:
    assert judged.json("index-text", "c") == {"language": "english", "rows": 3}
    assert list(Path("c", "cache").glob("*.lexical"))
    found = judged.json("search", "c", "a sleeping mouse", "--using", "lexical")["hits"]
    assert [hit["id"] for hit in found] == ["a"]
    judged("index-text", "c", "--language", "none")
    assert "language none" in judged.err
    assert judged("search", "c", "a sleeping mouse", "--using", "lexical") == ""  # no stems
    judged("index-text", "c")
    assert "language none" in judged.err  # left out, it stays
    judged("index-text", "c", "--language", "klingon", code=2)
    assert "german" in judged.err


def test_evaluate_measures_a_collection_or_a_run(judged: Shell) -> None:
    words = ["evaluate", "c", "queries.tsv", "qrels.txt", "--using", "lexical"]
    metrics = ["--metrics", "recall@1, mrr", "--save-run", "out.trec"]
    found = judged.json(*words, *metrics)
    assert found["means"] == {"recall@1": 0.75, "mrr": 1.0}
    assert (found["queries"], found["unjudged"], found["recall"]) == (2, ["q3"], 1.0)
    again = judged.json("evaluate", "out.trec", "qrels.txt", "--metrics", "recall@1,mrr")
    assert again["means"] == found["means"]
    assert judged("evaluate", "run.trec", "qrels.txt", "--metrics", "mrr") == "mrr\t0.7500\n"
    assert "mean of 2 judged queries" in judged.err
    judged(*words, "-k", 1, "--metrics", "recall@1")
    assert "1 not judged were left out; recall of the index 1.000" in judged.err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["c", "qrels.txt"], 2, "QUERIES and QRELS; got 1 file"),
        (["run.trec", "queries.tsv", "qrels.txt"], 2, "QRELS alone"),
        (["nowhere", "queries.tsv", "qrels.txt"], 3, "nowhere"),
        (["c", "queries.tsv", "queries.tsv"], 3, "queries.tsv, line 1"),
        (["c", "qrels.txt", "qrels.txt"], 3, "an id, a tab and a text"),
        (["c", "queries.tsv", "qrels.txt", "--metrics", "ndgc@3"], 2, "ndgc@3"),
        (["c", "queries.tsv", "qrels.txt", "-k", "2"], 2, "raise k"),
        (["c", "queries.tsv", "qrels.txt", "--fuse", "rrf"], 2, "--fuse"),
        (["run.trec", "qrels.txt", "--exact"], 2, "exact"),
    ],
)
def test_evaluate_errors(judged: Shell, words: list[str], code: int, says: str) -> None:
    assert judged("evaluate", *words, code=code) == ""
    assert says in judged.err


def test_get_takes_strings_first_then_integers(papers: Shell) -> None:
    Path("more.jsonl").write_text('{"id": "3", "vector": [1, 1, 1]}\n')
    papers("import", "c", "more.jsonl")
    rows = papers.json("get", "c", "s4", "3", "5")
    assert [row["id"] for row in rows] == ["s4", "3", 5]
    out = papers("get", "c", "5", "none", code=3)
    assert "year\t2005\n" in out
    assert "'none'" in papers.err
    assert papers.json("get", "c", "none", code=3) == []


def test_delete_asks_or_is_told(papers: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    papers("delete", "c", "1", code=2)
    assert "--yes" in papers.err
    assert papers.json("delete", "c", "1", "s2", "unknown", "--yes") == {"deleted": 2}
    assert papers.json("delete", "c", "--where", "year < 2006", "--yes") == {"deleted": 4}
    assert papers.json("delete", "c", "7", "--where", "year = 2008", "-y") == {"deleted": 0}
    papers("delete", "c", "--yes", code=2)
    papers("delete", "c", code=2)
    assert papers.json("info", "c")["rows"] == 14

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    asked: list[str] = []

    def answer(question: str, **_: object) -> bool:
        asked.append(question)
        return len(asked) > 1

    monkeypatch.setattr("typer.confirm", answer)
    papers("delete", "c", "7", code=1)
    assert papers.json("info", "c")["rows"] == 14
    papers("delete", "c", "--where", "year > 2017")
    assert asked == ["Delete 1 row from c?", "Delete 2 rows from c?"]
    assert papers.json("info", "c")["rows"] == 12


def test_import_of_several_files_and_bad_rows(papers: Shell) -> None:
    Path("bad.csv").write_text(
        'key,abstract,emb,junk\nx,one,"[1, 2, 3]",1\ny,two,"[1, 2]",2\nz,three,oops,3\n'
    )
    words = ["--id-column", "key", "--text-column", "abstract", "--vector-column", "emb"]
    words += ["--rename", "junk="]
    papers("import", "c", "bad.csv", *words, code=3)
    assert "bad.csv, line 3" in papers.err or "bad.csv, line 4" in papers.err
    done = papers.json("import", "c", "bad.csv", *words, "--upsert", "--skip-bad")
    assert done["files"][0]["added"] == 1
    assert done["files"][0]["rejected"] == 2
    assert done["rows"] == 21
    assert len(Path("bad.csv.rejects.jsonl").read_text().splitlines()) == 2
    assert papers.json("get", "c", "x")[0]["text"] == "one"
    assert "junk" not in papers.json("get", "c", "x")[0]

    two = ["import", "c", "papers.jsonl", "bad.csv"]
    papers(*two, "--skip-bad", "--rejects", "r.jsonl", code=2)
    papers(*two, "--rename", "oops", code=2)
    assert "OLD=NEW" in papers.err
    papers("import", "c", "papers.jsonl", "--upsert", "--skip", "18")
    assert "added 2 rows" in papers.err


@pytest.mark.parametrize("name", ["out.parquet", "out.jsonl", "out.jsonl.gz"])
def test_export_and_import_give_the_same_collection(papers: Shell, name: str) -> None:
    done = papers.json("export", "c", name)
    assert done["rows"] == 20
    papers("create", "d", "--dim", "3")
    papers("import", "d", name)
    with likewise.open("c") as c, likewise.open("d") as d:
        ids = [row["id"] for row in c.rows()]
        assert _plain(d.get(ids, vectors=True)) == _plain(c.get(ids, vectors=True))


def _plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "vector": np.asarray(row["vector"]).tolist()} for row in rows]


def test_export_of_vectors_and_without_them(papers: Shell) -> None:
    papers("export", "c", "out.npy")
    assert np.load("out.npy").shape == (20, 3)
    assert json.loads(Path("out.ids.jsonl").read_text().splitlines()[1]) == 1
    papers("export", "c", "out.npy", code=2)
    papers("export", "c", "out.npy", "--force")
    assert "wrote 20 rows to out.npy, out.ids.jsonl" in papers.err
    papers("export", "c", "out.csv", code=2)


def test_upkeep(papers: Shell) -> None:
    assert papers.json("check", "c") == {"findings": []}
    papers("delete", "c", "1", "--yes")
    assert papers.json("compact", "c")["rows"] == 19
    papers("snapshot", "c", "snap")
    papers("snapshot", "c", "snap", code=3)
    assert papers.json("restore", "snap", "d") == {"path": "d", "rows": 19}
    assert papers.json("recall", "c", "-k", "5")["k"] == 5

    for file in Path("c", "cache").rglob("*"):
        if file.is_file() and file.suffix != ".json":
            content = bytearray(file.read_bytes())
            content[-1] ^= 0xFF
            file.write_bytes(content)
    findings = papers.json("check", "c", code=3)["findings"]
    assert findings
    assert {"code", "message", "severity", "where"} <= findings[0].keys()
    lines = papers("check", "c", code=3).splitlines()
    assert len(lines) == len(findings)
    papers("repair", "c")
    assert papers.json("check", "c") == {"findings": []}


def test_tables_on_a_terminal(papers: Shell) -> None:
    """A pseudo-terminal for stdout: headings, aligned columns."""
    import pty

    primary, secondary = pty.openpty()
    try:
        subprocess.run(
            [sys.executable, "-m", "likewise", "search", "c", "--id", "7", "-k", "2"],
            env={**environment(), "COLUMNS": "100", "TERM": "xterm"},
            stdout=secondary,
            stderr=subprocess.PIPE,
            check=True,
        )
        shown = os.read(primary, 10_000).decode()
    finally:
        os.close(primary)
        os.close(secondary)
    assert "score" in shown.splitlines()[0]
    assert "row number 6" in shown


def test_every_command_is_registered() -> None:
    import typer

    group: Any = typer.main.get_command(app)
    assert sorted(group.commands) == sorted(COMMANDS)


def test_warm(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    report = shell.json("warm")
    assert report["instructions"] in INSTRUCTION_SETS
    assert report["compiled"] >= 0
    out = shell("warm")
    assert f"instructions\t{report['instructions']}\n" in out
    assert "nothing to do" in shell.err, "it was done a moment ago"
    problem = WarmReport(None, "plain", 3, 1.0, "compiled kernels cannot be kept")
    monkeypatch.setattr("likewise.index.warm", lambda progress: problem)
    shell("warm")
    assert shell.err == "warning: compiled kernels cannot be kept\n"
    monkeypatch.setattr("likewise.index.warm", lambda progress: replace(problem, problem=""))
    shell("warm")
    assert shell.err == "compiled 3 kernels in 1.0 s\n"


def test_demo_hands_its_arguments_over(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    stand_in = types.ModuleType("likewise.cli.demo")
    stand_in.run_demo = lambda path, **options: seen.append((path, options))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "likewise.cli.demo", stand_in)
    shell("demo", "one", "two", "--path", "p", "--all", "--where", "lines > 3", "--json")
    options = {"everything": True, "queries": ["one", "two"], "where": "lines > 3"}
    assert seen == [(Path("p"), {**options, "json_output": True})]
    shell("demo")
    assert seen[1][0] is None
    assert not seen[1][1]["queries"]


def test_info_tells_the_recall_curve_in_a_line(
    papers: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    curve = {
        "segment": 1,
        "efforts": [16, 64],
        "depths": [1, 10, 100],
        "recall": [[0.9, 0.8, 0.5], [1.0, 0.96, 0.9]],
    }
    about = {"rows": 1, "recall": {"dense": [curve]}, "segments": [{"rows": 1}]}
    monkeypatch.setattr(likewise.Collection, "info", lambda self: about)
    lines = dict(line.split("\t") for line in papers("info", "c").splitlines())
    assert lines["recall.dense.segment 1"] == (
        "0.800 at effort 16 to 0.960 at effort 64, for 10 hits"
    )
    assert lines["segments.1.rows"] == "1"
