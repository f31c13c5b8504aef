"""Frozen teachers, adaptors and the distances that align a student with its teachers."""
