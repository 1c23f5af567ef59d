"""A writer that is killed at any moment loses nothing that it has acknowledged.

``LIKEWISE_KILLS=1000`` kills that often.
"""

from __future__ import annotations

import copy
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import likewise as lw
from likewise.testing.plain_store import PlainStore
from tests.store.endless_writer import DIM, KINDS, Operation
from tests.store.small import GRAPH_FIRST

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("LIKEWISE_KILLS", "18"))


class Victim:
    """The writing process, and what it has said."""

    def __init__(self, path: Path, seed: int, first: int, kinds: tuple[str, ...]) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
        command = [sys.executable, "-W", "error", "-m", "tests.store.endless_writer"]
        self.process = subprocess.Popen(
            [*command, str(path), str(seed), str(first), ",".join(kinds)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[list[str]] = []
        self.news = threading.Event()
        self.reading = threading.Thread(target=self._read)
        self.reading.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            if line.endswith("\n"):  # the last one may be cut
                self.lines.append(line.split(maxsplit=2))
            self.news.set()
        self.news.set()

    def wait_for(self, word: str, kind: str | None = None) -> None:
        """Until it says ``word`` of an operation of this kind, or ends."""
        seen = 0
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            for said in self.lines[seen:]:
                seen += 1
                if said[0] == word and kind in (None, said[2].strip()):
                    return
            self.news.wait(0.01)
            self.news.clear()

    def kill(self) -> None:
        """With SIGKILL; fail unless it was alive."""
        self.process.send_signal(signal.SIGKILL)
        self.reading.join()
        errors = self.process.stderr.read()
        self.process.stderr.close()
        self.process.stdout.close()
        assert self.process.wait() == -signal.SIGKILL, errors

    def done(self) -> list[int]:
        """The operations it acknowledged."""
        return [int(said[1]) for said in self.lines if said[0] == "done"]


def sound_after_kill(path: Path, before: PlainStore, after: PlainStore) -> PlainStore:
    """Open what is left: it is ``before`` or ``after`` the operation that was cut; say which."""
    with lw.open(path, costs=GRAPH_FIRST) as collection:
        assert collection.check() == []
        rows = list(collection.rows())
        ids = [row["id"] for row in rows]
        assert len(ids) == len(set(ids)) == len(collection), "a row is there twice"
        model = before if _same(rows, before) else after
        assert ids == list(model.rows), "rows are missing, or came back, or are half written"
        for row in rows:
            model.must_hold(row)
        for query in np.random.default_rng(len(ids)).standard_normal((3, DIM)):
            for exact in (True, False):
                found = collection.search(query, 10, exact=exact)
                model.answer(query).must_be(found, 10, exact=exact)
        # It can be written to at once: the lock of the dead process is not in the way.
        assert collection.upsert([{"id": "probe", "vector": np.ones(DIM), "op": -1}]) == ["probe"]
        assert collection.delete("probe") == 1
    return model


def _same(rows: list, model: PlainStore) -> bool:
    return [(row["id"], row["op"]) for row in rows] == [
        (row["id"], row["op"]) for row in model.rows.values()
    ]


def killed_again_and_again(
    path: Path, kills: int, seed: int, kinds: tuple[str, ...], moment: str | None
) -> None:
    """Kill ``kills`` writers, each of which goes on where the one before was."""
    chance = random.Random(seed)
    model = PlainStore({"dense": "euclidean"})
    first = {"id": "first", "vector": np.ones(DIM), "op": 10**9}
    with lw.create(path, dim=DIM, metric="euclidean", costs=GRAPH_FIRST) as collection:
        collection.add([first])
    model.upsert([first])
    number, acknowledged = 0, 0
    for kill in range(kills):
        victim = Victim(path, seed + kill, number, kinds)
        if moment is None:  # killed before it did anything, it would prove nothing
            victim.wait_for("done")
        else:
            victim.wait_for("begin", moment)
        time.sleep(chance.uniform(0, 0.03) if moment else chance.uniform(0, 0.4))
        victim.kill()
        done = victim.done()
        assert done == list(range(number, number + len(done)))
        acknowledged += len(done)
        for i in done:
            Operation(seed + kill, i, kinds).follow(model)
        number += len(done)
        after = copy.deepcopy(model)
        Operation(seed + kill, number, kinds).follow(after)
        model = sound_after_kill(path, model, after)
        number += 1
    fewest = 1 if moment else kills
    assert acknowledged >= fewest, "the writers were killed before they did anything"


def test_killed_at_any_moment(tmp_path: Path) -> None:
    killed_again_and_again(tmp_path / "a.likewise", KILLS, 1, KINDS, None)


@pytest.mark.parametrize("moment", ["seal", "compact", "upsert"])
def test_killed_in_the_middle_of(moment: str, tmp_path: Path) -> None:
    kinds = ("upsert", "upsert", "delete", moment)
    killed_again_and_again(tmp_path / "a.likewise", max(3, KILLS // 5), 2, kinds, moment)
