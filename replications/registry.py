"""All replications by name; the command line and the report are read from here."""

from __future__ import annotations

from replications import (
    adanns,
    bm25_variants,
    cosine_adapter,
    cross_encoder_cur,
    depth_to_width,
    finite_width_density,
    gaussian_retrieval,
    graph_insertion_order,
    hedged_embeddings,
    hierarchical_cnn,
    hnsw_insertion_order,
    hybrid_fusion,
    index_families,
    infinite_width,
    multi_layer_features,
    muvera,
    ntk_small_data,
    pseudo_query,
    singular_limit,
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
        singular_limit.REPLICATION,
        hierarchical_cnn.REPLICATION,
        finite_width_density.REPLICATION,
        depth_to_width.REPLICATION,
        multi_layer_features.REPLICATION,
        infinite_width.REPLICATION,
        ntk_small_data.REPLICATION,
    )
}
