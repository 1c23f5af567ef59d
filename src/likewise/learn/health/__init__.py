"""Data health: wrong labels, copies, ambiguous and rare rows, leakage, values, separability.

Each check is a function on arrays of neighbours, in a file of its own; `audit` runs them all on
one search, and `checks.CHECKS` lists them.
"""
