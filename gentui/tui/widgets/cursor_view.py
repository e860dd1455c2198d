"""Lines that scroll, one of them under a cursor that stays in sight."""

from __future__ import annotations

from typing import ClassVar

from textual.scroll_view import ScrollView


class CursorView(ScrollView):
    """Base of widgets that draw lines and have a cursor on one of them.

    Where the view becomes lower for a moment, as when a message takes a line below it, what had to be scrolled for the
    cursor is scrolled back as soon as there is room again.
    """

    FIXED_LINES: ClassVar[int] = 0
    """Lines at the top that do not scroll."""

    _at: int = 0
    _squeezed: tuple[int, int] | None = None
    """The scroll offset before a lower height changed it, and after."""

    def _first_shown(self) -> int:
        """The first of the lines that are shown with the cursor's, such as the heading above it."""
        return self._at

    def _reveal(self) -> None:
        """Scroll no further than it takes to see the cursor."""
        self._scroll(self._in_sight(self.scroll_offset.y))

    def _follow_height(self) -> None:
        top = self.scroll_offset.y
        if self._squeezed is not None and top == self._squeezed[1]:
            top = self._squeezed[0]
        seen = self._in_sight(top)
        self._squeezed = (top, seen) if seen != top else None
        self._scroll(seen)

    def _in_sight(self, top: int) -> int:
        """The scroll offset nearest to ``top`` at which the cursor is seen."""
        if (first := self._first_shown()) < top:
            return first
        return max(top, self._at - self.size.height + self.FIXED_LINES + 1)

    def _scroll(self, top: int) -> None:
        if top != self.scroll_offset.y:
            self.scroll_to(y=top, animate=False)
