"""Decisions of a collection: what its rows say of a label, of each other, and what to ask."""
