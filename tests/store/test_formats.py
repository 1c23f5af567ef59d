"""Collections of every format that was ever released open, whole, and can be written to."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import likewise as lw
from likewise.store.schema import FORMAT
from likewise.testing.plain_values import same_values
from tests.store.formats.make import FIELDS, HERE, OTHERS, others, rows

FORMATS = sorted(HERE.glob("format-*"))


def test_the_newest_format_is_kept() -> None:
    assert HERE / f"format-{FORMAT}" in FORMATS, "run python -m tests.store.formats.make"


@pytest.mark.parametrize("kept", FORMATS, ids=lambda path: path.name)
@pytest.mark.parametrize("cache", [True, False], ids=["with its cache", "without a cache"])
def test_an_old_collection_is_whole(kept: Path, cache: bool, tmp_path: Path) -> None:
    path = tmp_path / "old"
    shutil.copytree(kept, path)
    if not cache:
        shutil.rmtree(path / "cache")
        with lw.open(path) as collection, pytest.warns(lw.CacheWarning, match="missing"):
            collection.repair()
    with lw.open(path) as collection:
        assert collection.check() == []
        number = int(kept.name.removeprefix("format-"))
        fields = {**FIELDS, **(OTHERS if number > 1 else {})}
        assert collection.info()["format"] == number
        wanted = {row["id"]: row for row in rows(number)}
        found = {row["id"]: row for row in collection.get(list(wanted))}
        assert list(found) == list(wanted)
        for id_, row in wanted.items():
            for name, vector in row.pop("vectors").items():
                value = found[id_]["vectors"][name]
                if name in OTHERS:
                    assert same_values(OTHERS[name], value, vector)
                else:
                    np.testing.assert_array_equal(value, np.float32(vector))
            assert {key: found[id_][key] for key in row} == row
        assert collection.count("year between 2000 and 2045 and author.name = 'Ada 1'") == 16
        for name in fields:
            assert collection.search({"id": 7}, k=70, using=name).info.matching == 59
        for _ in range(2):  # from the texts, then from what was kept of them
            found = collection.search("texts with an ä", using="lexical", k=70)
            assert set(found.ids) == {id_ for id_, row in wanted.items() if "text" in row}
            collection.index_text()
        new = {"plain": [0, 0, 0], "turned": [1, 0, 0, 0], **(others(3) if number > 1 else {})}
        collection.add([{"id": "new", "vectors": new}])
        collection.compact()
        assert len(collection) == 61
        assert collection.check() == []
