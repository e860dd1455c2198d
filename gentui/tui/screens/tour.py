"""The tour: five lines for the first start."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from gentui.config import key_table
from gentui.tui.screens.base import Dialog
from gentui.tui.widgets.bars import KeyBar


def lines() -> list[str]:
    """The lines, with the keys of the user's key map."""
    key = lambda name: key_table.as_mapped(key_table.BY_ID[name]).display  # noqa: E731
    return [
        f"{key('home.train')} on a recipe shows what it trains, and again starts it; {key('home.quick')}: a short run.",
        "Training runs by itself: leave, or lose the connection, and it goes on.",
        f"{key('app.runs')} lists every run, {key('app.leaderboard')} ranks them, {key('app.compare')} compares them.",
        f"The bottom line names the keys of each screen; {key('app.help')} shows all of them.",
        f"{key('app.palette')} finds any command by its name; {key('app.quit')} leaves.",
    ]


class TourScreen(Dialog):
    """Any key closes it; one that is bound on the screen below acts there, too."""

    context = "notice"
    BINDINGS = key_table.bindings("notice")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog-box"):
            text = "\n".join(f"{number}  {line}" for number, line in enumerate(lines(), 1))
            yield Static(
                Content.assemble(("Welcome to gentui", "bold $primary"), f"\n\n{text}\n"), markup=False
            )
            yield KeyBar("notice", modal=True)

    def on_key(self, event: events.Key) -> None:
        if event.key in self.active_bindings:
            return
        event.stop()
        self.dismiss(None)
        self.app.call_later(self.app.post_message, events.Key(event.key, event.character))
