"""Outlines and colours that the cartoon faces are drawn with. Outlines are polygons, float M,2 (x, y).

Free of torch: ``toon_drawing`` must start at once.
"""

from __future__ import annotations

import colorsys
import math
from functools import cache

import numpy as np

Colour = tuple[int, int, int]
"""Red, green, blue: 0…255 each."""

_CIRCLE = np.stack([f(np.linspace(0, 2 * np.pi, 40, endpoint=False)) for f in (np.cos, np.sin)], 1)


def mix(one: Colour, other: Colour, part: float) -> Colour:
    """``one`` with a share ``part`` (0…1) of ``other``, rounded."""
    r, g, b = (round(a + (c - a) * part) for a, c in zip(one, other, strict=True))
    return r, g, b


def from_hsv(hue: float, saturation: float, value: float) -> Colour:
    """A colour from HSV; hue wraps around at 1."""
    r, g, b = (round(255 * c) for c in colorsys.hsv_to_rgb(hue % 1, saturation, value))
    return r, g, b


def ellipse(x: float, y: float, rx: float, ry: float) -> np.ndarray:
    """The outline of an ellipse: 40,2."""
    return _CIRCLE * (rx, ry) + (x, y)


def superellipse(x: float, y: float, rx: float, ry: float, power: float) -> np.ndarray:
    """The outline of a superellipse, 40,2: an ellipse at power 2, squarer above."""
    return np.sign(_CIRCLE) * np.abs(_CIRCLE) ** (2 / power) * (rx, ry) + (x, y)


@cache
def _bernstein(degree: int, n: int) -> np.ndarray:
    """The Bernstein polynomials of a degree at ``n`` even places in [0, 1]: n,degree+1."""
    t = np.linspace(0, 1, n)
    return np.stack([math.comb(degree, k) * t**k * (1 - t) ** (degree - k) for k in range(degree + 1)], 1)


def curve(*points: tuple[float, float], n: int = 12) -> np.ndarray:
    """A Bézier curve with two control points (a line), three or four: n,2."""
    return _bernstein(len(points) - 1, n) @ np.asarray(points, float)


def ribbon(path: np.ndarray, width: float, taper: float = 1.0, closed: bool = False) -> np.ndarray:
    """The outline of a stroke along ``path`` M,2; ``taper`` is the width of its ends relative to its middle.

    A ``closed`` path is one whose end joins its beginning: its stroke has the same width all along.
    """
    if closed:
        path = np.concatenate([path, path[:2]])
    along = np.empty_like(path)
    along[1:-1], along[0], along[-1] = path[2:] - path[:-2], path[1] - path[0], path[-1] - path[-2]
    length = np.sqrt(np.einsum("ij,ij->i", along, along)) + 1e-9
    half = width / 2 * (1 if closed else 1 - (1 - taper) * _parabola(len(path)))
    side = (along[:, ::-1] * (-1, 1)) * (half / length)[:, None]
    return np.concatenate([path + side, (path - side)[::-1]])


@cache
def _parabola(n: int) -> np.ndarray:
    return np.linspace(-1, 1, n) ** 2
