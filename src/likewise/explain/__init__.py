"""Diagnostics and attribution: why, where, how sure."""

from likewise.explain.intrinsic_dimension import (
    dimension_from_distances,
    local_intrinsic_dimension,
)

__all__ = ["dimension_from_distances", "local_intrinsic_dimension"]
