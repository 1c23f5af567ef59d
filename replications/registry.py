"""All replications by name; the command line and the report are read from here."""

from __future__ import annotations

from replications import (
    adanns,
    bm25_variants,
    cosine_adapter,
    cross_encoder_cur,
    data_distillation,
    deep_kernel_machine,
    gaussian_retrieval,
    graph_insertion_order,
    hedged_embeddings,
    hnsw_insertion_order,
    hybrid_fusion,
    index_families,
    muvera,
    pseudo_query,
    scale_mixture,
    self_distillation,
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
        muvera.REPLICATION,
        pseudo_query.REPLICATION,
        window_filters.REPLICATION,
        hybrid_fusion.REPLICATION,
        bm25_variants.REPLICATION,
        adanns.REPLICATION,
        gaussian_retrieval.REPLICATION,
        hedged_embeddings.REPLICATION,
        splade.REPLICATION,
        splade_pooling.REPLICATION,
        splade_distillation.REPLICATION,
        splade_efficient.REPLICATION,
        cosine_adapter.REPLICATION,
        cross_encoder_cur.REPLICATION,
        scale_mixture.REPLICATION,
        self_distillation.REPLICATION,
        data_distillation.REPLICATION,
        deep_kernel_machine.REPLICATION,
    )
}
