"""The pieces of `likewise.filters`: one tree, its three spellings, read and written."""
