"""What the project promises as a whole: versions agree, names exist, start-up is light."""

import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import likewise
from likewise import errors

ROOT = Path(__file__).resolve().parents[1]
HEAVY = (
    "faiss",
    "numba",
    "pandas",
    "pyarrow",
    "rich",
    "scipy",
    "sklearn",
    "tokenizers",
    "torch",
    "transformers",
    "typer",
)
ERRORS = [
    value
    for _, value in inspect.getmembers(errors, inspect.isclass)
    if issubclass(value, errors.LikewiseError)
]


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_versions_agree():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## \[(\d[^\]]*)\] - \d{4}-\d{2}-\d{2}$", changelog, re.MULTILINE)
    assert released[0] == project()["version"] == likewise.__version__


def test_the_lock_pins_every_dependency():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").lower().replace("_", "-")
    pinned = set(re.findall(r"^([a-z0-9.-]+)==", lock, re.MULTILINE))
    extras = project()["optional-dependencies"]
    wanted = [*project()["dependencies"], *(r for e in extras if e != "bench" for r in extras[e])]
    assert {re.match(r"[A-Za-z0-9.-]+", line)[0].lower() for line in wanted} <= pinned
    assert "torch==2.13.0\n" in lock


def test_importing_likewise_imports_nothing_heavy():
    program = (
        "import sys, likewise; likewise.__dir__(); likewise.errors; likewise.Results;"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT / "src")},
    )
    assert found.stdout.split() == []


@pytest.mark.parametrize("name", likewise.__all__)
def test_every_public_name_exists(name):
    assert getattr(likewise, name) is not None
    assert name in dir(likewise)


def test_public_names_are_those_of_their_home():
    assert likewise.LikewiseError is errors.LikewiseError
    assert likewise.errors is errors


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'serach'"):
        likewise.serach  # noqa: B018


def test_error_codes_are_unique():
    codes = [error.__dict__.get("code") for error in ERRORS]
    assert len(set(codes)) == len(ERRORS)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_has_a_code_an_exit_status_and_a_docstring(error):
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", error.code)
    assert 1 <= error.exit_status <= 5
    assert error.__doc__
    assert str(error("what came")) == "what came"


def test_the_package_is_marked_as_typed():
    assert (ROOT / "src" / "likewise" / "py.typed").is_file()
