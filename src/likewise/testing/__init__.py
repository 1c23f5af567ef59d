"""Conformance classes: a new member supplies itself and inherits every test.

They need pytest, and are for test suites only.
"""
