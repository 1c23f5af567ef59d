"""Classifiers from running sums: means, variances and covariances of classes, without rounding."""
