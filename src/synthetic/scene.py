"""What there is to draw, apart from the camera."""

from dataclasses import dataclass

import numpy as np

from src.synthetic.geometry import Shape


@dataclass(frozen=True)
class Light:
    """A point that shines with ``power`` (linear RGB at 1 m); ``facing`` narrows it to a half-space, as a window;
    one that is ``even`` shines everywhere as if from 1 m, as the sun."""

    position: np.ndarray
    power: np.ndarray
    facing: np.ndarray | None = None
    even: bool = False


@dataclass(frozen=True)
class Film:
    """How radiance becomes 8 bits: mean ``level`` after exposure, channel ``balance`` 3, ``vignette``,
    ``electrons`` at white (shot noise), ``read`` noise, ``gamma``."""

    level: float
    balance: np.ndarray
    vignette: float
    electrons: float
    read: float
    gamma: float


@dataclass(frozen=True)
class Scene:
    """Solids, of which the planes close the view; lights, of which the first casts shadows; ambient RGB 3."""

    shapes: list[Shape]
    lights: list[Light]
    ambient: np.ndarray
    film: Film
    seed: int
