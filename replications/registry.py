"""All replications by name; the command line and the report are read from here."""

from __future__ import annotations

from replications import hnsw_insertion_order
from replications.protocol import Replication

REPLICATIONS: dict[str, Replication] = {
    replication.name: replication for replication in (hnsw_insertion_order.REPLICATION,)
}
