"""A chart of live curves.

The index has already reduced a series to its smallest and largest value in each column, so a spike of one step is
always drawn. The chart adds smoothing, gaps and marks for values that are not finite, a logarithmic axis, a window on
the x axis, and a choice of braille, blocks or ASCII. Curves that share a chart differ in colour and in their markers.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from textual.color import Color
from textual.events import Mount, MouseDown, MouseEvent, MouseMove, MouseScrollDown, MouseScrollUp
from textual.geometry import Region
from textual.message import Message
from textual_hires_canvas import Canvas
from textual_plot.plot_widget import LinePlot

from gentui.metrics.namespaces import is_percentage
from gentui.tui.curves import COLOURS, SERIES, ChartStyle, Curve, axis_name, marker_of, same_curves, slot_of
from gentui.tui.overlay import SLOTS
from gentui.tui.textual_private.plot import OpenPlot, cells_of, is_sized, set_characters, without_refresh
from gentui.tui.themes import MONOCHROME
from gentui.tui.widgets.chart_axes import LogFormatter, PlainFormatter, TimeFormatter, even_scale, value_range
from gentui.tui.widgets.chart_drawing import (
    DASHES,
    DOTS,
    GLYPHS,
    Guides,
    PlottedCurve,
    Stroke,
    as_ascii,
    changed_regions,
    marker_places,
    plotted,
    rasterise,
)

MARGIN_LEFT, MARGIN_BOTTOM = 8, 1
"""Cells left of and below the plot, for the labels of the axes."""
_DIMMED = 0.4
"""How much of a curve's colour its raw values have where they lie among those of others."""
_MOST_ALARMS = 64
"""Alarms that are marked in a chart."""


class Chart(OpenPlot, can_focus=False, inherit_bindings=False):
    """Curves that grow while a run trains, each with the band of its raw values.

    ``show`` draws only when something has changed. ``point_at`` moves the cursor and repaints two columns of cells.
    """

    DEFAULT_CSS = f"""
    Chart {{
        background: $background;
        & > Grid {{ grid-columns: {MARGIN_LEFT} 1fr; grid-rows: 0 1fr {MARGIN_BOTTOM}; }}
        & > #legend {{ display: none; }}
        & > .plot--axis {{ color: $panel-lighten-2; }}
        & > .plot--tick {{ color: $text-muted; text-style: none; }}
        & > .plot--label {{ color: $text-muted; text-style: none; }}
        & > .chart--raw {{ color: $panel-lighten-3; }}
        &:light > .chart--raw, &:light > .plot--axis {{ color: $panel-darken-3; }}
        & > .chart--mark {{ color: $error; }}
        & > .chart--cursor {{ color: $foreground; }}
        & > .chart--alarm {{ color: $warning; }}
        & > .chart--title {{ color: $text-muted; }}
        {" ".join(f"& > .chart--{name} {{ color: {tone}; }}" for name, tone in zip(SERIES, COLOURS, strict=True))}
    }}
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "chart--raw", "chart--mark", "chart--cursor", "chart--title", "chart--alarm", *(f"chart--{s}" for s in SERIES),
    }  # fmt: skip

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, allow_pan_and_zoom=False)
        self.set_reactive(OpenPlot.margin_top, 0)
        self.set_reactive(OpenPlot.margin_bottom, MARGIN_BOTTOM)
        self.set_reactive(OpenPlot.margin_left, MARGIN_LEFT)
        self._style = ChartStyle()
        self._drawn: tuple[tuple[Curve, ...], ChartStyle, object] | None = None
        self._cursor: float | None = None
        self._covered: tuple[int, list[tuple[str, str]]] | None = None
        """The column that the cursor stands in, and the cells it covers there (character, style)."""
        self._is_drawing = False
        self._range = 0.0, 1.0
        """Of the y axis, before it is fitted to the rows there are."""
        self._is_percentage = False
        self.drawings = 0

    def on_mount(self, event: Mount) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        event.prevent_default()  # Textual would call the base's handler as well
        if self._drawn is not None:
            self._draw(*self._drawn[:2])

    def on_canvas_resize(self, message: Canvas.Resize) -> None:
        """Draw for the new size before the next painting, which would otherwise draw it and paint it twice."""
        message.stop()
        self.render()

    @property
    def chart_style(self) -> ChartStyle:
        """How the curves are drawn."""
        return self._style

    @property
    def is_drawn(self) -> bool:
        """Whether the chart is drawn for its present size."""
        canvas = self._canvas()
        return canvas is not None and is_sized(canvas) and not self.is_drawing_due

    def show(self, curves: Sequence[Curve], style: ChartStyle) -> bool:
        """Draw the curves in a style. Return False if they are on the screen already."""
        theme = self.app.theme
        if self._drawn and self._drawn[1:] == (style, theme) and same_curves(curves, self._drawn[0]):
            return False
        self._drawn = (tuple(curves[:SLOTS]), style, theme)
        self._style = style
        self._draw(*self._drawn[:2])
        self.drawings += 1
        return True

    def point_at(self, x: float | None) -> None:
        """Move the cursor to a place on the x axis; None hides it."""
        if x != self._cursor:
            self._cursor = x
            if canvas := self._canvas():
                self._draw_cursor(canvas)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self._drawn is not None:
            self._draw(*self._drawn[:2])

    def _colour(self, name: str) -> str:
        colour = self.get_component_rich_style(f"chart--{name}", partial=True).color
        return colour.name if colour is not None else "default"

    def request_drawing(self) -> None:
        if not self._is_drawing:  # until then nothing is complete
            super().request_drawing()

    def _draw(self, curves: Sequence[Curve], style: ChartStyle) -> None:
        if not self.query("#legend"):  # not composed yet (`on_mount` draws then), or removed already
            return
        self._is_drawing = True
        try:
            self._add_curves(curves, style)
        finally:
            self._is_drawing = False
        canvas = self._canvas()
        if canvas is None or self.is_drawing_due or not is_sized(canvas):
            self.request_drawing()
        else:  # refreshing the widget would write all of it to the terminal again
            self.draw_plot()

    def _add_curves(self, curves: Sequence[Curve], style: ChartStyle) -> None:
        with self.app.batch_update():
            self.clear()
            lines = [plotted(curve, style) for curve in curves]
            self._is_percentage = bool(curves) and all(is_percentage(curve.key) for curve in curves)
            self._set_limits(lines, style)
            faint = self._colour("raw")
            if "NO_COLOR" in os.environ:
                faint = f"dim {faint}"
            if style.guides != "none":
                self.add_dataset(Guides(np.empty(0), np.empty(0), None, faint))
            for place, (curve, line) in enumerate(zip(curves, lines, strict=True)):
                if line.is_smooth:
                    band = np.column_stack([line.lo, line.hi]).ravel()
                    tone = faint if len(curves) == 1 else self._dimmed(slot_of(curve, place), faint)
                    self._add_stroke(np.repeat(line.x, 2), band, tone, ".")
            drawn = list(enumerate(zip(curves, lines, strict=True)))
            if any(curve.slot is not None for curve in curves):  # the first run is drawn last, over the others
                drawn.reverse()
            for place, (curve, line) in drawn:
                self._add_curve(curve, line, place, is_alone=len(curves) == 1 and curve.slot is None)
            left, right = self.x_limits
            for curve in curves:
                for x in curve.marks[:64]:
                    if left <= x <= right:
                        self.add_v_line(float(x), line_style=self._colour("mark"))

    def _choose_ticks(self) -> None:
        """Choose the formatters of both axes, with as many ticks as the present size has room for."""
        most = max(2, min(8, (self.size.width - 10) // 10))
        even = None if self._style.log_y else even_scale(*self._range, self.inner_region.height)
        self.put_y_limits(*(even[:2] if even else self._range))
        self.set_y_formatter(
            LogFormatter() if self._style.log_y else PlainFormatter(8, even[2] if even else None)
        )
        self.set_x_formatter(TimeFormatter(most) if self._style.axis == "time" else PlainFormatter(most))

    def _add_curve(self, curve: Curve, line: PlottedCurve, place: int, is_alone: bool) -> None:
        slot = slot_of(curve, place)
        colour, is_ascii = self._colour(SERIES[slot % len(SERIES)]), self._style.marks == "ascii"
        marker = marker_of(slot, is_ascii)
        dash = DASHES[slot % len(DASHES)] if self._is_monochrome and not (is_alone or is_ascii) else DASHES[0]
        x, y = line.x, line.middle
        if not line.is_smooth:
            x, y = np.repeat(line.x, 2), np.column_stack([line.lo, line.hi]).ravel()
        if curve.sparse:  # NaN between its points is no gap
            finite = np.isfinite(y)
            self._add_stroke(x[finite], y[finite], colour, marker, dash)
            self.scatter(line.x, line.lo, marker=marker, marker_style=colour)
            return
        self._add_stroke(x, y, colour, marker, dash)
        if not is_alone:
            left, right = self.x_limits
            is_visible = (line.x >= left) & (line.x <= right)
            at = marker_places(line.x[is_visible], line.middle[is_visible], place)
            self.scatter(
                line.x[is_visible][at], line.middle[is_visible][at], marker=marker, marker_style=colour
            )

    def _dimmed(self, slot: int, faint: str) -> str:
        """The colour of a curve's raw values beside those of others: its own, dimmed."""
        if self._is_monochrome:
            return faint
        own, behind = Color.parse(self._colour(SERIES[slot % len(SERIES)])), self.background_colors[1]
        return behind.blend(own, _DIMMED).hex

    @property
    def _is_monochrome(self) -> bool:
        return self.app.no_color or self.app.theme == MONOCHROME.name

    def _add_stroke(
        self, x: np.ndarray, y: np.ndarray, colour: str, letter: str, dash: tuple[int, int] = DASHES[0]
    ) -> None:
        self.add_dataset(Stroke(x, y, None, colour, letter, dash))

    def _set_limits(self, lines: Sequence[PlottedCurve], style: ChartStyle) -> None:
        """Set the limits of both axes, with a margin above and below, also of a single point."""
        xs = np.concatenate([line.x[np.isfinite(line.x)] for line in lines] or [np.empty(0)])
        left, right = (float(xs.min()), float(xs.max())) if len(xs) else (0.0, 1.0)
        left, right = style.window or (left, right)
        self.set_xlimits(left, right if right > left else left + 1)
        limits = value_range(lines, left, right, style.clip)
        bottom, top = limits or (0.0, 1.0)
        if limits is not None:
            margin = (top - bottom) * 0.04 or abs(top) * 0.05 or 0.5
            bottom, top = bottom - margin, top + margin
        if limits is not None and self._is_percentage and not style.log_y:
            bottom, top = min(0.0, limits[0]), max(100.0, limits[1])
        self._range = bottom, top
        self.set_ylimits(bottom, top)

    def _canvas(self) -> Canvas | None:
        """Return the canvas of the lines; None while it is too small for any."""
        canvas = self.query("#plot").first(Canvas) if self.query("#plot") else None
        return canvas if canvas is not None and canvas.size.width >= 4 and canvas.size.height >= 3 else None

    def draw_dataset(self, dataset: LinePlot) -> None:
        if (canvas := self._canvas()) is None:
            return
        if isinstance(dataset, Guides):
            self._draw_guides(canvas, str(dataset.line_style))
            return
        region, marks = self.inner_region, self._style.marks
        (left, right), (bottom, top) = self.x_limits, self.y_limits
        with np.errstate(over="ignore", invalid="ignore"):
            x = region.x + (dataset.x - left) * (region.width / (right - left))
            y = region.bottom - (dataset.y - bottom) * (region.height / (top - bottom))
        chars, styles = cells_of(canvas)
        height, width = len(chars), len(chars[0])
        cells = rasterise(x, y, width, height, DOTS[marks])
        letter = dataset.letter if isinstance(dataset, Stroke) else "*"
        glyph = GLYPHS.get(marks, lambda _: letter)
        if isinstance(dataset, Stroke):
            drawn, left_out = dataset.dash
            cells[:, np.arange(width) % (drawn + left_out) >= drawn] = 0
        rows, columns = np.nonzero(cells)
        for row, column, bits in zip(
            rows.tolist(), columns.tolist(), cells[rows, columns].tolist(), strict=True
        ):
            chars[row][column] = glyph(bits)
            styles[row][column] = dataset.line_style

    def _draw_guides(self, canvas: Canvas, style: str) -> None:
        is_ascii, every = self._style.marks == "ascii", 1 if self._style.guides == "lines" else 4
        glyph = ("-" if every == 1 else ".") if is_ascii else "┈" if every == 1 else "·"
        chars, styles = cells_of(canvas)
        for tick in self.y_ticks:
            row = self.get_pixel_from_coordinate(self.x_limits[0], tick)[1]
            if 0 < row < len(chars) - 1:
                for column in range(1, len(chars[row]) - 1, every):
                    chars[row][column], styles[row][column] = glyph, style

    # -- the mouse

    @dataclass
    class Pointed(Message):
        """The mouse was pressed or dragged at a place on the x axis."""

        chart: Chart
        x: float

    @dataclass
    class Zoomed(Message):
        """The wheel was turned at a place on the x axis, by 1 to zoom in or by -1 to zoom out."""

        x: float
        by: int

    def _x_of_mouse(self, event: MouseEvent) -> float | None:
        """Return the mouse's place on the x axis; None outside the plot."""
        if (canvas := self._canvas()) is None or self._drawn is None:
            return None
        column = int(event.screen_x) - canvas.region.x
        if not 0 <= column < canvas.size.width:
            return None
        x = self.get_coordinate_from_pixel(column, 0)[0]
        left, right = self.x_limits
        return float(min(max(x, left), right))

    def on_mouse_down(self, event: MouseDown) -> None:
        if (x := self._x_of_mouse(event)) is not None:
            self.post_message(self.Pointed(self, x))

    def on_mouse_move(self, event: MouseMove) -> None:
        if event.button and (x := self._x_of_mouse(event)) is not None:
            self.post_message(self.Pointed(self, x))

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        self._post_zoom(event, 1)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        self._post_zoom(event, -1)

    def _post_zoom(self, event: MouseEvent, by: int) -> None:
        if (x := self._x_of_mouse(event)) is not None:
            event.stop()
            self.post_message(self.Zoomed(x, by))

    def draw_plot(self) -> None:
        if (canvas := self._canvas()) is None:
            return
        self._choose_ticks()
        canvases = list(self.query(Canvas))
        before = [cells_of(each) for each in canvases]
        with without_refresh(canvases):
            super().draw_plot()
            self._finish_frame(canvas)
            if self._style.marks == "ascii":
                set_characters(canvas, as_ascii(cells_of(canvas)[0]))
            self._covered = None
            self._draw_cursor(canvas)
        for each, old in zip(canvases, before, strict=True):
            if regions := changed_regions(*old, *cells_of(each)):
                each.refresh(*regions)

    def _finish_frame(self, canvas: Canvas) -> None:
        """Mend the corners, which a tick beside them breaks, and write into the lower line what the x axis is and where
        alarms began."""
        chars, styles = cells_of(canvas)
        for row, column, corner in ((0, 0, "┏"), (0, -1, "┓"), (-1, 0, "┗"), (-1, -1, "┛")):
            chars[row][column] = corner
        name = f" {axis_name(self._style.axis)} "
        if len(name) + 12 <= len(chars[-1]):
            for column, char in enumerate(name, len(chars[-1]) - len(name) - 1):
                chars[-1][column], styles[-1][column] = char, str(self._colour("title"))
        left, right = self.x_limits
        for x, severity in self._style.alarms[:_MOST_ALARMS]:
            if left <= x <= right:
                column = min(max(self.get_pixel_from_coordinate(x, 0)[0], 1), len(chars[-1]) - 2)
                chars[-1][column] = "^" if self._style.marks == "ascii" else "▲"
                styles[-1][column] = self._colour("mark" if severity == "error" else "alarm")

    def _draw_cursor(self, canvas: Canvas) -> None:
        """Restore the cells that the cursor covered, and draw it in its present column."""
        touched = []
        chars, styles = cells_of(canvas)
        left, right = self.x_limits
        if self._covered is not None:
            column, cells = self._covered
            for row, (char, style) in enumerate(cells, 1):
                chars[row][column], styles[row][column] = char, style
            touched.append(column)
            self._covered = None
        if self._cursor is not None and left <= self._cursor <= right:
            column = min(max(self.get_pixel_from_coordinate(self._cursor, 0)[0], 1), canvas.size.width - 2)
            rows = range(1, len(chars) - 1)
            if rows and column < len(chars[0]):
                self._covered = (column, [(chars[r][column], styles[r][column]) for r in rows])
                bar, style = "|" if self._style.marks == "ascii" else "┊", self._colour("cursor")
                for row in rows:
                    if chars[row][column] == " ":
                        chars[row][column], styles[row][column] = bar, style
                    else:  # visible without colour, and so is the curve below it
                        styles[row][column] += " reverse"
                touched.append(column)
        if touched:
            canvas.refresh(*(Region(column, 0, 1, canvas.size.height) for column in touched))
