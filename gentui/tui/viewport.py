"""Which part of the x axis charts show, and where the cursor stands on it: plain values, no widget."""

from __future__ import annotations

import numpy as np

Span = tuple[float, float]

NARROWEST = 1e-6
"""Of the whole axis: the narrowest part that can be shown."""
NARROWEST_STEPS = 4.0


class Viewport:
    """``extent``: the ends of the axis, None while there is no curve. ``window``: the ends of the visible part, None
    for all of it. ``cursor``: its place, None without one. All in the unit of the axis."""

    def __init__(self) -> None:
        self.extent: Span | None = None
        self.window: Span | None = None
        self.cursor: float | None = None

    @property
    def visible(self) -> Span | None:
        """The ends of what is shown; None while there is no axis of some width."""
        if self.extent is None or self.extent[1] <= self.extent[0]:
            return None
        return self.window or self.extent

    def reset(self) -> None:
        """Show all of the axis, without a cursor: its unit changes."""
        self.window = self.cursor = None

    def update(self, extent: Span | None) -> bool:
        """Take on new ends of the axis. A window that shows the newest values moves along with them; return whether it
        moved."""
        before, self.extent = self.extent, extent
        if self.window is None or before is None or extent is None:
            return False
        if extent[1] <= before[1] or self.window[1] < before[1]:
            return False
        self.window = extent[1] - (self.window[1] - self.window[0]), extent[1]
        return True

    def zoom(self, factor: float, about: float | None, is_steps: bool) -> bool:
        """Show ``factor`` as much of the axis, with the place ``about`` (None: the middle) where it was on the screen;
        of an axis of steps no fewer than four. Return whether the window changed."""
        if self.extent is None or (visible := self.visible) is None:
            return False
        left, right = visible
        width = (right - left) * factor
        width = max(width, (self.extent[1] - self.extent[0]) * NARROWEST, NARROWEST_STEPS if is_steps else 0.0)
        middle = (left + right) / 2 if about is None else about
        part = (middle - left) / (right - left)
        return self.show(middle - part * width, width)

    def pan(self, part: float) -> bool:
        """Move the window by a part of its width. Return whether it changed."""
        if (visible := self.visible) is None:
            return False
        left, right = visible
        return self.show(left + part * (right - left), right - left)

    def show(self, left: float, width: float) -> bool:
        """Show so much of the axis from ``left`` on, within its ends; a cursor stays inside. Return whether the window
        changed."""
        if self.extent is None or self.visible is None:
            return False
        first, last = self.extent
        left = max(first, min(left, last - width))
        window = None if width >= (last - first) * (1 - NARROWEST) else (left, left + width)
        if window == self.window:
            return False
        self.window = window
        if self.cursor is not None and window is not None:
            self.cursor = min(max(self.cursor, window[0]), window[1])
        return True

    def in_sight(self, xs: np.ndarray) -> np.ndarray:
        """Those of the places that are visible."""
        if (visible := self.visible) is None:
            return xs[:0]
        return xs[(xs >= visible[0]) & (xs <= visible[1])]


def nearest(xs: np.ndarray, x: float) -> int:
    """The index of the place nearest to ``x``."""
    return int(np.abs(xs - x).argmin())
