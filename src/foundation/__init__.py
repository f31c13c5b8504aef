"""Foundations of all other packages: user errors, atomic files, registries, validation, hardware and processes."""
