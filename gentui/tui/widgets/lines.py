"""Plain text such as logs and recipes, one line a row. Only the lines on screen are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from gentui.text.matching import matcher
from gentui.text.sanitize import fit


class Lines(ScrollView, can_focus=True):
    """Scrollable lines of sanitized text. With ``follow``, a view at the end stays there as lines are added.
    ``empty`` is shown in place of no lines."""

    DEFAULT_CSS = """
    Lines { background: $background; color: $foreground; overflow-x: hidden; overflow-y: auto;
            scrollbar-size-vertical: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "Up", show=False),
        Binding("down,j", "scroll_down", "Down", show=False),
        Binding("pageup", "page_up", "Page up", show=False),
        Binding("pagedown,space", "page_down", "Page down", show=False),
        Binding("home", "scroll_home", "First", show=False),
        Binding("end", "scroll_end", "Last", show=False),
    ]

    def __init__(self, *, follow: bool = False, empty: str = "", id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: Sequence[str] = ()  # the lines shown
        self._all: Sequence[str] = ()
        self._filter = ""
        self._mark: int | None = None
        self._left = 0  # characters scrolled out on the left
        self._follow = follow
        self._is_at_end = follow
        self._empty = empty

    @property
    def lines(self) -> Sequence[str]:
        return self._lines

    def set_lines(self, lines: Sequence[str]) -> None:
        if lines != self._all:
            self._all = lines
            self._show(self._filtered())

    def filter_by(self, text: str) -> str:
        """Show only the lines that match a filter; "" shows all. Return what is wrong with the filter, or ""."""
        if text != self._filter:
            self._filter = text
            self._show(self._filtered())
        return matcher(text)[1]

    def mark_line(self, at: int | None) -> None:
        """Highlight one line and scroll it into view; None highlights none."""
        if at == self._mark:
            return
        self._mark = at
        if at is not None and not self.scroll_offset.y <= at < self.scroll_offset.y + self.size.height:
            self.scroll_to(y=max(0, at - self.size.height // 2), animate=False)
        self.refresh()

    @property
    def marked(self) -> int | None:
        """The index of the highlighted line."""
        return self._mark if self._mark is not None and self._mark < len(self._lines) else None

    def _filtered(self) -> Sequence[str]:
        if not self._filter.strip():
            return self._all
        matches = matcher(self._filter)[0]
        return [line for line in self._all if matches(line)]

    def _show(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self.virtual_size = Size(self.size.width, len(lines))
        self._stay_at_end()
        self.refresh()

    def _stay_at_end(self) -> None:
        if self._follow and self._is_at_end:
            self.go_to_end()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._is_at_end = new_value >= self.max_scroll_y

    def watch_show_vertical_scrollbar(self, is_shown: bool) -> None:
        """Set the scrollbar where the lines are: Textual only tells a bar that is there when they move."""
        if is_shown:
            self.vertical_scrollbar.position = self.scroll_y

    def sideways(self, by: int) -> bool:
        """Scroll ``by`` half widths to the right, or to the left if negative. Return False if nothing moved."""
        step = max(1, self.size.width // 2)
        longest = max(map(len, self._lines), default=0)
        left = max(0, min(self._left + by * step, longest - self.size.width + 2))
        is_moved = left != self._left
        if is_moved:
            self._left = left
            self.refresh()
        return is_moved

    def go_to_end(self) -> None:
        self.scroll_to(y=len(self._lines), animate=False, force=True)  # also before there is a scroll bar

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._lines))
        self._stay_at_end()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width, base = self.scrollable_content_region.width, self.rich_style
        index = y + self.scroll_offset.y
        if not self._lines and y == 1:
            empty = "No line matches the filter." if self._all else self._empty
            return Strip([Segment(fit("  " + empty, width), base)], width)
        if index >= len(self._lines):
            return Strip.blank(width, base)
        is_marked = index == self._mark
        edge = "▸" if is_marked else "…" if self._left else " "
        style = base + Style(reverse=True) if is_marked else base
        return Strip([Segment(fit(edge + self._lines[index][self._left :], width), style)], width)
