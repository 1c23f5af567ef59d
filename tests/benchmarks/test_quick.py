"""Every benchmark runs in its quick form, without the peers, and measures something."""

import pytest

from benchmarks.protocol import Progress, Setting
from benchmarks.registry import BENCHMARKS
from benchmarks.workspace import Workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("benchmarks"))


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_quick_form_runs(name, workspace):
    lines = []
    setting = Setting(True, workspace, peers=False, progress=Progress(lines.append))
    outcome = BENCHMARKS[name].run(setting)
    assert outcome.notes
    for figure in outcome.figures:
        assert figure.ours is None or isinstance(figure.ours, float)
    assert any(figure.ours is not None for figure in outcome.figures) or outcome.tables
