"""The base of all screens: title, status line, key bar, and data from the index while the screen is on top."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen, Screen

from gentui.config import key_table
from gentui.text.sanitize import clean
from gentui.tui.index_reader import Query, QueryResult
from gentui.tui.services import AppServices
from gentui.tui.sizes import NORMAL, WIDE
from gentui.tui.textual_private.core import is_closing
from gentui.tui.textual_private.patches import dismiss_once
from gentui.tui.widgets.bars import KeyBar, StatusLine, TitleBar

if TYPE_CHECKING:
    from collections.abc import Callable

    _AnyScreen = Screen[Any]
else:  # no widget itself: Textual takes styles from the first base that is one
    _AnyScreen = object


def is_ready(screen: Screen[Any]) -> bool:
    """Whether the screen's widgets exist. A key may arrive before they do, or after they are gone."""
    return screen.is_mounted and not is_closing(screen)


class ScreenMixin(_AnyScreen):
    """What full screens and dialogs share. Keys and commands that come too early or too late do nothing."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (NORMAL, "-normal"), (34, "-tall")]  # noqa: RUF012
    _styled_for: object = None  # what the styles of its widgets were worked out from

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # With the classes of its size from the start, its widgets are styled once, and not again when it is laid out.
        size = self.app.size
        for length, breakpoints in (
            (size.width, self.HORIZONTAL_BREAKPOINTS), (size.height, self.VERTICAL_BREAKPOINTS),
        ):  # fmt: skip
            fit = [name for least, name in breakpoints or () if least <= length]
            self.add_class(*fit[-1:], update=False)

    @property
    def _styles_follow(self) -> object:
        return self.app.theme, self.app.pseudo_classes, len(self.app.stylesheet.source), self.app.size

    def on_mount(self) -> None:
        self._styled_for = self._styles_follow

    def _on_screen_resume(self, event: events.ScreenResume) -> None:
        """Textual styles all widgets anew whenever a screen comes to the top: only if that may change anything. Its own
        handler is called after this one."""
        follows = self._styles_follow
        event.refresh_styles = event.refresh_styles and self._styled_for != follows
        self._styled_for = follows

    @property
    def is_wide(self) -> bool:
        """Whether two panes stand side by side."""
        return self.app.size.width >= WIDE

    @property
    def is_short(self) -> bool:
        """Whether there is hardly room for a second pane."""
        return self.app.size.height < NORMAL

    @property
    def gentui(self) -> AppServices:
        """The app."""
        assert isinstance(self.app, AppServices)
        return self.app

    def call_after_refresh(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
        """Call back after the next refresh, unless the screen has been left by then."""
        return super().call_after_refresh(lambda: callback(*args, **kwargs) if is_ready(self) else None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return is_ready(self)

    async def run_action(self, action: str, namespaces: Any = None) -> None:
        """Run an action, unless the screen has been left since it was chosen."""
        if is_ready(self) and self.is_attached:
            await super().run_action(action, namespaces)


class BaseScreen(ScreenMixin, Screen[Any]):
    """A full screen. Subclasses set ``context`` and ``place``, and compose their ``body``."""

    context: ClassVar[str] = "app"
    place: ClassVar[str] = ""

    def compose(self) -> ComposeResult:
        yield TitleBar(self.place)
        yield from self.body()
        yield StatusLine()
        yield KeyBar(self.context)

    def body(self) -> ComposeResult:
        yield from ()

    @property
    def selected_runs(self) -> list[str]:
        """The ids of the runs that are compared or copied from here, the one under the cursor first."""
        return []

    @property
    def shown_command(self) -> str:
        """The command line that makes what is shown; "" where it is the one that started the run."""
        return ""

    def index_query(self) -> Query | None:
        """What the screen asks of the index, None for nothing. Its work runs off the UI thread."""
        return None

    def show(self, data: Any) -> None:
        """Show the result of the screen's query."""

    def ask(self) -> None:
        """Ask the index now, and from now on whenever it may have changed."""
        if self.is_active and (query := self.index_query()) is not None:  # `is_current` holds one below as well
            self._current_query = query
            self.gentui.supply(self, query)

    _current_query: Query | None = None

    def on_query_result(self, message: QueryResult) -> None:
        if message.query is not self._current_query or not self.is_attached:  # the result of an older query
            return
        try:
            self.show(message.data)
        except Exception as error:  # one odd run must not end the app
            self.query_one(StatusLine).show_problem(clean(f"this cannot be shown: {error!r}", 300))

    def on_screen_resume(self) -> None:
        self.gentui.show_activity(self)
        self.ask()

    def on_screen_suspend(self) -> None:
        self.gentui.stop_supply(self)

    def action_undo(self) -> None:
        """Restore the run that was deleted last."""
        self.gentui.restore_last()

    def say_where_to_go(self) -> None:
        """Answer Esc on a main screen, which does not leave it."""
        first, last = (
            key_table.as_mapped(key_table.BY_ID[f"app.{name}"]).display for name in ("home", "machine")
        )
        self.say(f"Nothing to clear. {first} to {last} lead to the main screens.")

    def say(self, text: str) -> None:
        """Show a message in the status line, until the next one."""
        self.query_one(StatusLine).show_message(text)


class Dialog(ScreenMixin, ModalScreen[Any]):
    """A dialog over the screen below. Subclasses set ``context``."""

    context: ClassVar[str] = ""
    dismiss = dismiss_once

    def action_back(self) -> None:
        self.dismiss(None)
