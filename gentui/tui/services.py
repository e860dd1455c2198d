"""The app as screens know it: the home, notices, work in threads, the index, and the way to other screens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.widget import Widget

from gentui.text.numbers import plural
from gentui.text.sanitize import clean
from gentui.tui import navigation
from gentui.tui.crash_guard import CrashGuardedApp
from gentui.tui.index_reader import IndexReader, Query
from gentui.tui.overlay import Overlays
from gentui.tui.textual_private.core import is_being_removed
from gentui.tui.widgets.bars import StatusLine

if TYPE_CHECKING:
    from textual.screen import Screen

    from engine.recipes.axes import Axis
    from engine.recipes.recipe import Recipe


class AppServices(CrashGuardedApp):
    """Services for screens. ``GentuiApp`` adds the main screens, global keys, themes, start and end."""

    home: Path
    images: str
    low_bandwidth: bool
    palette: str
    reader: IndexReader
    overlays: Overlays

    # -- notices

    def toast(self, text: str, severity: Any = "information") -> None:
        """Show a notice in the corner for a few seconds. ``text`` may be untrusted."""
        self.notify(clean(text, 1000), severity=severity, markup=False)

    def missing_data(self, remedy: str) -> None:
        """Say that the data of a recipe is not on this machine, and what to do about it."""
        self.push_screen(navigation.create("notice", "Data missing", remedy, "Nothing was started."))

    # -- work

    def in_thread(self, work: Callable[[], Any], then: Callable[[Any], None] | None = None) -> None:
        """Run ``work`` off the UI thread and pass its result to ``then``; an exception becomes a notice. A method of a
        widget that has been removed by then is not called."""

        def deliver(result: Any) -> None:
            if then is not None and not _is_gone(getattr(then, "__self__", None)):
                then(result)

        def run() -> None:
            try:
                result = work()
            except Exception as error:
                self.call_from_thread(self._failed, error)
            else:
                if then is not None:
                    try:
                        self.call_from_thread(deliver, result)
                    except Exception as error:  # a worker's own errors are not shown
                        self.call_from_thread(self.recover, error, None)

        self.run_worker(run, thread=True, exit_on_error=False, group="work")

    def _failed(self, error: Exception) -> None:
        from engine.recipes.recipe import MissingData

        for line in self.screen.query(StatusLine):
            line.show_message("")
        if isinstance(error, MissingData):
            self.missing_data(str(error))
        else:
            self.toast(str(error) or type(error).__name__, "error")

    # -- the index

    def supply(self, screen: Screen[Any], query: Query) -> None:
        """Post the query's result to the screen now, and whenever it may have changed."""
        self.reader.watch(screen, query)

    def stop_supply(self, screen: Screen[Any]) -> None:
        """Post no more results to the screen."""
        self.reader.unwatch(screen)

    def show_activity(self, screen: Screen[Any]) -> None:
        """Show in the bars of this screen how many runs train, wait and are being scored."""
        raise NotImplementedError

    # -- other screens

    async def action_go(self, place: str) -> None:
        """Go to one of the main screens."""
        await self.switch_mode(place)
        while len(self.screen_stack) > 1:
            await self.pop_screen()

    def open_run(self, run_id: str) -> None:
        """Go to the view of a run; it replaces that of another run."""
        top = self.screen
        if not isinstance(top, navigation.screen_class("run")):
            self.push_screen(navigation.create("run", run_id))
        elif getattr(top, "run_id", None) != run_id:
            self.switch_screen(navigation.create("run", run_id))

    def choose_runs(self, marked: list[str], replacing: Screen[Any] | None = None) -> None:
        """Ask which runs to compare, with those ``marked`` marked already, and compare them."""

        def read() -> Any:
            from gentui.index import Index

            index = Index(self.home)
            index.refresh(wait=2.0)
            return index.runs()

        def chosen(runs: list[str] | None) -> None:
            if runs:
                self.compare_runs(runs, replacing)

        def choose(runs: Any) -> None:
            self.push_screen(navigation.create("choose", runs, marked), chosen)

        self.in_thread(read, choose)

    def compare_runs(self, runs: list[str], replacing: Screen[Any] | None = None) -> None:
        """Show runs side by side, in place of the screen ``replacing`` if it is on top."""
        screen = navigation.create("compare", runs)
        if replacing is not None and self.screen is replacing:
            self.switch_screen(screen)
        else:
            self.push_screen(screen)

    async def _show_sweep(self, runs: list[str]) -> None:
        """Go to the list of runs, with the cursor on the one of these that trains first."""
        await self.action_go("runs")
        self._show_in_list(runs)

    def _show_in_list(self, runs: list[str]) -> None:
        """Put the cursor on the first of these runs where a list of runs is shown."""
        getattr(self.screen, "show_runs", lambda runs: None)(runs)

    async def show_recipe(self, name: str) -> None:
        """Go to a recipe in the menu."""
        raise NotImplementedError

    # -- jobs

    def evaluate(self, run: Any, options: dict[str, Any], command: list[str]) -> None:
        """Queue an evaluation of a run; a notice will say how it ended. ``command``: the equivalent command line."""

        def work() -> Any:
            from gentui import jobs

            return jobs.evaluate(self.home, run.id, options, command=command)

        def queued(job: Any) -> None:
            self.toast(f"Queued: {' '.join(command)}")
            self.reader.follow(job)

        self.in_thread(work, queued)

    def restore_last(self) -> None:
        """Restore the run that was deleted last."""

        def work() -> tuple[str, list[str]]:
            from gentui import jobs
            from gentui.jobs import trash

            thrown = trash.trashed(self.home)
            if not thrown:
                return "Nothing to undo: the trash is empty.", []
            jobs.restore(self.home, thrown[0].id)
            more = f" {plural(len(thrown) - 1, 'run')} more in the trash." if thrown[1:] else ""
            return f"{thrown[0].id} is back.{more}", [thrown[0].id]

        def restored(done: tuple[str, list[str]]) -> None:
            message, runs = done
            self.toast(message)
            self.reader.wake()
            self._show_in_list(runs)

        self.in_thread(work, restored)

    def launch(
        self,
        recipe: Recipe,
        name: str = "",
        command: list[str] | None = None,
        replacing: Screen[Any] | None = None,
        axes: Sequence[Axis] = (),
        chosen: int | None = None,
        devices: int = 1,
        on: str | None = None,
    ) -> None:
        """Train a recipe and go to the view of its run; with ``axes``, train the runs of a sweep (``chosen``: so many
        of them at random) and go to the list of runs.

        The screen ``replacing`` is closed. ``command``: the equivalent command line. ``on``: a place other than this
        machine, as ``--on`` names it.
        """

        def work() -> list[str]:
            from gentui import jobs
            from gentui.runs import planning

            plans = planning.planned(recipe, axes, name, chosen)
            for plan in plans:
                plan.recipe.require_data()
            shared = devices if devices > 1 else None
            launch = partial(jobs.launch, self.home, command=command, devices=shared, on=on)
            groups = repeat(None) if on is None else planning.arrays(len(plans), None)
            return [
                launch(plan.recipe, name=plan.name, tags=plan.tags, array=array).id
                for plan, array in zip(plans, groups, strict=False)
            ]

        def launched(run_ids: list[str]) -> None:
            self.reader.wake()
            if replacing is not None and self.screen is replacing:
                self.pop_screen()
            if len(run_ids) == 1:
                self.open_run(run_ids[0])
            else:
                self.toast(f"{len(run_ids)} runs queued.")
                self.call_later(self._show_sweep, run_ids)

        self.in_thread(work, launched)


def _is_gone(owner: object) -> bool:
    """Whether this is a widget or screen that has been removed, or is being removed."""
    return isinstance(owner, Widget) and (not owner.is_attached or is_being_removed(owner))
