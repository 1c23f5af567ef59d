"""All replications by name; the command line and the report are read from here."""

from __future__ import annotations

from replications import (
    graph_insertion_order,
    hnsw_insertion_order,
    index_families,
    splade,
    splade_distillation,
    splade_efficient,
    splade_pooling,
    window_filters,
)
from replications.protocol import Replication

REPLICATIONS: dict[str, Replication] = {
    replication.name: replication
    for replication in (
        hnsw_insertion_order.REPLICATION,
        graph_insertion_order.REPLICATION,
        index_families.REPLICATION,
        window_filters.REPLICATION,
        splade.REPLICATION,
        splade_pooling.REPLICATION,
        splade_distillation.REPLICATION,
        splade_efficient.REPLICATION,
    )
}
