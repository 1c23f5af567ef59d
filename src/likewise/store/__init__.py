"""The database is the truth: durable rows, vectors and metadata, and caches derived from them."""
