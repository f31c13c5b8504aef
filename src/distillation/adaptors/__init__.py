"""Adaptors: what maps a student feature onto a teacher feature; discarded after training."""
