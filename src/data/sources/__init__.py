"""Sources: what `prepare` can read."""
