"""Kernels and likenesses of other things than vectors: sets, texts, distributions."""
