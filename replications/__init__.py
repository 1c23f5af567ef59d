"""Replications: a published claim, our measurement, and the verdict, side by side.

``python -m replications NAME [--quick]`` runs one; ``python -m replications --all`` runs all
in full and writes ``REPLICATIONS.md``. A new member is one file with a `Replication` in it and
one line in ``registry.py``.
"""
