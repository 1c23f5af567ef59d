"""Objects to vectors."""
