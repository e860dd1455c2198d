"""Series drawn as an SVG picture: the band of extremes, the mean, gaps and marks where they are no numbers.

Series that share a picture differ in colour and in the dashes of their lines.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gentui.text.numbers import significant

if TYPE_CHECKING:
    from gentui.index import Series

WIDTH, HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 12, 28, 30
COLUMNS = 280
_LOG_SPAN = 50.0  # a positive series that spans more is drawn on a logarithmic axis


_LINES = (("#1f5f99", "none"), ("#c25e00", "7 3"), ("#2a7d4f", "2 2"), ("#7a3e9d", "9 3 2 3"))
_FEW = 40  # points, each of which is then drawn
_LETTER = 7  # pixels of the legend's, about


def curves(charts: Sequence[tuple[str, Series]], x_label: str = "step") -> str:
    """An SVG document of at most four named series, or an empty text where none has a finite point."""
    charts = charts[: len(_LINES)]
    finite = [np.isfinite(series.lo) & np.isfinite(series.hi) for _, series in charts]
    known = [
        (series, is_finite) for (_, series), is_finite in zip(charts, finite, strict=True) if is_finite.any()
    ]
    if not known:
        return ""
    low = min(float(series.lo[is_finite].min()) for series, is_finite in known)
    high = max(float(series.hi[is_finite].max()) for series, is_finite in known)
    logarithmic = low > 0 and high / low > _LOG_SPAN
    scale = np.log10 if logarithmic else np.asarray
    bottom, top = float(scale(low)), float(scale(high))
    if top <= bottom:
        bottom, top = bottom - 0.5, top + 0.5
    first = min(float(series.x[0]) for series, _ in known)
    last = max(max(float(series.x[-1]) for series, _ in known), first + 1)

    def across(x: np.ndarray) -> np.ndarray:
        return _LEFT + (x - first) / (last - first) * (WIDTH - _LEFT - _RIGHT)

    def up(y: np.ndarray) -> np.ndarray:
        return HEIGHT - _BOTTOM - (scale(y) - bottom) / (top - bottom) * (HEIGHT - _TOP - _BOTTOM)

    bands, lines, marks = [], [], []
    for place, ((_, series), is_finite) in enumerate(zip(charts, finite, strict=True)):
        colour, dashes = _LINES[place]
        for part in _runs_of(is_finite):
            x, lo, hi, mean = (values[part] for values in (series.x, series.lo, series.hi, series.mean))
            band = [*_points(across(x), up(hi)), *_points(across(x[::-1]), up(lo[::-1]))]
            bands.append(f'<polygon fill="{colour}" points="{" ".join(band)}"/>')
            # a mean of extremes that are all positive lies between them
            line = " ".join(_points(across(x), up(np.clip(mean, lo, hi))))
            lines.append(f'<polyline stroke="{colour}" stroke-dasharray="{dashes}" points="{line}"/>')
            if len(series.x) <= _FEW:
                places = zip(across(x), up(mean), strict=True)
                lines += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.5" fill="{colour}"/>' for a, b in places]
        for x in across(np.asarray(series.marks, float)):
            marks.append(f'<text class="mark" x="{x:.1f}" y="{_TOP + 10}">×</text>')
    title = ", ".join(name for name, _ in charts)
    right, base = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
            f'height="{HEIGHT}" role="img" aria-label="{html.escape(title)}">',
            "<style>text{font:12px sans-serif;fill:#333}.axis{stroke:#888}polygon{fill-opacity:.25}"
            "polyline{fill:none;stroke-width:1.4}.mark{fill:#b00020;text-anchor:middle}"
            ".end{text-anchor:end}</style>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
            *_legend([name for name, _ in charts], logarithmic),
            f'<line class="axis" x1="{_LEFT}" y1="{base}" x2="{right}" y2="{base}"/>',
            f'<line class="axis" x1="{_LEFT}" y1="{_TOP}" x2="{_LEFT}" y2="{base}"/>',
            f'<text class="end" x="{_LEFT - 6}" y="{base}">{significant(low, 3)}</text>',
            f'<text class="end" x="{_LEFT - 6}" y="{_TOP + 10}">{significant(high, 3)}</text>',
            f'<text x="{_LEFT}" y="{HEIGHT - 10}">{first:g}</text>',
            f'<text class="end" x="{right}" y="{HEIGHT - 10}">{html.escape(x_label)} {last:g}</text>',
            *bands,
            *lines,
            *marks,
            "</svg>\n",
        ]
    )


def _legend(names: Sequence[str], logarithmic: bool) -> list[str]:
    """Each name after a piece of its line."""
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
    return [*shapes, f'<text x="{x}" y="18">(log)</text>'] if logarithmic else shapes


def _runs_of(finite: np.ndarray) -> list[slice]:
    """Stretches without a gap."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], finite.astype(int), [0]))))
    return [slice(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _points(x: np.ndarray, y: np.ndarray) -> list[str]:
    return [f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True) if math.isfinite(a) and math.isfinite(b)]
