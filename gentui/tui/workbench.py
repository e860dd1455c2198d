"""The app: main screens, global keys, themes, start and end."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.binding import Binding

from gentui.config import key_table, keymap, preferences
from gentui.tui import endings, gc_tuning, navigation
from gentui.tui.index_reader import (
    REDRAW,
    SLOW,
    Activity,
    EvaluationFinished,
    IndexReader,
    RunsEnded,
    ThreadedIndexReader,
    newest_of,
)
from gentui.tui.output_sanitizer import OutputSanitizer
from gentui.tui.overlay import Overlays
from gentui.tui.services import AppServices
from gentui.tui.textual_private.core import feed_as_typed, write_to_terminal
from gentui.tui.themes import THEMES, curve_colours
from gentui.tui.widgets.bars import StatusLine, TitleBar

if TYPE_CHECKING:
    from textual.driver import Driver
    from textual.filter import LineFilter
    from textual.screen import Screen


THREADED = partial(ThreadedIndexReader, warm_up=partial(navigation.preload, "leaderboard", "run", "runs"))


class GentuiApp(AppServices):
    """gentui on one home.

    ``images``: how pictures are drawn: kitty, sixel, half or none. ``typed``: input from before the app started.
    ``low_bandwidth``: redraw every five seconds at most, without animations. ``at``: the id of a run to open at first.
    ``reader``: makes the ``IndexReader``.
    """

    TITLE = "gentui"
    CSS_PATH = "workbench.tcss"
    MODES: ClassVar[dict[str, Any]] = {
        place: partial(navigation.create, place) for place in ("home", "runs", "leaderboard", "machine")
    }
    DEFAULT_MODE = "home"
    BINDINGS: ClassVar[list[Any]] = [
        *key_table.bindings("app"),
        Binding("ctrl+c", "help_quit", show=False, system=True),
    ]
    ENABLE_COMMAND_PALETTE = False
    NOTIFICATION_TIMEOUT = 6
    TOOLTIP_DELAY = 3600.0
    ALLOW_SELECT = False

    def __init__(
        self,
        home: Path,
        images: str = "half",
        typed: str = "",
        low_bandwidth: bool = False,
        at: str = "",
        reader: Callable[..., IndexReader] = THREADED,
    ) -> None:
        no_color = "NO_COLOR" in os.environ
        mapping, self._keymap_problems = keymap.read()
        key_table.use_keymap(mapping)
        super().__init__(ansi_color=True if no_color else None)
        self.set_keymap(mapping)
        self.home = home
        self.images = images
        self.low_bandwidth = low_bandwidth
        self.reader = reader(self, home, redraw=SLOW if low_bandwidth else REDRAW)
        self.overlays = Overlays()
        self._typed, self._at = typed, at
        self._activity = Activity()
        self._title: str | None = None
        self._sanitizer = OutputSanitizer()
        for theme, _ in THEMES.values():
            self.register_theme(theme)
        self._preferences = preferences.read()
        self.palette = self._preferences.palette
        theme = self._preferences.theme if self._preferences.theme in THEMES else "gentui"
        self.theme = "ansi-dark" if no_color else theme
        self.animation_level = "none"

    def get_driver_class(self) -> type[Driver]:
        from textual.drivers.linux_driver import LinuxDriver

        from gentui.tui.driver import PromptDriver

        driver = super().get_driver_class()
        return PromptDriver if driver is LinuxDriver else driver

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._sanitizer]

    # -- start and end

    def on_mount(self) -> None:
        self._handle_signals()
        # The index and the recipes must not compete with the first frame.
        self.call_after_refresh(self._start)

    def _start(self) -> None:
        self._is_up = True
        for problem in self._keymap_problems:
            self.toast(problem, "warning")
        self.set_timer(0.02, self._start_reader)

    def _start_reader(self) -> None:
        if self._typed:
            feed_as_typed(self, self._typed)
        if not self.is_headless:
            gc_tuning.enable()
        self.reader.start()
        if self._at:
            self.open_run(self._at)
        elif self._preferences.start == "newest":
            self.action_view()
        elif self._preferences.start == "runs":
            self.call_later(self.action_go, "runs")
        if not (self._preferences.toured or self.is_headless):
            self.action_tour()

    def _handle_signals(self) -> None:
        """Have SIGHUP (the terminal is closed) and SIGTERM end the app; trainings go on."""
        if threading.current_thread() is not threading.main_thread() or self.is_headless:
            return
        import asyncio

        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, lambda: os._exit(129))
        loop.add_signal_handler(signal.SIGTERM, lambda: self.exit(0))

    def on_unmount(self) -> None:
        self.reader.end()

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key):
            gc_tuning.note_key()
        await super().on_event(event)

    # -- from the index

    def on_activity(self, message: Activity) -> None:
        if message.note != self._activity.note and message.note:
            self.toast(f"{message.note}.", "warning")
        self._activity = message
        self._show_title(", ".join(self._activity_words()))
        self.show_activity(self.screen)

    def on_runs_ended(self, message: RunsEnded) -> None:
        """Tell of runs that have ended: here, and to whoever looks at another window."""
        self.toast(f"{message.text}.", message.severity)
        self._show_title(message.text)
        write_to_terminal(self, endings.terminal_signal(preferences.read().signal, message.text))

    def _show_title(self, text: str) -> None:
        """Name what goes on in the terminal's title; nothing is written while it stays the same."""
        if text != self._title and os.environ.get("TERM") != "linux":
            self._title = text
            write_to_terminal(self, endings.title(f"gentui: {text}" if text else "gentui"))

    def _activity_words(self) -> list[str]:
        counts = (
            (self._activity.running, "● {} running"), (self._activity.queued, "◌ {} queued"),
            (self._activity.scoring, "◇ {} scoring"),
        )  # fmt: skip
        return [words.format(count) for count, words in counts if count]

    def show_activity(self, screen: Screen[Any]) -> None:
        """Show in the bars of this screen how many runs train, wait and are being scored."""
        words = self._activity_words()
        for bar in screen.query(TitleBar):
            bar.busy = "  ".join(words)
        for line in screen.query(StatusLine):
            line.show_problem(self._activity.problem)

    def on_evaluation_finished(self, message: EvaluationFinished) -> None:
        self.toast(message.text, message.severity)

    # -- global keys

    def action_view(self) -> None:
        """Open the run that trains, or the newest."""
        self.in_thread(self._newest_run, self._open_newest)

    def _newest_run(self) -> str | None:
        from gentui.index import Index

        if self.reader.newest is not None:
            return self.reader.newest
        index = Index(self.home)
        index.refresh(wait=2.0)  # the reader may not have read anything yet
        return newest_of(index.runs())

    def _open_newest(self, run_id: str | None) -> None:
        if run_id is None:
            self.toast("There is no run yet: Enter on a recipe leads to one.")
        else:
            self.open_run(run_id)

    def action_compare(self) -> None:
        """Compare the selected runs; if there are fewer than two, ask which."""
        selected = [*getattr(self.screen, "selected_runs", [])]
        if len(selected) > 1:
            self.compare_runs(selected)
        else:
            self.choose_runs(selected)

    async def action_export(self) -> None:
        await self.push_screen(navigation.create("export"))

    async def action_help(self) -> None:
        await self.push_screen(navigation.create("help", getattr(self.screen, "context", "")))

    async def action_jump(self) -> None:
        from gentui.tui.screens.jump import JumpScreen, targets

        if isinstance(self.screen, JumpScreen):
            return
        await self.push_screen(JumpScreen(targets(self.screen)), self._jumped)

    def _jumped(self, go: Callable[[], Any] | None) -> None:
        if go is not None:
            self.call_later(go)

    async def action_find(self) -> None:
        """Find a command, recipe, run, setting or metric; again: close the palette."""
        from gentui.tui.found_things import Thing

        below = self.screen
        if isinstance(below, navigation.screen_class("find")):
            below.dismiss(None)
            return
        context = getattr(below, "context", "")
        commands = [
            Thing("command", f"{key.label} ({key.display})", key.help, "run_key", (below, key))
            for key in dict.fromkeys([*key_table.keys_of(context), *key_table.keys_of("app")])
            if key.id not in ("app.palette", "app.find") and (key.palette or key.context == context)
        ]

        def found(thing: Thing | None) -> None:
            if thing is not None:
                target = thing.target if isinstance(thing.target, tuple) else (thing.target,)
                self.call_later(getattr(self, thing.action), *target)

        await self.push_screen(navigation.create("find", commands), found)

    async def run_key(self, screen: Screen[Any], key: key_table.Key) -> None:
        """Do what a key does on a screen."""
        await (self if key.context == "app" else screen).run_action(key.action)

    async def show_metric(self, run_id: str, name: str) -> None:
        """Go to the curve of a metric: the charts of a run, filtered."""
        self.open_run(run_id)
        self.call_later(self._filter_charts, name)

    def _filter_charts(self, name: str) -> None:
        from gentui.tui.widgets.filter import Filter

        screen = self.screen
        if isinstance(screen, navigation.screen_class("run")):
            getattr(screen, "go_to_charts", lambda: None)()
            line = screen.query_one(Filter)
            line.open()
            line.value = name

    def show_setting(self, recipe: str, key: str) -> None:
        """Open the form of a recipe, the one under the cursor of the menu if it has the setting, with the cursor on
        the setting."""
        from engine.recipes import recipe as recipes

        def read() -> Any:
            return recipes.load(recipes.find_recipe(recipe))

        def show(loaded: Any) -> None:
            self.push_screen(navigation.create("form", loaded, focus=key))

        card = getattr(self.screen, "card", None)
        here = getattr(card, "recipe", None)
        if here is not None and any(field.key == key for field in here.form()):
            show(here)
        else:
            self.in_thread(read, show)

    async def show_recipe(self, name: str) -> None:
        """Go to a recipe in the menu."""
        await self.action_go("home")
        getattr(self.screen, "show_recipe", lambda name: None)(name)

    def action_theme(self) -> None:
        if self.theme not in THEMES:
            self.toast("Colours are off: NO_COLOR is set.", "warning")
            return
        names = list(THEMES)
        self.theme = names[(names.index(self.theme) + 1) % len(names)]
        is_saved = preferences.remember(theme=self.theme)
        self.toast(
            f"Theme: {THEMES[self.theme][1]}" + ("" if is_saved else ", until you leave: it cannot be saved")
        )

    def get_theme_variable_defaults(self) -> dict[str, str]:
        palette = getattr(self, "palette", "theme")
        return {**super().get_theme_variable_defaults(), **curve_colours(palette, self.current_theme)}

    def action_preferences(self) -> None:
        self.push_screen(navigation.create("preferences"))

    def action_tour(self) -> None:
        preferences.remember(toured=True)
        self.push_screen(navigation.create("tour"))

    def action_copy(self) -> None:
        """Offer the id, command line and path of the selected run for copying."""
        selected = [*getattr(self.screen, "selected_runs", [])]
        drawn = getattr(self.screen, "shown_command", "")
        if not selected:
            self.toast("Choose a run first: its id, command line and path can be copied.", "warning")
            return

        def read() -> dict[str, str]:
            import shlex

            from engine.runs.directory import RunDir

            run = RunDir(self.home / "runs" / selected[0])
            command = run.info().get("command")
            words = [str(word) for word in command] if isinstance(command, list) else []
            return {"id": run.id, "command": drawn or shlex.join(words), "path": str(run.path)}

        def show(texts: dict[str, str]) -> None:
            self.push_screen(navigation.create("copy", texts))

        self.in_thread(read, show)

    def action_redraw(self) -> None:
        self.refresh(layout=True)
        self.screen.refresh(layout=True)

    async def action_quit(self) -> None:
        self.exit(0)

    def action_help_quit(self) -> None:
        """Say how to leave: what Ctrl-C does where there is nothing to copy."""
        quit_key = key_table.as_mapped(key_table.BY_ID["app.quit"]).display
        self.toast(f"{quit_key} quits; training goes on.")
