"""Adaptors: what maps a student feature onto a teacher feature; thrown away after training."""
