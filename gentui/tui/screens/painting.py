"""Screens that paint once what takes several layouts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gentui.tui.screens.base import BaseScreen, is_ready
from gentui.tui.textual_private.core import HookedScreen

if TYPE_CHECKING:
    from textual.timer import Timer

LONGEST_HOLD, CHECK_EVERY = 0.15, 0.005
"""Seconds that painting is held at most, and between two checks whether all is ready."""


class BatchedPaintScreen(BaseScreen, HookedScreen):
    """A screen that can hold its painting until its widgets are laid out and drawn."""

    _held: Timer | None = None

    def hold_paint(self) -> None:
        """Paint nothing until `release_paint`, at most for `LONGEST_HOLD`, so that the result of several layouts is
        painted once."""
        self._held = self._held or self.set_timer(LONGEST_HOLD, self._paint_held)

    def release_paint(self) -> None:
        """Paint all changes as soon as they are laid out and drawn."""
        if self._held is not None:
            self.call_later(self._paint_when_drawn)

    def _paint_when_drawn(self) -> None:
        if self._held is None or not is_ready(self):
            return
        if self.is_drawn:
            self._paint_held()
        else:
            self.set_timer(CHECK_EVERY, self._paint_when_drawn)

    @property
    def is_drawn(self) -> bool:
        """Whether all widgets are ready to be painted."""
        return not self.is_layout_due

    def _paint_held(self) -> None:
        if self._held is not None:
            self._held.stop()
            self._held = None
            self.paint()

    def paint(self) -> None:
        if self._held is None:
            super().paint()

    def on_screen_suspend(self) -> None:
        self._paint_held()
