"""`Collection`: durable rows, vectors and derived caches in one directory."""

from likewise.store.collection import Collection
from likewise.store.opening import create, open, restore
from likewise.store.reports import CompactReport, Finding, RecallReport, RepairReport
from likewise.store.settings import VectorField

__all__ = [
    "Collection",
    "CompactReport",
    "Finding",
    "RecallReport",
    "RepairReport",
    "VectorField",
    "create",
    "open",
    "restore",
]
