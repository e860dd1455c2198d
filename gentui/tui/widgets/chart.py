"""A chart of live curves: one widget, drawn in one go with its title, axes, curves, marks and cursor.

The index has already reduced a series to its smallest and largest value in each column, so a spike of one step is
always drawn. The chart adds smoothing, gaps and marks for values that are not finite, a logarithmic axis, a window on
the x axis, and a choice of braille, blocks or ASCII. Curves that share a chart differ in colour and in their markers.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from textual.events import MouseDown, MouseEvent, MouseMove, MouseScrollDown, MouseScrollUp
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from gentui.tui.curves import ChartStyle, Curve, same_curves
from gentui.tui.overlay import SLOTS
from gentui.tui.themes import MONOCHROME
from gentui.tui.widgets.chart_drawing import Picture
from gentui.tui.widgets.chart_plot import Plot, draw
from gentui.tui.widgets.chart_text import Curves, placeholder_for, title_of
from gentui.tui.widgets.chart_tones import ACCENT, BOLD, MUTED, Palette, palette_of
from gentui.tui.widgets.score_bars import Bar, bars_of, draw_bars

TOP = 1
"""Rows above the plot: the title."""


class Chart(Widget, can_focus=False):
    """Curves that grow while a run trains, each with the band of its raw values; bars for the few values of a score; a
    sentence while there is nothing to draw.

    It is drawn when what it shows changes, and of the terminal only those cells are written that differ.
    """

    DEFAULT_CSS = "Chart { height: 1fr; width: 1fr; background: $background; color: $foreground; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._shown: tuple[Curves, ChartStyle] = (), ChartStyle()
        self._waiting, self._is_in_focus = "", False
        self._cursor: float | None = None
        self._picture: Picture | None = None
        self._plot: Plot | None = None
        self._colours: Palette | None = None
        self.drawings = 0

    # -- what is shown

    @property
    def curves(self) -> Curves:
        """The curves that are shown."""
        return self._shown[0]

    @property
    def chart_style(self) -> ChartStyle:
        """How the curves are drawn."""
        return self._shown[1]

    @property
    def plot(self) -> Plot | None:
        """The curves as they are drawn at present; None where bars or a sentence stand."""
        self.picture()
        return self._plot

    @property
    def bars(self) -> tuple[Bar, ...]:
        """The bars that are shown in place of curves."""
        return bars_of(*self._shown)

    @property
    def is_drawn(self) -> bool:
        """Whether the chart has a size to be drawn for."""
        return self.is_mounted and bool(self.size)

    def show(
        self, curves: Sequence[Curve], style: ChartStyle, waiting: str = "", is_in_focus: bool = False
    ) -> bool:
        """Show the curves in a style; ``waiting`` is the sentence while there are none. Return False if they are on the
        screen already."""
        is_same = (style, waiting, is_in_focus) == (self._shown[1], self._waiting, self._is_in_focus)
        if self.drawings and is_same and same_curves(curves[:SLOTS], self._shown[0]):
            return False
        self._shown, self._waiting, self._is_in_focus = (tuple(curves[:SLOTS]), style), waiting, is_in_focus
        self.drawings += 1
        self._change()
        return True

    def point_at(self, x: float | None) -> None:
        """Move the cursor to a place on the x axis, where the title gives the values; None hides it."""
        if x != self._cursor:
            self._cursor = x
            self._change()

    # -- drawing

    def _change(self) -> None:
        """Draw what is shown now, and have the cells written that differ."""
        before, self._picture = self._picture, None
        if not self.size:  # out of sight: what Textual kept of its lines is old
            self.refresh()
            return
        after = self.picture()
        if before is None or (before.width, before.height) != (after.width, after.height):
            self.refresh()
        elif regions := after.changed(before):
            self.refresh(*regions)

    def picture(self) -> Picture:
        """What stands in the cells."""
        width, height = self.size
        if self._picture is None or (self._picture.width, self._picture.height) != (width, height):
            self._picture = self._drawn(width, height)
        return self._picture

    def _drawn(self, width: int, height: int) -> Picture:
        (curves, style), picture = self._shown, Picture(width, height)
        bars, self._plot = self.bars, None
        is_ascii = style.marks == "ascii"
        note = "" if bars else placeholder_for(curves, self._waiting)
        if bars:
            draw_bars(bars, picture, TOP, is_ascii)
        elif note:
            self._write_note(picture, note)
        elif width > 4 and height > TOP + 1:
            self._plot = draw(curves, style, picture, TOP, self._is_monochrome)
            picture = self._plot.with_cursor(self._cursor, is_ascii)
        if curves:
            self._write_title(picture)
        return picture

    def _write_title(self, picture: Picture) -> None:
        (curves, style), plot = self._shown, self._plot
        clipped, offset = (plot.is_clipped, plot.y.offset) if plot else (False, "")
        column = 1
        if self._is_in_focus:
            column = picture.write(0, column, "> " if style.marks == "ascii" else "▸ ", ACCENT | BOLD)
        room = picture.width - 1 - column
        for text, tone in title_of(curves, style, self._cursor, is_clipped=clipped, offset=offset, width=room):
            column = picture.write(0, column, text, tone)
        if column >= picture.width > 0:
            picture.write(0, picture.width - 1, ">" if style.marks == "ascii" else "…", MUTED)

    def _write_note(self, picture: Picture, note: str) -> None:
        lines = textwrap.wrap(note, max(1, picture.width - 4))[: picture.height]
        for row, line in enumerate(lines, (picture.height - len(lines)) // 2):
            picture.write(row, (picture.width - cell_len(line)) // 2, line, MUTED)

    def render_line(self, y: int) -> Strip:
        picture, palette = self.picture(), self.palette
        if y >= picture.height:
            return Strip.blank(self.size.width, palette[0])
        return Strip([Segment(text, palette[tone]) for text, tone in picture.row(y)], picture.width)

    @property
    def palette(self) -> Palette:
        """The styles of the tones."""
        if self._colours is None:
            app = self.app
            variables = app.theme_variables or app.get_css_variables()
            self._colours = palette_of(variables, app.current_theme.dark, app.no_color)
        return self._colours

    @property
    def _is_monochrome(self) -> bool:
        return self.app.no_color or self.app.theme == MONOCHROME.name

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._colours = self._picture = None

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
        plot = self.plot
        return plot.x_of(int(event.screen_x) - self.region.x) if plot is not None else None

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
