"""Surface normals from a depth map."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.ndimage import uniform_filter

# shares of the width that windows reach to each side, wide ones first
REACHES = (0.03, 0.0125)
# inverse depth (1/m) between two disparities of the first Kinect: the resolution of NYUv2's depth
KINECT_STEP = 0.0028


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera: focal lengths and principal point in pixels, at an image of ``height`` x ``width``."""

    fx: float
    fy: float
    cx: float
    cy: float
    height: int
    width: int

    def rays(self, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Return x / z of every column (1, W) and y / z of every row (H, 1), y down, after scaling the image."""
        x = ((np.arange(width) + 0.5) * self.width / width - 0.5 - self.cx) / self.fx
        y = ((np.arange(height) + 0.5) * self.height / height - 0.5 - self.cy) / self.fy
        return x[None, :], y[:, None]


# the colour camera of NYUv2, from the toolbox of Silberman et al.; the principal point is 1-based there
NYUV2_CAMERA = Intrinsics(518.857901, 519.469611, 325.582449 - 1, 253.736166 - 1, 480, 640)


def normals_from_depth(depth: np.ndarray, camera: Intrinsics = NYUV2_CAMERA, step: float = 0.0) -> np.ndarray:
    """Fit a plane around every pixel of a depth map (H, W), metres along z, 0 = invalid.

    On a plane 1 / z = a x/z + b y/z + c, so a linear least-squares fit of inverse depth over a window gives the
    normal (-a, b, c), scaled to unit length. Of the windows that hold a pixel (of two sizes; centred on it, or with
    it on an edge or corner) the first whose plane describes window and pixel to within the resolution of depth is
    used, otherwise the one that describes them best. So no window that crosses a depth edge is used (the choice of
    Nagao and Matsuyama's edge-preserving smoothing, 1979), and planes are averaged over wide windows.

    Args:
        depth: the depth map.
        camera: the camera that it comes from.
        step: difference between two stored depths (m), where they were rounded more coarsely than the sensor does.

    Returns:
        float32 (H, W, 3): x right, y up, z towards the camera; 0, 0, 0 where depth is invalid or no plane fits.
    """
    valid = np.isfinite(depth) & (depth > 0)
    inverse = np.divide(1.0, depth, out=np.zeros(depth.shape), where=valid)
    x, y = camera.rays(*depth.shape)
    floor = (0.5 * (KINECT_STEP + step * inverse**2)) ** 2
    best, least = np.full((3, *depth.shape), np.nan), np.full(depth.shape, np.inf)
    for reach in (max(1, round(depth.shape[1] * share)) for share in REACHES):
        plane, spread = _fit(inverse, x, y, valid.astype(np.float64), reach)
        for rows, columns in _windows(depth.shape, reach):
            a, b, c = moved = plane[:, rows, columns]
            misfit = spread[rows, columns] + (inverse - a * x - b * y - c) ** 2
            cost = np.maximum(np.where(np.isfinite(misfit), misfit, np.inf), floor)
            better = cost < least
            best, least = np.where(better, moved, best), np.where(better, cost, least)
    normal = np.stack([-best[0], best[1], best[2]], axis=-1)
    length = np.linalg.norm(normal, axis=-1, keepdims=True)
    good = valid[..., None] & np.isfinite(length) & (length > 0)
    return np.divide(normal, length, out=np.zeros(normal.shape), where=good).astype(np.float32)


def _windows(shape: tuple[int, ...], reach: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield rows (H, 1) and columns (1, W) of the centres of nine windows that hold a pixel, its own first."""
    for dy, dx in sorted(product((-reach, 0, reach), repeat=2), key=lambda move: abs(move[0]) + abs(move[1])):
        rows = np.clip(np.arange(shape[0]) + dy, 0, shape[0] - 1)[:, None]
        yield rows, np.clip(np.arange(shape[1]) + dx, 0, shape[1] - 1)[None, :]


def _fit(q: np.ndarray, x: np.ndarray, y: np.ndarray, weight: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Fit q = a x + b y + c in the window around every pixel: (3, H, W) and the mean squared residual (H, W)."""

    def mean(value: np.ndarray) -> np.ndarray:
        return uniform_filter(value * weight, 2 * reach + 1, mode="constant")

    share = mean(np.ones_like(q))
    with np.errstate(divide="ignore", invalid="ignore"):
        mx, my, mq = (mean(value) / share for value in (np.broadcast_to(x, q.shape), np.broadcast_to(y, q.shape), q))
        xx, yy, xy = mean(x * x) / share - mx * mx, mean(y * y) / share - my * my, mean(x * y) / share - mx * my
        qx, qy, qq = mean(q * x) / share - mq * mx, mean(q * y) / share - mq * my, mean(q * q) / share - mq * mq
        determinant = xx * yy - xy * xy
        a = (qx * yy - qy * xy) / determinant
        b = (qy * xx - qx * xy) / determinant
    # fewer pixels than this can lie on one line, or on an island of noise
    usable = (share > 0.15) & (determinant > 1e-3 * (xx + yy) ** 2)
    spread = np.where(usable, np.maximum(qq - a * qx - b * qy, 0), np.inf)
    return np.where(usable, np.stack([a, b, mq - a * mx - b * my]), np.nan), spread
