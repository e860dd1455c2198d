"""A series drawn as an SVG picture: the band of extremes, the mean, gaps and marks where it is no number."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gentui.index import Chart

WIDTH, HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 12, 28, 30
COLUMNS = 280
_LOG_SPAN = 50.0  # a positive series that spans more is drawn on a logarithmic axis


def curve(chart: Chart, title: str, x_label: str = "step") -> str:
    """An SVG document, or an empty text where the series has no finite point."""
    finite = np.isfinite(chart.lo) & np.isfinite(chart.hi)
    if not finite.any():
        return ""
    low, high = float(chart.lo[finite].min()), float(chart.hi[finite].max())
    logarithmic = low > 0 and high / low > _LOG_SPAN
    scale = np.log10 if logarithmic else np.asarray
    bottom, top = float(scale(low)), float(scale(high))
    if top <= bottom:
        bottom, top = bottom - 0.5, top + 0.5
    first, last = float(chart.x[0]), float(max(chart.x[-1], chart.x[0] + 1))

    def across(x: np.ndarray) -> np.ndarray:
        return _LEFT + (x - first) / (last - first) * (WIDTH - _LEFT - _RIGHT)

    def up(y: np.ndarray) -> np.ndarray:
        return HEIGHT - _BOTTOM - (scale(y) - bottom) / (top - bottom) * (HEIGHT - _TOP - _BOTTOM)

    shapes = []
    for part in _runs_of(finite):
        x, lo, hi, mean = (values[part] for values in (chart.x, chart.lo, chart.hi, chart.mean))
        band = [*_points(across(x), up(hi)), *_points(across(x[::-1]), up(lo[::-1]))]
        shapes.append(f'<polygon class="band" points="{" ".join(band)}"/>')
        # a mean of extremes that are all positive lies between them
        shapes.append(f'<polyline points="{" ".join(_points(across(x), up(np.clip(mean, lo, hi))))}"/>')
    places = across(np.asarray(chart.marks, float))
    marks = [f'<text class="mark" x="{x:.1f}" y="{_TOP + 10}">×</text>' for x in places]
    right, base = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
            f'height="{HEIGHT}" role="img" aria-label="{html.escape(title)}">',
            "<style>text{font:12px sans-serif;fill:#333}.axis{stroke:#888}.band{fill:#9ec5e8;fill-opacity:.6}"
            "polyline{fill:none;stroke:#1f5f99;stroke-width:1.4}.mark{fill:#b00020;text-anchor:middle}"
            ".end{text-anchor:end}</style>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
            f'<text x="{_LEFT}" y="18">{html.escape(title)}{" (log)" if logarithmic else ""}</text>',
            f'<line class="axis" x1="{_LEFT}" y1="{base}" x2="{right}" y2="{base}"/>',
            f'<line class="axis" x1="{_LEFT}" y1="{_TOP}" x2="{_LEFT}" y2="{base}"/>',
            f'<text class="end" x="{_LEFT - 6}" y="{base}">{low:.3g}</text>',
            f'<text class="end" x="{_LEFT - 6}" y="{_TOP + 10}">{high:.3g}</text>',
            f'<text x="{_LEFT}" y="{HEIGHT - 10}">{first:g}</text>',
            f'<text class="end" x="{right}" y="{HEIGHT - 10}">{html.escape(x_label)} {last:g}</text>',
            *shapes,
            *marks,
            "</svg>\n",
        ]
    )


def _runs_of(finite: np.ndarray) -> list[slice]:
    """Stretches without a gap."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], finite.astype(int), [0]))))
    return [slice(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _points(x: np.ndarray, y: np.ndarray) -> list[str]:
    return [f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True) if math.isfinite(a) and math.isfinite(b)]
