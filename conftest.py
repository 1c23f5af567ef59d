"""Examples in docstrings run in a folder of their own, so that they may write files."""

import pytest


@pytest.fixture(autouse=True)
def _examples_in_a_folder_of_their_own(request: pytest.FixtureRequest) -> None:
    if isinstance(request.node, pytest.DoctestItem):
        folder = request.getfixturevalue("tmp_path")
        request.getfixturevalue("monkeypatch").chdir(folder)
