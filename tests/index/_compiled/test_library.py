"""Kernels are compiled once a machine and loaded once a process, whatever the disk does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likewise.errors import CacheWarning, InvalidArgument
from likewise.index._compiled import announce, library, marker, place
from likewise.index._compiled.jit import kernel
from likewise.index._compiled.library import Library
from tests.index._compiled.conftest import PATIENT, TOTALS, Kernels

USE = "import numpy as np; total = library.kernels().totals.squares(np.array([3.0, 4.0]))\n"
WARM = "report = library.warm(); print(report.compiled)\n" + USE + "assert total == 25.0"


def folder_of(kernels: Kernels) -> Path:
    (found,) = (kernels.folder / "cache").glob("kernels-*")
    return found


def test_compiled_once_a_machine(kernels: Kernels) -> None:
    assert kernels.run("print(library.cached(), library.ready)") == "False False"
    assert kernels.run(WARM) == "3"
    assert kernels.run("print(library.cached(), library.ready)") == "True False"
    assert kernels.run(WARM) == "0"
    assert marker.read_note(folder_of(kernels))["seconds"] > 0


def test_a_changed_source_is_compiled_anew(kernels: Kernels) -> None:
    kernels.run(WARM)
    kernels.write(
        "base",
        "from likewise.index._compiled.jit import kernel\n"
        '@kernel(inline="always")\ndef square(number):\n    return number * number + 1\n',
    )
    assert kernels.run("print(library.cached())\n" + USE + "print(total)") == "False\n27.0"


def test_the_instruction_set_has_its_own_folder(kernels: Kernels) -> None:
    kernels.run(WARM)
    plain = kernels.run("print(library.warm().instructions, library.cached())")
    other = kernels.run(
        "print(library.cached(), library.warm().instructions)", LIKEWISE_KERNELS="plain"
    )
    # Where the processor has nothing better, plain is what was compiled before.
    assert other == ("True plain" if plain == "plain True" else "False plain")


def test_two_processes_at_once(kernels: Kernels) -> None:
    processes = [kernels.start(PATIENT + WARM) for _ in range(3)]
    results = [process.communicate(timeout=120) for process in processes]
    assert [err for _, err in results] == [""] * 3
    assert sorted(out.strip() for out, _ in results) == ["0", "0", "3"], "one compiled for all"
    assert kernels.run(WARM) == "0"


def test_a_folder_that_cannot_be_written(kernels: Kernels) -> None:
    (kernels.folder / "file").write_bytes(b"")
    blocked = {"LIKEWISE_CACHE": str(kernels.folder / "file" / "cache")}
    told = "import warnings; warnings.simplefilter('always')\n" + USE + "print(total)"
    out, err, code = kernels.outcome(told, **blocked)
    assert (out, code) == ("25.0\n", 0)
    assert "CacheWarning: compiled kernels cannot be kept in" in err
    assert kernels.run("print(library.warm().compiled)", **blocked) == "0", "not in the spare"
    nowhere = {**blocked, "TMPDIR": str(kernels.folder / "missing")}
    program = (
        "import tempfile; tempfile.tempdir = '/dev/null'\n"
        "report = library.warm()\n"
        "print(report.folder, report.compiled, 'not kept' in report.problem)"
    )
    for _ in range(2):
        assert kernels.run(program, **nowhere) == "None 3 True"


def test_home_is_unset(kernels: Kernels) -> None:
    del kernels.environment["LIKEWISE_CACHE"]
    xdg = {"XDG_CACHE_HOME": str(kernels.folder / "xdg")}
    assert kernels.run("print(library.warm().folder)", **xdg).startswith(str(kernels.folder))
    homeless = "import pathlib\ndef home():\n    raise RuntimeError\npathlib.Path.home = home\n"
    program = homeless + "print(bool(library.kernels(quiet=True).totals))"
    no_root = "from likewise.index._compiled import place\nold = place.writable\n"
    no_root += "place.writable = lambda f: not str(f).startswith('/.cache') and old(f)\n"
    assert kernels.run(no_root + program) == "True"


@pytest.mark.parametrize("harm", ["junk", "gone", "cut", "unnoted", "index"])
def test_damaged_files_are_compiled_again(kernels: Kernels, harm: str) -> None:
    kernels.run(WARM)
    code = sorted(folder_of(kernels).rglob("*.squares*.nbc"))[0]
    if harm == "junk":  # of the same size, so that the note still seems true
        code.write_bytes(b"\xff" * code.stat().st_size)
    elif harm == "gone":
        code.unlink()
    elif harm in ("cut", "unnoted"):
        code.write_bytes(code.read_bytes()[:100])
        if harm == "unnoted":  # as after a loss of power
            marker.remove_note(folder_of(kernels))
    else:
        index = next(folder_of(kernels).rglob("*.largest*.nbi"))
        index.write_bytes(b"\x00" * index.stat().st_size)
    quietly = USE.replace("kernels()", "kernels(quiet=True)")  # a busy machine takes its time
    kernels.run(quietly + "assert total == 25.0")
    kernels.run(quietly + "assert total == 25.0")
    assert kernels.run(WARM) == "0", "it stayed damaged"


def test_an_interruption_keeps_what_was_done(kernels: Kernels) -> None:
    interrupted = (
        "def progress(done, total):\n"
        "    print(done, total)\n"
        "    if done == 2: raise KeyboardInterrupt\n"
        "try:\n    library.warm(progress)\n"
        "except KeyboardInterrupt:\n    print('interrupted', library.ready, library.cached())"
    )
    assert kernels.run(interrupted).splitlines() == ["0 3", "1 3", "2 3", "interrupted False False"]
    assert kernels.run(WARM) == "1"


def test_an_error_in_a_kernel_is_told(kernels: Kernels) -> None:
    kernels.write("totals", TOTALS.replace("total = 0.0", "total = unknown_name"))
    _, err, code = kernels.outcome(USE)
    assert code == 1
    assert "unknown_name" in err


# -- in this process -----------------------------------------------------------------


def test_loaded_once(kernels: Kernels) -> None:
    steps: list[tuple[int, int]] = []
    mine = Library(kernels.name, kernels.modules)
    assert not mine.ready
    loaded = mine.kernels(lambda done, total: steps.append((done, total)))
    assert mine.ready
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert mine.kernels() is loaded
    assert loaded.totals.largest(np.array([1, 5, 2], dtype=np.float32)) == 5.0
    assert mine.warm().compiled == 0


def test_unforeseen_types_are_reported_and_not_kept(kernels: Kernels) -> None:
    mine = Library(kernels.name, kernels.modules)
    totals = mine.kernels().totals
    assert mine.late() == []
    files = sorted(folder_of(kernels).rglob("*.nb*"))
    assert totals.squares(np.array([3, 4])) == 25
    assert mine.late() == ["squares"]
    assert sorted(folder_of(kernels).rglob("*.nb*")) == files
    assert marker.is_complete(folder_of(kernels))


def test_numbas_own_setting_is_left_alone(kernels: Kernels) -> None:
    import numba

    before = numba.config.CACHE_DIR
    Library(kernels.name, kernels.modules).kernels()
    assert before == numba.config.CACHE_DIR
    assert not list((kernels.folder / kernels.name).rglob("*.nbi")), "kept beside the sources"


def test_parallel_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="in_threads"):
        kernel(parallel=True)


def test_a_lock_that_nobody_gives_back(kernels: Kernels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "PATIENCE_SECONDS", 0.1)
    mine = Library(kernels.name, kernels.modules)
    folder = place.place_of(kernels.name).folder
    assert folder is not None
    with marker.locked(folder, timeout=0) as held:
        assert held
        assert mine.warm().compiled == 3
    assert not list(folder.rglob("*.nb*")), "written without the lock"
    assert not mine.cached()


def test_long_work_says_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announce, "MOMENT_SECONDS", 0.0)
    monkeypatch.setattr(announce, "AGAIN_SECONDS", 0.0)
    for quiet in (True, False):
        announcer = announce.Announcer(quiet=quiet)
        for done in range(3):
            announcer.compiling(done, 50)
    told = capsys.readouterr().err.splitlines()
    assert told == [
        announce.COMPILING,
        *(f"likewise: {i} of 50 search kernels are there" for i in (1, 2)),
    ]


def test_long_work_is_announced_once(
    kernels: Kernels, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(announce, "MOMENT_SECONDS", 0.0)
    Library(kernels.name, kernels.modules).kernels()
    assert capsys.readouterr().err == announce.COMPILING + "\n"
    assert "likewise warm" in announce.COMPILING


def test_short_work_and_quiet_work_are_not(
    kernels: Kernels, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(announce, "MOMENT_SECONDS", 3600.0)
    Library(kernels.name, kernels.modules).kernels()
    monkeypatch.setattr(announce, "MOMENT_SECONDS", 0.0)
    announce.Announcer(quiet=True).waiting()
    assert capsys.readouterr().err == ""
    announce.Announcer(quiet=False).waiting()
    assert "another process" in capsys.readouterr().err


def test_what_cannot_be_kept_is_a_warning(
    kernels: Kernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = place.Place(None, kernels.folder / "wanted" / "kernels-0")
    monkeypatch.setattr(library, "place_of", lambda package: elsewhere)
    with pytest.warns(CacheWarning, match="LIKEWISE_CACHE"):
        Library(kernels.name, kernels.modules).kernels()
