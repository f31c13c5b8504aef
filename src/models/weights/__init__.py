"""Weights that somebody else has trained: read from a file and matched with a network, or from the hub."""
