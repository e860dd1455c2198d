"""A picture in full screen."""

from __future__ import annotations

from typing import Any, Protocol

from textual.app import ComposeResult

from gentui.config import key_table
from gentui.tui.index_reader import Query
from gentui.tui.screens.base import BaseScreen
from gentui.tui.widgets.bars import KeyBar, StatusLine
from gentui.tui.widgets.viewer import Viewer


class PictureSource(Protocol):
    """The screen whose picture is shown: it has the data and chooses the picture."""

    def index_query(self) -> Query | None: ...
    def show(self, data: Any) -> None: ...
    def current_picture(self) -> tuple[Any, ...]: ...
    def scrub(self, by: int) -> str: ...
    def follow_newest(self) -> str: ...
    def next_figure(self) -> str: ...


class PictureScreen(BaseScreen):
    """The picture of a run view in full screen; scrubbing here scrubs there, too."""

    context = "picture"
    place = "view"
    BINDINGS = key_table.bindings("picture")

    def __init__(self, run: PictureSource) -> None:
        super().__init__()
        self._run = run

    def compose(self) -> ComposeResult:
        yield Viewer(self.gentui.images, scrolls=True, id="full")
        yield StatusLine()
        yield KeyBar(self.context, modal=True)

    def on_mount(self) -> None:
        self.query_one(Viewer).focus()
        self.call_after_refresh(self._show)

    def index_query(self) -> Query | None:
        return self._run.index_query()

    def show(self, data: Any) -> None:
        self._run.show(data)
        self._show()

    def _show(self) -> None:
        self.query_one(Viewer).show(*self._run.current_picture())

    def action_scrub(self, by: int) -> None:
        self.say(self._run.scrub(by))
        self._show()

    def action_newest(self) -> None:
        self.say(self._run.follow_newest())
        self._show()

    def action_figure(self) -> None:
        self.say(self._run.next_figure())
        self._show()

    def action_play(self) -> None:
        self.say(self.query_one(Viewer).play_or_pause())

    def action_back(self) -> None:
        self.app.pop_screen()
