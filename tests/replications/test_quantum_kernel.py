"""Quantum kernels: the quick form runs, the data are the paper's, the rule is kept."""

import numpy as np

from replications import quantum_kernel as study
from replications.data import DataFolder
from replications.protocol import Progress, Setting, Verdict

QUICK = Setting(True, DataFolder("none"), 0, Progress(lambda line: None))


def test_the_quick_form_runs():
    outcome = study.run(QUICK)
    classes, shots = outcome.tables
    assert [row[0] for row in classes.rows] == ["2 qubits, by the map"]
    assert 0.5 <= float(classes.rows[0][2]) <= 1
    errors = [float(row[1]) for row in shots.rows]
    assert errors == sorted(errors, reverse=True)


def test_data_of_the_map_are_balanced_and_the_same_by_seed():
    one, again = (study.by_the_map(2, 30, 4) for _ in range(2))
    assert np.array_equal(one.X, again.X)
    assert one.y.sum() == 15
    assert len(one.y) == 30


def test_parity():
    task = study.parity(50, 0)
    assert task.y[0] == sum(angle > np.pi for angle in task.X[0]) % 2


def line(quantum, rbf, least=0.0, name="2 qubits, by the map"):
    return study.Line(name, 2, quantum, rbf, least)


def test_the_rule():
    usual = [(100, 0.05, 0.05, 0.0)]
    assert study.judged([line(0.99, 0.9)], usual).verdict is Verdict.REPRODUCED
    assert study.judged([line(0.9, 0.8)], usual).verdict is Verdict.PARTLY
    assert study.judged([line(0.99, 0.98)], usual).verdict is Verdict.NOT_REPRODUCED
    assert study.judged([line(0.99, 0.9, -0.1)], usual).verdict is Verdict.NOT_REPRODUCED
    off = [(100, 0.09, 0.05, 0.0)]
    assert study.judged([line(0.99, 0.9)], off).verdict is Verdict.NOT_REPRODUCED
