"""Speed and recall, measured beside named peers in one run: ``python -m benchmarks``."""
