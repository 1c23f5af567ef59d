"""The pages say what is so: their Python runs, their tables are fresh, their links are good."""

from __future__ import annotations

import inspect
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

import likewise
from likewise import encode, explain, filters, index, metrics, results
from tests import markdown

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINKING = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
GENERATOR = runpy.run_path(str(ROOT / "docs" / "generate.py"))


def name_of(page: Path) -> str:
    return page.stem


@pytest.mark.parametrize("page", [p for p in PAGES if markdown.blocks(p)], ids=name_of)
def test_the_python_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    checked = markdown.run(page)
    assert checked or page.name == "README.md", "the page states no result that is checked"


@pytest.mark.parametrize("page", GENERATOR["pages"](), ids=name_of)
def test_generated_tables_are_fresh(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text == GENERATOR["render"](text), "run: python docs/generate.py"


def test_every_table_has_a_page() -> None:
    texts = [page.read_text(encoding="utf-8") for page in GENERATOR["pages"]()]
    found = {part for text in texts for part in re.findall(r"<!-- generated: (\w+) -->", text)}
    assert found == GENERATOR["PARTS"].keys()


@pytest.mark.parametrize("page", LINKING, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for link in markdown.links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), link


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub turns them to anchors."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_a_page_that_is_wrong_fails(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nx = 1\nx + 1  # -> 2\n```\n\n```python\nx  # -> ...\n```\n")
    assert markdown.run(page) == 2
    for wrong, words in [("1 + 1  # -> 3", "got 2"), ("1  # raises ValueError", "got None")]:
        page.write_text(f"```python\n{wrong}\n```\n")
        with pytest.raises(AssertionError, match=words):
            markdown.run(page)


# -- docstrings ---------------------------------------------------------------------


def public() -> dict[str, Any]:
    """Every public name of the package: functions, classes, and their own public methods."""
    found: dict[str, Any] = {}
    for module in (likewise, index, encode, explain, metrics, filters, results):
        names = getattr(module, "__all__", None) or [
            name for name, value in vars(module).items() if is_own(value, module.__name__)
        ]
        for name in names:
            value = getattr(module, name)
            if not name.startswith("_") and (inspect.isfunction(value) or inspect.isclass(value)):
                found[f"{value.__module__}.{value.__qualname__}"] = value
    for kind in [value for value in found.values() if inspect.isclass(value)]:
        found |= {
            f"{kind.__module__}.{kind.__qualname__}.{name}": value
            for name, value in vars(kind).items()
            if not name.startswith("_") and is_method(value) and not is_inherited(kind, name)
        }
    return found


def is_own(value: Any, module: str) -> bool:
    callable_ = inspect.isfunction(value) or inspect.isclass(value)
    return callable_ and value.__module__ == module and not value.__name__.startswith("_")


def is_method(value: Any) -> bool:
    return inspect.isfunction(value) or isinstance(value, classmethod)


def is_inherited(kind: type, name: str) -> bool:
    """Whether a base class says what the method does, and this one only does it."""
    own = inspect.getdoc(vars(kind)[name])
    return any(inspect.getdoc(vars(base).get(name)) == own for base in kind.__mro__[1:])


@pytest.mark.parametrize("name", public())
def test_every_public_name_has_an_example(name: str) -> None:
    text = inspect.getdoc(public()[name]) or ""
    assert ">>>" in text, f"{name}: its docstring has no example"
