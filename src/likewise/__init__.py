"""Likewise: search that learns."""

__version__ = "0.1.0"
