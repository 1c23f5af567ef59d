"""Fields whose value in a row is not one dense vector: terms, bags of vectors, Gaussians.

`FIELDS` is a plain dict from kind to class: a new kind is one small file and one line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from likewise.store.fields.bag import BagField
from likewise.store.fields.base import Field
from likewise.store.fields.gaussian import GaussianField
from likewise.store.fields.sparse import SparseEncoder, SparseField

FIELDS: dict[str, type[Field]] = {
    field.kind: field for field in (SparseField, BagField, GaussianField)
}


def field_of(entry: Mapping[str, Any]) -> Field:
    """The field that `Field.to_dict` described."""
    return FIELDS[entry["kind"]](**{key: entry[key] for key in entry if key != "kind"})


__all__ = [
    "FIELDS",
    "BagField",
    "Field",
    "GaussianField",
    "SparseEncoder",
    "SparseField",
    "field_of",
]
