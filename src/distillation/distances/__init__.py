"""Distances between an adapted student feature and a teacher feature."""
