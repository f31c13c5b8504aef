"""A pinhole camera with square pixels whose field of view does not depend on the picture's size."""

from dataclasses import dataclass
from math import cos, sin

import numpy as np

NYUV2_FOCAL = 518.86 / 640  # focal length over picture width


@dataclass(frozen=True)
class Camera:
    """Position 3 (m, world), axes 3,3 (columns right, up, backward in the world), focal length in widths."""

    position: np.ndarray
    axes: np.ndarray
    focal: float

    def rays(self, size: tuple[int, int]) -> np.ndarray:
        """World directions H*W,3 through the pixel centres, scaled so that a ray's parameter is z-depth."""
        height, width = size
        scale = 1 / (self.focal * width)
        x = ((np.arange(width) + 0.5 - width / 2) * scale).astype(np.float32)
        y = ((height / 2 - np.arange(height) - 0.5) * scale).astype(np.float32)
        right, up, back = self.axes.T
        return (y[:, None, None] * up + (x[:, None] * right - back)).reshape(-1, 3)

    def to_camera(self, vectors: np.ndarray) -> np.ndarray:
        """World directions ...,3 in the camera's frame: x right, y up, z towards the camera."""
        x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
        return np.stack([x * axis[0] + y * axis[1] + z * axis[2] for axis in self.axes.T], -1)


def look(position: tuple[float, float, float], yaw: float, pitch: float, roll: float, focal: float) -> Camera:
    """Camera at ``position`` facing +y turned left by ``yaw``, up by ``pitch``, clockwise by ``roll`` (rad)."""
    forward = np.array([-sin(yaw) * cos(pitch), cos(yaw) * cos(pitch), sin(pitch)])
    level = np.array([cos(yaw), sin(yaw), 0.0])
    upright = np.cross(level, forward)
    right = cos(roll) * level - sin(roll) * upright
    axes = np.stack([right, np.cross(right, forward), -forward], 1)
    return Camera(np.array(position, np.float32), axes.astype(np.float32), focal)
