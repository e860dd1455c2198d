"""The app: screens, keys, and the rules that hold everywhere."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.binding import Binding
from textual.widget import Widget

from gentui.config import key_table, keymap, preferences
from gentui.text.sanitize import clean
from gentui.tui import quiet
from gentui.tui.gate import Gate
from gentui.tui.live import REDRAW, SLOW, Fetch, Live, Pulse, Scored, newest_of
from gentui.tui.overlay import Overlay
from gentui.tui.screens.home import HomeScreen
from gentui.tui.survival import SurvivingApp
from gentui.tui.themes import THEMES, curve_colours
from gentui.tui.widgets.bars import StatusLine, TitleBar

if TYPE_CHECKING:
    from textual.driver import Driver
    from textual.filter import LineFilter
    from textual.screen import Screen

    from engine.recipes.axes import Axis
    from engine.recipes.recipe import Recipe


def _runs_screen() -> Screen[Any]:
    from gentui.tui.screens.runs import RunsScreen

    return RunsScreen()


def _leaderboard_screen() -> Screen[Any]:
    from gentui.tui.screens.leaderboard import LeaderboardScreen

    return LeaderboardScreen()


def _machine_screen() -> Screen[Any]:
    from gentui.tui.screens.machine import MachineScreen

    return MachineScreen()


class GentuiApp(SurvivingApp):
    """gentui over one home. ``images`` is how pictures are drawn: kitty, sixel, half or none. ``low_bandwidth``:
    what changes by itself is drawn every five seconds, and nothing moves."""

    TITLE = "gentui"
    CSS_PATH = "workbench.tcss"
    MODES: ClassVar[dict[str, Any]] = {
        "home": HomeScreen,
        "runs": _runs_screen,
        "leaderboard": _leaderboard_screen,
        "machine": _machine_screen,
    }
    DEFAULT_MODE = "home"
    BINDINGS: ClassVar[list[Any]] = [
        *key_table.bindings("app"),
        Binding("ctrl+c", "help_quit", show=False, system=True),
    ]
    ENABLE_COMMAND_PALETTE = True
    NOTIFICATION_TIMEOUT = 6
    TOOLTIP_DELAY = 3600.0
    ALLOW_SELECT = False

    def __init__(
        self, home: Path, images: str = "half", typed: str = "", low_bandwidth: bool = False, at: str = ""
    ) -> None:
        no_color = "NO_COLOR" in os.environ
        mapping, self._troubles = keymap.read()
        key_table.use(mapping)
        super().__init__(ansi_color=True if no_color else None)
        self.set_keymap(mapping)
        self.home = home
        self.images = images
        self.low_bandwidth = low_bandwidth
        self.live = Live(self, home, redraw=SLOW if low_bandwidth else REDRAW)
        self.overlay = Overlay()
        self._typed, self._at = typed, at
        self._pulse = Pulse()
        self._gate = Gate()
        for theme, _ in THEMES.values():
            self.register_theme(theme)
        self._remembered = preferences.read()
        self.palette = self._remembered.palette
        chosen = self._remembered.theme if self._remembered.theme in THEMES else "gentui"
        self.theme = "ansi-dark" if no_color else chosen
        self.animation_level = "none"

    def get_driver_class(self) -> type[Driver]:
        from textual.drivers.linux_driver import LinuxDriver

        from gentui.tui.driver import PromptDriver

        found = super().get_driver_class()
        return PromptDriver if found is LinuxDriver else found

    def get_system_commands(self, screen: Screen[Any]) -> Any:
        from textual.app import SystemCommand

        seen = set()
        context = getattr(screen, "context", "")
        for key in key_table.of(context) + key_table.of("app"):
            if key.id not in seen and key.id != "app.palette":
                seen.add(key.id)
                yield SystemCommand(f"{key.label} ({key.display})", key.help, self._runner(screen, key))

    def _runner(self, screen: Screen[Any], key: key_table.Key) -> Callable[[], None]:
        def run() -> None:
            self.call_later((self if key.context == "app" else screen).run_action, key.action)

        return run

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._gate]

    # -- life

    def on_mount(self) -> None:
        self._listen()
        # The index and the recipes must not compete with the first frame.
        self.call_after_refresh(self._start)

    def _start(self) -> None:
        self._is_up = True
        for trouble in self._troubles:
            self.tell(trouble, "warning")
        self.set_timer(0.02, self._start_live)

    def _start_live(self) -> None:
        if self._typed and self._driver is not None:
            from textual._xterm_parser import XTermParser

            for event in XTermParser().feed(self._typed):
                self._driver.process_message(event)
        if not self.is_headless:
            quiet.keep()
        self.live.start()
        if self._at:
            self.open_run(self._at)
        elif self._remembered.start == "newest":
            self.action_view()
        elif self._remembered.start == "runs":
            self.call_later(self.action_go, "runs")
        if not (self._remembered.toured or self.is_headless):
            self.action_tour()

    def _listen(self) -> None:
        """A closed terminal or a polite kill ends the app, and nothing else."""
        if threading.current_thread() is not threading.main_thread() or self.is_headless:
            return
        import asyncio

        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, lambda: os._exit(129))
        loop.add_signal_handler(signal.SIGTERM, lambda: self.exit(0))

    def on_unmount(self) -> None:
        self.live.end()

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key):
            quiet.typed()
        await super().on_event(event)

    # -- the live thread

    def supply(self, screen: Screen[Any], fetch: Fetch) -> None:
        self.live.watch(screen, fetch)

    def stop_supply(self, screen: Screen[Any]) -> None:
        self.live.unwatch(screen)

    def on_pulse(self, pulse: Pulse) -> None:
        self._pulse = pulse
        self.show_pulse(self.screen)

    def show_pulse(self, screen: Screen[Any]) -> None:
        """What is going on, in the bars of this screen."""
        words = []
        if self._pulse.running:
            words.append(f"● {self._pulse.running} running")
        if self._pulse.queued:
            words.append(f"◌ {self._pulse.queued} queued")
        if self._pulse.scoring:
            words.append(f"◇ {self._pulse.scoring} scoring")
        for bar in screen.query(TitleBar):
            bar.busy = "  ".join(words)
        for line in screen.query(StatusLine):
            line.complain(self._pulse.trouble)

    def tell(self, text: str, severity: Any = "information") -> None:
        """A short notice in the corner; ``text`` may be anything."""
        self.notify(clean(text, 1000), severity=severity, markup=False)

    # -- going places

    async def action_go(self, place: str) -> None:
        await self.switch_mode(place)
        while len(self.screen_stack) > 1:
            await self.pop_screen()

    def action_view(self) -> None:
        """The run that trains, or the newest."""
        self.in_thread(self._newest_run, self._open_newest)

    def _newest_run(self) -> str | None:
        from gentui.index import Index

        if self.live.newest is not None:
            return self.live.newest
        index = Index(self.home)
        index.refresh(wait=2.0)  # a key may be faster than the first pass of the live thread
        return newest_of(index.runs())

    def _open_newest(self, run_id: str | None) -> None:
        if run_id is None:
            self.tell("There is no run yet: Enter on a recipe trains it.")
        else:
            self.open_run(run_id)

    def open_run(self, run_id: str) -> None:
        from gentui.tui.screens.run import RunScreen

        top = self.screen
        if isinstance(top, RunScreen) and top.run_id == run_id:
            return
        if isinstance(top, RunScreen):
            self.switch_screen(RunScreen(run_id))
        else:
            self.push_screen(RunScreen(run_id))

    def action_compare(self) -> None:
        """The runs marked where the person is, side by side; with fewer than two, ask which."""
        meant = [*getattr(self.screen, "runs_meant", [])]
        if len(meant) > 1:
            self._compare(meant)
        else:
            self.choose_runs(meant)

    def choose_runs(self, marked: list[str], replacing: Screen[Any] | None = None) -> None:
        from gentui.tui.screens.choose import ChooseScreen

        def read() -> Any:
            from gentui.index import Index

            index = Index(self.home)
            index.refresh(wait=2.0)
            return index.runs()

        def chosen(runs: list[str] | None) -> None:
            if runs:
                self._compare(runs, replacing)

        def choose(runs: Any) -> None:
            self.push_screen(ChooseScreen(runs, marked), chosen)

        self.in_thread(read, choose)

    def _compare(self, runs: list[str], replacing: Screen[Any] | None = None) -> None:
        from gentui.tui.screens.compare import CompareScreen

        if replacing is not None and self.screen is replacing:
            self.switch_screen(CompareScreen(runs))
        else:
            self.push_screen(CompareScreen(runs))

    async def action_export(self) -> None:
        from gentui.tui.screens.export import ExportScreen

        await self.push_screen(ExportScreen())

    async def action_help(self) -> None:
        from gentui.tui.screens.help import HelpScreen

        await self.push_screen(HelpScreen(getattr(self.screen, "context", "")))

    async def action_jump(self) -> None:
        from gentui.tui.screens.jump import JumpScreen, targets

        if isinstance(self.screen, JumpScreen):
            return
        await self.push_screen(JumpScreen(targets(self.screen)), self._jumped)

    def _jumped(self, there: Callable[[], Any] | None) -> None:
        if there is not None:
            self.call_later(there)

    async def action_command_palette(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        from textual.command import CommandPalette
        from textual.widgets import Input

        palette = CommandPalette()
        await self.push_screen(palette)
        for line in palette.query(Input):
            line.cursor_blink = False  # an idle screen writes nothing

    def action_theme(self) -> None:
        if self.theme not in THEMES:
            self.tell("Colours are off: NO_COLOR is set.", "warning")
            return
        names = list(THEMES)
        self.theme = names[(names.index(self.theme) + 1) % len(names)]
        is_kept = preferences.remember(theme=self.theme)
        self.tell(
            f"Theme: {THEMES[self.theme][1]}" + ("" if is_kept else ", until you leave: it cannot be kept")
        )

    def get_theme_variable_defaults(self) -> dict[str, str]:
        palette = getattr(self, "palette", "theme")
        return {**super().get_theme_variable_defaults(), **curve_colours(palette, self.current_theme)}

    def action_preferences(self) -> None:
        from gentui.tui.screens.preferences import PreferencesScreen

        self.push_screen(PreferencesScreen())

    def action_tour(self) -> None:
        from gentui.tui.screens.tour import TourScreen

        preferences.remember(toured=True)
        self.push_screen(TourScreen())

    def action_copy(self) -> None:
        """What there is to copy of the run that is meant here."""
        meant = [*getattr(self.screen, "runs_meant", [])]
        if not meant:
            self.tell("Choose a run first: its id, command line and path can be copied.", "warning")
            return

        def read() -> dict[str, str]:
            import shlex

            from engine.runs.directory import RunDir

            run = RunDir(self.home / "runs" / meant[0])
            command = run.info().get("command")
            words = [str(word) for word in command] if isinstance(command, list) else []
            return {"id": run.id, "command": shlex.join(words), "path": str(run.path)}

        def show(texts: dict[str, str]) -> None:
            from gentui.tui.screens.copy import CopyScreen

            self.push_screen(CopyScreen(texts))

        self.in_thread(read, show)

    def action_redraw(self) -> None:
        self.refresh(layout=True)
        self.screen.refresh(layout=True)

    async def action_quit(self) -> None:
        self.exit(0)

    # -- work

    def in_thread(self, work: Callable[[], Any], then: Callable[[Any], None] | None = None) -> None:
        """Do something slow away from the screen; an exception becomes a notice."""

        def arrive(result: Any) -> None:
            if then is not None and not _is_gone(getattr(then, "__self__", None)):
                then(result)

        def do() -> None:
            try:
                result = work()
            except Exception as error:
                self.call_from_thread(self._failed, error)
            else:
                if then is not None:
                    try:
                        self.call_from_thread(arrive, result)
                    except Exception as error:  # else nobody would hear of it
                        self.call_from_thread(self._survive, error, None)

        self.run_worker(do, thread=True, exit_on_error=False, group="work")

    def _failed(self, error: Exception) -> None:
        from engine.recipes.recipe import MissingData

        for line in self.screen.query(StatusLine):
            line.say("")
        if isinstance(error, MissingData):
            self.missing_data(str(error))
        else:
            self.tell(str(error) or type(error).__name__, "error")

    def missing_data(self, remedy: str) -> None:
        from gentui.tui.screens.notice import NoticeScreen

        self.push_screen(NoticeScreen("The data is not here", remedy, "Nothing was started."))

    def evaluate(self, run: Any, options: dict[str, Any], command: list[str]) -> None:
        """Queue the scoring of a run; how it ends is told when it does."""

        def work() -> Any:
            from gentui import jobs

            return jobs.evaluate(self.home, run.id, options, command=command)

        def queued(job: Any) -> None:
            self.tell(f"Queued: {' '.join(command)}")
            self.live.follow(job)

        self.in_thread(work, queued)

    def on_scored(self, message: Scored) -> None:
        self.tell(message.text, message.severity)

    def launch(
        self,
        recipe: Recipe,
        name: str = "",
        command: list[str] | None = None,
        replacing: Screen[Any] | None = None,
        axes: Sequence[Axis] = (),
        chosen: int | None = None,
    ) -> None:
        """Train a recipe and go to its run view, or all runs of a sweep over ``axes`` and go to the list of runs.

        The screen ``replacing`` is left behind.
        """

        def work() -> list[str]:
            from gentui import jobs
            from gentui.runs import planning

            plans = planning.planned(recipe, axes, name, chosen)
            for plan in plans:
                plan.recipe.require_data()
            launch = jobs.launch
            return [launch(self.home, p.recipe, name=p.name, command=command, tags=p.tags).id for p in plans]

        def launched(run_ids: list[str]) -> None:
            self.live.wake()
            if replacing is not None and self.screen is replacing:
                self.pop_screen()
            if len(run_ids) == 1:
                self.open_run(run_ids[0])
            else:
                self.tell(f"{len(run_ids)} runs are in the queue.")
                self.call_later(self.action_go, "runs")

        self.in_thread(work, launched)


def _is_gone(owner: object) -> bool:
    """Whether this is a widget or screen that was, or is being, taken away."""
    return isinstance(owner, Widget) and (not owner.is_attached or owner._pruning)
