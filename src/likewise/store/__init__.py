"""`Collection`: durable rows, vectors and derived caches in one directory."""

from likewise.store.collection import Collection
from likewise.store.fields import BagField, GaussianField, SparseField
from likewise.store.opening import create, open, restore
from likewise.store.reports import CompactReport, Finding, RecallReport, RepairReport
from likewise.store.settings import VectorField

__all__ = [
    "BagField",
    "Collection",
    "CompactReport",
    "Finding",
    "GaussianField",
    "RecallReport",
    "RepairReport",
    "SparseField",
    "VectorField",
    "create",
    "open",
    "restore",
]
