"""Kernels with a formula of their own: radial, polynomial, and others long in use."""
