"""Conformance classes: a new member supplies itself and inherits every check."""
