from __future__ import annotations

import pytest

from replications.data import DataFolder
from replications.protocol import Setting
from replications.registry import REPLICATIONS

NAMES = (
    "singular_limit",
    "hierarchical_cnn",
    "finite_width_density",
    "depth_to_width",
    "multi_layer_features",
)


@pytest.mark.parametrize("name", NAMES)
def test_quick_form(name, tmp_path):
    replication = REPLICATIONS[name]
    outcome = replication.run(Setting(quick=True, data=DataFolder(tmp_path)))
    assert outcome.reason
    for table in outcome.tables:
        assert table.rows
        assert all(len(row) == len(table.header) for row in table.rows)
