"""Series drawn as an SVG picture: a band between the extremes, the mean, gaps, and marks at values that are not finite.

Series that share a picture differ in colour and in the dashes of their lines.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gentui.text.numbers import significant

if TYPE_CHECKING:
    from gentui.index import Series

WIDTH, HEIGHT = 640, 260
COLUMNS = 280
"""Buckets of a series that a picture shows."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 12, 28, 30  # margins in pixels
_LOG_SPAN = (
    50.0  # positive values are drawn on a logarithmic axis if the largest is this many times the smallest
)
_LINES = (("#1f5f99", "none"), ("#c25e00", "7 3"), ("#2a7d4f", "2 2"), ("#7a3e9d", "9 3 2 3"))
_FEW = 40  # up to so many points, each is drawn as a dot
_LETTER = 7  # approximate width of a letter of the legend, in pixels
_STYLE = (
    "<style>text{font:12px sans-serif;fill:#333}.axis{stroke:#888}polygon{fill-opacity:.25}"
    "polyline{fill:none;stroke-width:1.4}.mark{fill:#b00020;text-anchor:middle}"
    ".end{text-anchor:end}</style>"
)


@dataclass(frozen=True)
class _Frame:
    """The ranges of both axes and the mapping from values to pixels."""

    first: float
    last: float
    low: float
    high: float
    is_logarithmic: bool

    @classmethod
    def around(cls, finite: Sequence[tuple[Series, np.ndarray]]) -> _Frame:
        """The frame that holds every series; each comes with a mask of its finite points, of which it has some."""
        low = min(float(series.lo[mask].min()) for series, mask in finite)
        high = max(float(series.hi[mask].max()) for series, mask in finite)
        first = min(float(series.x[0]) for series, _ in finite)
        last = max(max(float(series.x[-1]) for series, _ in finite), first + 1)
        return cls(first, last, low, high, low > 0 and high / low > _LOG_SPAN)

    def across(self, x: np.ndarray) -> np.ndarray:
        return _LEFT + (x - self.first) / (self.last - self.first) * (WIDTH - _LEFT - _RIGHT)

    def up(self, y: np.ndarray) -> np.ndarray:
        bottom, top = float(self._scale(self.low)), float(self._scale(self.high))
        if top <= bottom:
            bottom, top = bottom - 0.5, top + 0.5
        return HEIGHT - _BOTTOM - (self._scale(y) - bottom) / (top - bottom) * (HEIGHT - _TOP - _BOTTOM)

    def _scale(self, y: float | np.ndarray) -> np.ndarray:
        return np.log10(y) if self.is_logarithmic else np.asarray(y)


def curves(charts: Sequence[tuple[str, Series]], x_label: str = "step") -> str:
    """Draw up to four named series as an SVG document; "" if none has a finite point."""
    charts = charts[: len(_LINES)]
    masks = [np.isfinite(series.lo) & np.isfinite(series.hi) for _, series in charts]
    finite = [(series, mask) for (_, series), mask in zip(charts, masks, strict=True) if mask.any()]
    if not finite:
        return ""
    frame = _Frame.around(finite)
    bands, lines, marks = [], [], []
    for place, ((_, series), mask) in enumerate(zip(charts, masks, strict=True)):
        for part in _runs_of(mask):
            band, *line = _stretch(frame, series, part, *_LINES[place])
            bands.append(band)
            lines += line
        for x in frame.across(np.asarray(series.marks, float)):
            marks.append(f'<text class="mark" x="{x:.1f}" y="{_TOP + 10}">×</text>')
    names = [name for name, _ in charts]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
            f'height="{HEIGHT}" role="img" aria-label="{html.escape(", ".join(names))}">',
            _STYLE,
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
            *_legend(names, frame.is_logarithmic),
            *_axes(frame, x_label),
            *bands,
            *lines,
            *marks,
            "</svg>\n",
        ]
    )


def _stretch(frame: _Frame, series: Series, part: slice, colour: str, dashes: str) -> list[str]:
    """The band, the line and the dots of one stretch of finite points."""
    x, lo, hi, mean = (values[part] for values in (series.x, series.lo, series.hi, series.mean))
    across, up = frame.across(x), frame.up(mean)
    band = [*_points(across, frame.up(hi)), *_points(across[::-1], frame.up(lo[::-1]))]
    line = " ".join(_points(across, frame.up(np.clip(mean, lo, hi))))  # rounding may put a mean outside
    shapes = [
        f'<polygon fill="{colour}" points="{" ".join(band)}"/>',
        f'<polyline stroke="{colour}" stroke-dasharray="{dashes}" points="{line}"/>',
    ]
    if len(series.x) <= _FEW:
        dots = zip(across, up, strict=True)
        shapes += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.5" fill="{colour}"/>' for a, b in dots]
    return shapes


def _axes(frame: _Frame, x_label: str) -> list[str]:
    """Both axes with the ends of their ranges."""
    right, base = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    return [
        f'<line class="axis" x1="{_LEFT}" y1="{base}" x2="{right}" y2="{base}"/>',
        f'<line class="axis" x1="{_LEFT}" y1="{_TOP}" x2="{_LEFT}" y2="{base}"/>',
        f'<text class="end" x="{_LEFT - 6}" y="{base}">{significant(frame.low, 3)}</text>',
        f'<text class="end" x="{_LEFT - 6}" y="{_TOP + 10}">{significant(frame.high, 3)}</text>',
        f'<text x="{_LEFT}" y="{HEIGHT - 10}">{frame.first:g}</text>',
        f'<text class="end" x="{right}" y="{HEIGHT - 10}">{html.escape(x_label)} {frame.last:g}</text>',
    ]


def _legend(names: Sequence[str], is_logarithmic: bool) -> list[str]:
    """Each name, after a piece of its line if there are several."""
    shapes, x = [], _LEFT
    for place, name in enumerate(names):
        colour, dashes = _LINES[place]
        if len(names) > 1:
            shapes.append(
                f'<line x1="{x}" y1="14" x2="{x + 24}" y2="14" stroke="{colour}" stroke-width="1.6" '
                f'stroke-dasharray="{dashes}"/>'
            )
            x += 30
        shapes.append(f'<text x="{x}" y="18">{html.escape(name)}</text>')
        x += _LETTER * len(name) + 18
    return [*shapes, f'<text x="{x}" y="18">(log)</text>'] if is_logarithmic else shapes


def _runs_of(finite: np.ndarray) -> list[slice]:
    """Stretches without a gap."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], finite.astype(int), [0]))))
    return [slice(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _points(x: np.ndarray, y: np.ndarray) -> list[str]:
    return [f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True) if math.isfinite(a) and math.isfinite(b)]
