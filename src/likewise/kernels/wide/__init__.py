"""Kernels of networks of infinite width, and the activations they are made of."""
