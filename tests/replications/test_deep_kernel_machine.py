"""Deep kernel machines: the quick form runs, and the verdict follows its rule."""

import pytest

from replications import deep_kernel_machine
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict


def test_the_quick_form_runs_without_data(tmp_path):
    setting = Setting(True, DataFolder(tmp_path / "none"), progress=Progress(lambda _: None))
    outcome = deep_kernel_machine.run(setting)
    assert outcome.verdict in set(Verdict)
    assert len(outcome.tables[0].rows) == 2


@pytest.mark.parametrize(
    ("planted", "real", "time", "verdict"),
    [
        (0.5, 0.5, 4.0, Verdict.REPRODUCED),
        (0.5, 1.5, 4.0, Verdict.PARTLY),
        (0.5, 0.5, 16.0, Verdict.PARTLY),
        (1.5, 0.5, 4.0, Verdict.NOT_REPRODUCED),
    ],
)
def test_the_verdict_follows_the_rule(planted, real, time, verdict):
    machines = deep_kernel_machine.MACHINES
    lines = [
        deep_kernel_machine.Line(
            "x",
            at == 0,
            dict.fromkeys(machines, 1.0) | {"DKM": error},
            dict.fromkeys(machines, 0.0) | {"DKM": 1 - error},
        )
        for at, error in enumerate((planted, real))
    ]
    assert deep_kernel_machine.judged(lines, {100: 1.0, 400: time}).verdict is verdict
