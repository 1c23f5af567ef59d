"""Every benchmark runs in its quick form, without the peers, and measures something."""

import pytest

from benchmarks.protocol import Progress, Setting
from benchmarks.registry import BENCHMARKS
from benchmarks.report import Run, report
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
    assert lines or name in ("search_overhead", "cold_start", "memory")
    text = report([Run(name, "How?", outcome, 1.0)], quick=True)
    for figure in outcome.figures:
        assert figure.ours is None or isinstance(figure.ours, float)
        assert figure.what in text
    # Without peers there is nobody to stand beside in a filtered search: its table remains.
    assert any(figure.ours is not None for figure in outcome.figures) or outcome.tables
