"""From radiance to 8 bits: exposure, colour balance, vignette, sensor noise, gamma."""

import numpy as np

from src.synthetic.scene import Film


def develop(radiance: np.ndarray, film: Film, rng: np.random.Generator) -> np.ndarray:
    """Linear radiance H,W,3 to uint8 H,W,3."""
    height, width = radiance.shape[:2]
    grey = (radiance[..., 0] + radiance[..., 1] + radiance[..., 2]) / 3
    # bright windows must not decide the exposure, so the mean is taken of clipped values
    middle = np.median(grey)
    exposure = film.level / max(float(np.minimum(grey, 4 * middle).mean()), 1e-4)
    y = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height - 0.5
    x = (np.arange(width, dtype=np.float32) + 0.5) / width - 0.5
    falloff = 1 - np.float32(film.vignette) * (x * x + y * y)
    signal = radiance * falloff[..., None] * (film.balance * exposure).astype(np.float32)
    noise = rng.standard_normal(radiance.shape, np.float32)
    signal += noise * np.sqrt(np.minimum(signal, 1) / np.float32(film.electrons) + np.float32(film.read**2))
    encoded = np.clip(signal, 0, 1) ** np.float32(1 / film.gamma)
    return (encoded * 255 + np.float32(0.5)).astype(np.uint8)
