"""Several processes, forks and handles on one collection."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import likewise as lw
from likewise.errors import CollectionLocked
from likewise.store import sealing
from tests.store.endless_reader import DIM, SIZE
from tests.store.small import GRAPH_FIRST, shrink

ROOT = Path(__file__).parents[2]
SECONDS = float(os.environ.get("LIKEWISE_READING_SECONDS", "5"))
#: Changes that say something.
FEWEST = 20


def python(*arguments: str) -> subprocess.Popen:
    """A Python of its own, with warnings as errors."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def batch_of(number: int, version: int) -> list[dict]:
    vectors = np.random.default_rng([number, version]).standard_normal((SIZE, DIM))
    return [
        {"id": f"{number}/{i}", "vector": vector, "batch": number, "version": version}
        for i, vector in enumerate(vectors.astype(np.float32))
    ] + [{"id": "clock", "vector": np.ones(DIM), "batch": -1, "version": version}]


def test_one_writer_and_four_readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)
    path, stop = tmp_path / "shared.likewise", tmp_path / "stop"
    with lw.create(path, dim=DIM, metric="euclidean", costs=GRAPH_FIRST) as collection:
        for number in range(3):
            collection.upsert(batch_of(number, 0))
        readers = [
            python("-m", "tests.store.endless_reader", str(path), str(stop)) for _ in range(4)
        ]
        try:
            for reader in readers:
                assert reader.stdout.readline() == "ready\n", reader.stderr.read()
            versions = write_for(collection, SECONDS)
        finally:
            stop.touch()
            ends = [reader.communicate(timeout=60) for reader in readers]
        for reader, (said, errors) in zip(readers, ends, strict=True):
            assert reader.returncode == 0, errors
            report = json.loads(said)
            assert report["searches"] > 20
            assert report["count"] == len(collection)
        assert versions > 20
        assert collection.check() == []


def write_for(collection: lw.Collection, seconds: float) -> int:
    """Whole batches come, change and go, with a seal or a compaction now and then."""
    chance = np.random.default_rng(0)
    until, version = time.monotonic() + seconds, 1
    while version <= FEWEST + 1 or time.monotonic() < until:  # however busy the machine is
        number = int(chance.integers(0, 8))
        draw = chance.random()
        if draw < 0.6:
            collection.upsert(batch_of(number, version))
        elif draw < 0.85:
            collection.delete(where=f"batch = {number}")
        elif draw < 0.95:
            collection.seal()
        else:
            collection.compact()
        version += 1
        time.sleep(0.002)
    collection.upsert(batch_of(0, version))
    return version


def test_a_commit_is_seen_at_the_next_search(tmp_path: Path) -> None:
    code = """if True:
        import sys, likewise as lw
        with lw.open(sys.argv[1], read_only=True) as collection:
            for line in sys.stdin:
                found = collection.search([1.0, 0.0], 1000)
                print(len(found), len(collection), len(collection.get(int(line))), flush=True)
    """
    with lw.create(tmp_path / "a", dim=2) as collection:
        reader = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code, str(tmp_path / "a")],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        expected = 0
        for step in range(60):
            if step % 3 < 2:
                collection.add([{"id": step, "vector": [step, 1.0]}])
                expected += 1
            else:
                expected -= collection.delete(step - 1)
            if step % 20 == 10:
                collection.seal()
            print(step, file=reader.stdin, flush=True)
            there = int(step % 3 < 2)
            assert reader.stdout.readline().split() == [str(expected), str(expected), str(there)]
        reader.stdin.close()
        assert reader.wait(30) == 0
        reader.stdout.close()


HOLDER = """if True:
    import sys, time, likewise as lw
    collection = lw.open(sys.argv[1])
    collection.upsert([{"id": "held", "vector": [1.0, 2.0]}])
    print("holding", flush=True)
    time.sleep(float(sys.argv[2]))
    collection.close()
"""


def test_second_writer_waits_and_then_says_who_writes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    lw.create(path, dim=2).close()
    holder = python("-c", HOLDER, str(path), "60")
    try:
        assert holder.stdout.readline() == "holding\n"
        with lw.open(path, timeout=0.3) as collection:
            assert collection.get("held")[0]["id"] == "held"  # reading needs no lock
            for write in (
                lambda: collection.add([{"vector": [1.0, 1.0]}]),
                lambda: collection.delete("held"),
                collection.seal,
                collection.compact,
                collection.repair,
            ):
                started = time.monotonic()
                with pytest.raises(CollectionLocked, match=f"process {holder.pid} ") as caught:
                    write()
                assert 0.25 < time.monotonic() - started < 5
                assert caught.value.pid == holder.pid
                assert caught.value.code == "collection_locked"
                assert caught.value.exit_status == 4
            assert len(collection) == 1
            # Nobody has to clean up after a writer that was killed.
            holder.send_signal(signal.SIGKILL)
            holder.wait()
            assert collection.delete("held") == 1
            assert collection.check() == []
    finally:
        holder.kill()
        holder.communicate()


def test_second_writer_gets_its_turn(tmp_path: Path) -> None:
    path = tmp_path / "a"
    lw.create(path, dim=2).close()
    holder = python("-c", HOLDER, str(path), "0.7")
    assert holder.stdout.readline() == "holding\n"
    with lw.open(path, timeout=30) as collection:
        assert collection.delete("held") == 1
    assert holder.wait(30) == 0
    holder.communicate()


def test_two_handles_in_one_process(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with lw.create(path, dim=2) as one, lw.open(path, timeout=0.1) as two:
        one.add([{"id": 1, "vector": [1.0, 2.0]}])
        assert two.search([1.0, 2.0]).ids == [1]
        with pytest.raises(CollectionLocked) as caught:
            two.delete(1)
        assert caught.value.pid == os.getpid()
        two.close()
        one.add([{"id": 2, "vector": [2.0, 2.0]}])
        # Closing the other handle dropped no lock of this one.
        outside = python("-c", "import likewise as lw, sys; lw.open(sys.argv[1], "
                         "timeout=0.1).delete(1)", str(path))  # fmt: skip
        errors = outside.communicate(timeout=60)[1]
        assert outside.returncode == 1
        assert "CollectionLocked" in errors
        assert one.check() == []
    with lw.open(path) as again:
        assert len(again) == 2


def in_child(work) -> None:
    """Run ``work`` in a fork; fail with what it raised."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            os.write(send, repr(error).encode()[:4000])
            os._exit(1)
    os.close(send)
    with os.fdopen(receive) as pipe:
        said = pipe.read()
    assert os.waitpid(child, 0)[1] == 0, said


@pytest.mark.alone
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork(tmp_path: Path) -> None:
    path = tmp_path / "a"
    vectors = np.random.default_rng(0).standard_normal((200, 2))
    with lw.create(path, dim=2, timeout=0.2) as collection:
        collection.add({"id": i, "vector": vector} for i, vector in enumerate(vectors))
        collection.seal()
        before = collection.search([1.0, 0.5]).ids

        def child() -> None:
            assert collection.search([1.0, 0.5]).ids == before
            assert len(collection.get([1, 2])) == 2
            with pytest.raises(CollectionLocked) as caught:
                collection.delete(1)
            assert caught.value.pid == os.getppid()
            collection.close()

        for turn in range(3):
            in_child(child)
            collection.upsert([{"id": turn, "vector": vectors[turn]}])
            assert len(collection.search([1.0, 0.5], 1000)) == 200
        assert collection.check() == []


@pytest.mark.alone
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_child_of_a_fork_does_not_keep_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "a"
    collection = lw.create(path, dim=2)
    collection.add([{"id": 1, "vector": [1.0, 2.0]}])
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    try:
        collection.close()
        with lw.open(path, timeout=0.1) as other:
            assert other.delete(1) == 1
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.alone
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork_while_another_thread_holds_every_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink(monkeypatch)
    monkeypatch.setattr(sealing, "TAIL_ROWS", 1000)  # so that it is this thread that seals
    collection = lw.create(tmp_path / "a", dim=DIM, timeout=0.2, costs=GRAPH_FIRST)
    for number in range(4):
        collection.upsert(batch_of(number, 0))
    first = collection.get("0/0")[0]["vector"]
    inside, go_on = threading.Event(), threading.Event()

    def progress(done: int, total: int) -> None:
        inside.set()
        assert go_on.wait(60)

    holder = threading.Thread(target=collection.seal, kwargs={"progress": progress})
    holder.start()
    assert inside.wait(60)

    def child() -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(20)  # a deadlock ends the child, and fails the test
        assert collection.search(first, 1).ids == ["0/0"]
        with pytest.raises(CollectionLocked):
            collection.delete("0/0")
        collection.close()

    try:
        in_child(child)
    finally:
        go_on.set()
        holder.join()
    assert collection.check() == []
    collection.close()
