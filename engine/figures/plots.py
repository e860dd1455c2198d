"""Scatter plots and tables, drawn with Pillow.

The colours are those of Okabe & Ito (2008), which are distinct with any colour vision, and two more; markers differ in
shape, too. Everything is drawn at three times its size and then reduced, which smooths the edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from engine.figures.grid import save_atomically

PALETTE = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#000000", "#999999", "#882255",
)  # fmt: skip
INK, PAPER, FRAME = "#222222", "#ffffff", "#bbbbbb"
SCALE = 3
SIDE, MARGIN, LINE, RADIUS = 420, 16, 22, 3.6


@dataclass(frozen=True)
class Points:
    """One scatter plot: ``places`` N,2, with ``colours`` and ``markers`` as indices, N each. ``names`` are those of the
    colours.

    ``coloured_by_marker``: colour and marker have the same meaning, and the legend shows them together.
    """

    places: np.ndarray
    colours: np.ndarray
    markers: np.ndarray
    names: Sequence[str]
    title: str
    coloured_by_marker: bool = False


class _Canvas:
    """A canvas with coordinates in pixels of the final picture, drawn ``SCALE`` times as large."""

    def __init__(self, width: float, height: float):
        self.size = (round(width), round(height))
        self.image = Image.new("RGB", (self.size[0] * SCALE, self.size[1] * SCALE), PAPER)
        self.pen = ImageDraw.Draw(self.image)

    def rectangle(
        self, box: tuple[float, float, float, float], fill: str | None, outline: str | None, width: int = 1
    ):
        self.pen.rectangle([v * SCALE for v in box], fill=fill, outline=outline, width=width * SCALE)

    def marker(self, x: float, y: float, shape: int, colour: str, radius: float = RADIUS) -> None:
        x, y, r, width = x * SCALE, y * SCALE, radius * SCALE, SCALE // 2
        if shape == 0:
            self.pen.ellipse([x - r, y - r, x + r, y + r], fill=colour, outline=INK, width=width)
        else:
            corners = [(x, y - 1.2 * r), (x + 1.1 * r, y + 0.8 * r), (x - 1.1 * r, y + 0.8 * r)]
            self.pen.polygon(corners, fill=colour, outline=INK, width=width)

    def text(
        self, x: float, y: float, text: str, colour: str = INK, size: float = 13, anchor: str = "lm"
    ) -> None:
        self.pen.text((x * SCALE, y * SCALE), text, fill=colour, font=_font(size), anchor=anchor)

    def reduced(self) -> Image.Image:
        return self.image.resize(self.size, Image.Resampling.LANCZOS)


def save_panels(panels: Sequence[Points], path: Path, marker_names: Sequence[str] = ()) -> None:
    """Save scatter plots side by side, each with its legend below, as PNG."""
    rows = max(_legend_rows(panel, marker_names) for panel in panels)
    width = MARGIN + len(panels) * (SIDE + MARGIN)
    canvas = _Canvas(width, SIDE + 3 * MARGIN + LINE * (rows + 1))
    for i, panel in enumerate(panels):
        _draw_panel(canvas, panel, MARGIN + i * (SIDE + MARGIN), marker_names)
    save_atomically(canvas.reduced(), path)


def _legend_rows(panel: Points, marker_names: Sequence[str]) -> int:
    return -(-len(panel.names) // 5) + (not panel.coloured_by_marker and len(marker_names) > 1)


def _draw_panel(canvas: _Canvas, panel: Points, left: float, marker_names: Sequence[str]) -> None:
    canvas.text(left, MARGIN, panel.title, size=15)
    top = MARGIN + LINE
    canvas.rectangle((left, top, left + SIDE, top + SIDE), None, FRAME)
    for (x, y), colour, marker in zip(_fitted(panel.places), panel.colours, panel.markers, strict=True):
        canvas.marker(left + x, top + y, int(marker) % 2, PALETTE[int(colour) % len(PALETTE)])
    y = top + SIDE + MARGIN
    step = SIDE / 5
    for i, name in enumerate(panel.names):
        at = (left + 8 + i % 5 * step, y + i // 5 * LINE)
        canvas.marker(*at, i % 2 if panel.coloured_by_marker else 0, PALETTE[i % len(PALETTE)], 5)
        canvas.text(at[0] + 10, at[1], _short(name, 10))
    if not panel.coloured_by_marker and len(marker_names) > 1:
        y += -(-len(panel.names) // 5) * LINE
        for i, name in enumerate(marker_names):
            canvas.marker(left + 8 + i * step, y, i % 2, PAPER, 5)
            canvas.text(left + 18 + i * step, y, _short(name, 10))


def _fitted(places: np.ndarray) -> np.ndarray:
    """Points N,2 scaled equally on both axes and centred to fit the panel, with room for the markers."""
    low, high = places.min(0), places.max(0)
    room = SIDE - 6 * RADIUS
    scale = room / max(float((high - low).max()), 1e-12)
    return (places - (low + high) / 2) * (scale, -scale) + SIDE / 2


def save_table(counts: np.ndarray, path: Path, names: Sequence[str], rows: str = "", columns: str = "") -> None:
    """Save a table of counts K,K as PNG; the larger the fraction of its row, the darker a cell."""
    cell, head = 44, 16 + 8 * max(len(_short(name, 12)) for name in names)
    side = len(names) * cell
    canvas = _Canvas(head + side + 2 * MARGIN + LINE, head + side + 2 * MARGIN + LINE)
    left = top = MARGIN + LINE + head
    canvas.text(left + side / 2, MARGIN, columns, size=14, anchor="mm")
    canvas.text(MARGIN, top - MARGIN, rows, size=14)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    for i, name in enumerate(names):
        canvas.text(left - 8, top + (i + 0.5) * cell, _short(name, 12), anchor="rm")
        canvas.text(left + (i + 0.5) * cell, top - 12, _short(name, 5 if len(names) > 1 else 12), anchor="mm")
        for j in range(len(names)):
            x, y = left + j * cell, top + i * cell
            canvas.rectangle((x, y, x + cell, y + cell), _shade(share[i, j]), FRAME)
            colour = PAPER if share[i, j] > 0.5 else INK
            if counts[i, j]:
                canvas.text(x + cell / 2, y + cell / 2, str(int(counts[i, j])), colour, 12, "mm")
    for i in range(len(names)):  # over the frames of the neighbours
        x, y = left + i * cell, top + i * cell
        canvas.rectangle((x, y, x + cell, y + cell), None, INK)
    save_atomically(canvas.reduced(), path)


def _shade(share: float) -> str:
    """Colour between white (0) and the palette's blue (1), as #rrggbb."""
    blue = (0x00, 0x72, 0xB2)
    return "#" + "".join(f"{round(255 + (c - 255) * share):02x}" for c in blue)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * SCALE)
