"""All replications by name; the command line and the report are read from here."""

from __future__ import annotations

from replications import (
    cosine_adapter,
    cross_encoder_cur,
    graph_insertion_order,
    hnsw_insertion_order,
    index_families,
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
        cosine_adapter.REPLICATION,
        cross_encoder_cur.REPLICATION,
    )
}
