"""Outliers and out-of-distribution rows: detectors, and p-values of their scores.

Scores are higher for what is more normal, as in scikit-learn. Each score is a function on arrays
of neighbours or vectors; the detector of the same file wraps it.
"""
