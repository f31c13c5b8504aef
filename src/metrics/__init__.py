"""Metrics over a whole split, exact on any number of processes and for any batch size."""
