"""The k most similar: one protocol, many indexes, and the planner that chooses."""
