"""Rotations that spread variance evenly over channels."""

import numpy as np
from scipy.linalg import hadamard


def equalising(eigenvalues: np.ndarray) -> np.ndarray:
    """Build an orthogonal H (C, C) for which H diag(eigenvalues) H^T has an even diagonal.

    That is Hadamard's matrix / sqrt(C), or, where C is no power of two, the C - 1 rotations that prove the theorem of
    Schur and Horn: each turns the largest and the smallest entry left so that one of them becomes the mean.
    """
    size = len(eigenvalues)
    if size & (size - 1) == 0:
        return hadamard(size, dtype=np.float64) / np.sqrt(size)
    rotation, diagonal, left = np.eye(size), eigenvalues.astype(np.float64), np.ones(size, dtype=bool)
    mean = diagonal.mean()
    for _ in range(size - 1):
        low = np.where(left, diagonal, np.inf).argmin()
        high = np.where(left, diagonal, -np.inf).argmax()
        span = diagonal[high] - diagonal[low]
        if span <= 0:
            break
        share = np.clip((mean - diagonal[low]) / span, 0, 1)
        cos, sin = np.sqrt(1 - share), np.sqrt(share)
        rotation[[low, high]] = np.array([[cos, sin], [-sin, cos]]) @ rotation[[low, high]]
        diagonal[low], diagonal[high] = mean, diagonal[low] + diagonal[high] - mean
        left[low] = False
    return rotation
