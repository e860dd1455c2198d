"""A picture on the whole screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult

from gentui.config import key_table
from gentui.tui.live import Fetch
from gentui.tui.screens.base import BaseScreen
from gentui.tui.widgets.bars import KeyBar, StatusLine
from gentui.tui.widgets.viewer import Viewer

if TYPE_CHECKING:
    from gentui.tui.screens.run import RunScreen, Seen


class PictureScreen(BaseScreen):
    """The run view's picture, large; scrubbing here scrubs there."""

    context = "picture"
    place = "runs"
    BINDINGS = key_table.bindings("picture")

    def __init__(self, run: RunScreen) -> None:
        super().__init__()
        self._run = run

    def compose(self) -> ComposeResult:
        yield Viewer(self.gentui.images, id="full")
        yield StatusLine()
        yield KeyBar(self.context, modal=True)

    def on_mount(self) -> None:
        self.call_after_refresh(self._show)

    def fetch(self) -> Fetch | None:
        return self._run.fetch()

    def show(self, data: Seen | None) -> None:
        self._run.show(data)
        self._show()

    def _show(self) -> None:
        self.query_one(Viewer).show(*self._run.picture_now())

    def action_scrub(self, by: int) -> None:
        self.say(self._run.scrub(by))
        self._show()

    def action_newest(self) -> None:
        self.say(self._run.follow_newest())
        self._show()

    def action_figure(self) -> None:
        self.say(self._run.action_figure())
        self._show()

    def action_play(self) -> None:
        self.say(self.query_one(Viewer).play_or_pause())

    def action_back(self) -> None:
        self.app.pop_screen()
