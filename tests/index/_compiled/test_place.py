"""Where compiled kernels go, under which name, and what happens where nothing can be written."""

from __future__ import annotations

import os
import platform
import stat
import tempfile
from pathlib import Path

import pytest

from likewise.index._compiled import marker, place
from likewise.index._compiled.place import Place, find_place, fingerprint, user_folder, writable
from tests.index._compiled.conftest import Kernels

NAME = "kernels-0123456789abcdef"
needs_posix = pytest.mark.skipif(platform.system() == "Darwin", reason="another custom there")


@pytest.fixture
def spare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder."""
    folder = tmp_path / "spare"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def blocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder that nobody can make, not even root: a file is in the way."""
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path / "file" / "cache"))
    return tmp_path / "file" / "cache"


# -- the user's folder ---------------------------------------------------------------


@needs_posix
def test_the_custom_of_the_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LIKEWISE_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert user_folder() == tmp_path / "xdg" / "likewise"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/to/be/ignored")
    assert user_folder() == tmp_path / ".cache" / "likewise"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert user_folder() == tmp_path / ".cache" / "likewise"
    monkeypatch.setenv("LIKEWISE_CACHE", "~/mine")
    assert user_folder() == tmp_path / "mine"


@needs_posix
def test_without_home(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CACHE_HOME", "LIKEWISE_CACHE"):
        monkeypatch.delenv(name, raising=False)
    assert user_folder().is_absolute()

    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    assert user_folder() == Path("/.cache/likewise")


# -- what can be written -------------------------------------------------------------


def test_a_missing_folder_is_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path / "a" / "b"))
    wanted = tmp_path / "a" / "b" / NAME
    assert find_place(NAME) == Place(wanted, wanted)
    assert wanted.is_dir()
    assert list(wanted.iterdir()) == []
    assert find_place(NAME).problem == ""


def test_one_that_cannot_be_made(blocked: Path, spare: Path) -> None:
    found = find_place(NAME)
    assert found.folder is not None
    assert found.folder.parent.parent == spare
    assert stat.S_IMODE(found.folder.parent.stat().st_mode) == 0o700
    assert found.wanted == blocked / NAME
    assert str(blocked) in found.problem
    assert "LIKEWISE_CACHE" in found.problem
    assert f"kept in {found.folder} instead" in found.problem


def test_no_folder_at_all(blocked: Path, spare: Path) -> None:
    spare.rmdir()
    found = find_place(NAME)
    assert found == Place(None, blocked / NAME)
    assert "are not kept" in found.problem


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no owners here")
def test_a_temporary_folder_that_others_may_write_is_not_trusted(
    blocked: Path, spare: Path
) -> None:
    folder = spare / f"likewise-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    assert find_place(NAME).folder is None
    folder.rmdir()
    folder.symlink_to(spare.parent)
    assert find_place(NAME).folder is None


def test_a_complete_folder_that_is_read_only_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, spare: Path
) -> None:
    wanted = tmp_path / "image" / NAME
    wanted.mkdir(parents=True)
    (wanted / "squares.1.nbc").write_bytes(b"code")
    marker.write_note(wanted, 40.0)
    monkeypatch.setenv("LIKEWISE_CACHE", str(wanted.parent))
    # Permissions do not bind root, as whom tests may run.
    monkeypatch.setattr(place, "writable", lambda f: f != wanted and writable(f))
    for _ in range(2):
        folder = find_place(NAME).folder
        assert folder is not None
        assert folder.parent.parent == spare
        assert marker.is_complete(folder)
        assert (folder / "squares.1.nbc").read_bytes() == b"code"
        assert [entry.name for entry in folder.parent.iterdir()] == [NAME]


# -- the name ------------------------------------------------------------------------


def test_the_name_changes_with_every_source(kernels: Kernels) -> None:
    names = [fingerprint(kernels.name)]
    kernels.write("base", "# numba would not see this change in a function that others call\n")
    names.append(fingerprint(kernels.name))
    kernels.write("more", "")
    names.append(fingerprint(kernels.name))
    assert len(set(names)) == 3
    cached = kernels.folder / kernels.name / "__pycache__"
    cached.mkdir(exist_ok=True)
    (cached / "base.py").write_text("no source")
    assert fingerprint(kernels.name) == names[2]


def test_the_name_changes_with_the_instruction_set(
    kernels: Kernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = set()
    for name in ("avx2", "plain"):
        monkeypatch.setattr(place, "instruction_set", lambda name=name: name)
        names.add(fingerprint(kernels.name))
    assert len(names) == 2


def test_the_name_changes_with_numbas_settings(
    kernels: Kernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fingerprint(kernels.name)
    monkeypatch.setenv("NUMBA_CACHE_DIR", "elsewhere")
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    assert fingerprint(kernels.name) == before
    monkeypatch.setenv("NUMBA_OPT", "1")
    assert fingerprint(kernels.name) != before


@pytest.mark.parametrize("library", ["numba", "llvmlite", "numpy"])
def test_the_name_changes_with_versions(
    kernels: Kernels, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    before, version = fingerprint(kernels.name), place.metadata.version
    changed = lambda name: "99.0" if name == library else version(name)  # noqa: E731
    monkeypatch.setattr(place.metadata, "version", changed)
    assert fingerprint(kernels.name) != before
