"""`Collection`: durable rows, vectors and derived caches in one directory."""

from likewise.store.collection import Collection
from likewise.store.comparing import Comparison
from likewise.store.evaluating import EvaluationReport, evaluate
from likewise.store.fields import BagField, GaussianField, SparseField
from likewise.store.judgements import read_qrels
from likewise.store.opening import create, open, restore
from likewise.store.reports import CompactReport, Finding, RecallReport, RepairReport
from likewise.store.runs import Run, read_run
from likewise.store.settings import VectorField

__all__ = [
    "BagField",
    "Collection",
    "CompactReport",
    "Comparison",
    "EvaluationReport",
    "Finding",
    "GaussianField",
    "RecallReport",
    "RepairReport",
    "Run",
    "SparseField",
    "VectorField",
    "create",
    "evaluate",
    "open",
    "read_qrels",
    "read_run",
    "restore",
]
