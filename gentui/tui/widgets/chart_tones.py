"""The styles of a chart's cells, by number, so that a drawing is an array of them. They come from the theme."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from rich.style import Style
from textual.color import Color, ColorParseError

from gentui.tui.curves import COLOURS
from gentui.tui.widgets.chart_drawing import COVERING

TEXT, AXIS, MUTED, GUIDE, BAND, MARK, ALARM, ACCENT = range(8)
"""Text, lines of the axes, labels and remarks, guides, raw values without a colour of their own, values that are not
finite, alarms, and the sign of the focus."""
LINE, DIMMED = 16, 32
"""The first of the curves' colours, and of the same dimmed, for their raw values."""
BOLD, REVERSE = 64, COVERING
"""Added to a tone."""
_DIM_PART = 0.4
_NAMES = {
    TEXT: "foreground", MUTED: "text-muted", MARK: "error", ALARM: "warning", ACCENT: "accent",
}  # fmt: skip
_FAINT = {AXIS: 2, GUIDE: 3, BAND: 3}
"""Lighter or darker shades of the theme's panel, depending on the background."""


class Palette:
    """The styles of one theme. ``is_dim``: without colours, raw values and guides are dim."""

    def __init__(self, colours: tuple[tuple[str, str], ...], is_dark: bool, is_dim: bool) -> None:
        self._variables, self._is_dark, self._is_dim = dict(colours), is_dark, is_dim
        self._styles: dict[int, Style] = {}
        self.background = self._colour("background")

    def __getitem__(self, tone: int) -> Style:
        if tone not in self._styles:
            self._styles[tone] = self._style(tone)
        return self._styles[tone]

    def colour(self, tone: int) -> Color:
        """The colour of the foreground."""
        tone &= BOLD - 1
        if tone >= DIMMED:
            own = self.colour(tone - DIMMED + LINE)
            is_mixed = own.ansi is None and self.background.ansi is None
            return self.background.blend(own, _DIM_PART) if is_mixed else own
        if tone >= LINE:
            return self._colour(COLOURS[tone - LINE].removeprefix("$"))
        if tone in _FAINT:
            shade = f"panel-lighten-{_FAINT[tone]}" if self._is_dark else "panel-darken-3"
            return self._colour(shade)
        return self._colour(_NAMES[tone])

    def _style(self, tone: int) -> Style:
        plain = tone & (BOLD - 1)
        is_dim = plain in (GUIDE, BAND) or plain >= DIMMED
        return Style(
            color=self.colour(tone).rich_color, bgcolor=self.background.rich_color,
            bold=bool(tone & BOLD) or None, reverse=bool(tone & REVERSE) or None, dim=(self._is_dim and is_dim) or None,
        )  # fmt: skip

    def _colour(self, variable: str) -> Color:
        """A variable of the theme; the colour of text where it has none that can be drawn with."""
        for name in (variable, "foreground"):
            try:
                return Color.parse(self._variables[name])
            except (ColorParseError, KeyError):
                continue
        return Color.parse("ansi_default")


@lru_cache(4)
def _palette(colours: tuple[tuple[str, str], ...], is_dark: bool, is_dim: bool) -> Palette:
    return Palette(colours, is_dark, is_dim)


def palette_of(variables: Mapping[str, str], is_dark: bool, is_dim: bool) -> Palette:
    """The palette of a theme with these variables; the same one for every chart."""
    used = ("background", *_NAMES.values(), "panel-lighten-2", "panel-lighten-3", "panel-darken-3")
    names = (*used, *(colour.removeprefix("$") for colour in COLOURS))
    return _palette(tuple((name, variables[name]) for name in names if name in variables), is_dark, is_dim)
