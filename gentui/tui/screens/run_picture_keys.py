"""The pictures of the run view: the sample grids and figures of the run, of overlaid runs, and the keys for them."""

from __future__ import annotations

from pathlib import Path

from gentui.text.numbers import plural
from gentui.tui import navigation
from gentui.tui.curves import marker_of
from gentui.tui.screens.chart_screen import ChartScreen
from gentui.tui.screens.run_data import RunSnapshot
from gentui.tui.screens.run_pictures import GRID, REAL, RunPictures, Shown
from gentui.tui.widgets.picture import Sheet
from gentui.tui.widgets.picture_grid import PictureGrid, at_step, sheet_of
from gentui.tui.widgets.viewer import Viewer


class RunPictureKeys(ChartScreen):
    """A screen with charts that shows pictures of the run beside them and on a tab of their own.

    ``snapshot``: what is shown of the run, None until it is read. ``pictures``: which picture is shown.
    """

    def __init__(self, run_id: str, step: int | None) -> None:
        super().__init__()
        self.run_id = run_id
        self.snapshot: RunSnapshot | None = None
        self.pictures = RunPictures(Path(), step)
        self._tab = ""
        self._shows_all_kinds = False
        self._pictures_message = ""

    def action_tab(self, name: str) -> None:
        """Go to a tab."""
        raise NotImplementedError

    # -- drawing

    @property
    def _viewers(self) -> list[Viewer]:
        """Those of this run's own pictures."""
        return [self.query_one(f"#{name}", Viewer) for name in ("thumbnail", "gallery")]

    def current_picture(self) -> Shown:
        """The picture that is shown, its caption, and what the trainer says of it."""
        return self.pictures.current()

    def _show_pictures(self) -> None:
        current = self.pictures.current()
        for viewer in self._viewers:
            viewer.show(*current)
        self.query_one(f"#{REAL}", Viewer).show(*self.pictures.real())
        self._show_side_by_side()

    @property
    def picture_in_sight(self) -> str:
        """The widget of the samples tab that scrolls: one picture, or several side by side."""
        return "#gallery" if self.query_one("#gallery").display else "#beside"

    def _show_side_by_side(self) -> None:
        """In place of one picture show all kinds of this run, or the grids of all overlaid runs, as of one step."""
        pictures = self.pictures
        is_overlaid = len(self.overlaid) > 1 and pictures.kind == GRID
        is_shared = bool(pictures.of_kind(pictures.kind)) and (self._shows_all_kinds or is_overlaid)
        self.query_one("#gallery").display = not is_shared
        self.query_one("#beside").display = is_shared
        if self._tab == "samples" and not self.query(f"{self.picture_in_sight}:focus, #{REAL}:focus"):
            self.query_one(self.picture_in_sight).focus()
        if self._tab != "samples" or not is_shared or self.snapshot is None:
            return
        shown = pictures.all_kinds() if self._shows_all_kinds else self._overlaid_grids(self.snapshot)
        hidden = self.query_one("#beside", PictureGrid).show(shown)
        step, what = pictures.step, "picture" if self._shows_all_kinds else "run"
        message = "the newest of each, live" if step is None else f"as of step {step:,} (n: live)"
        message += f" · no room for {plural(hidden, what)}" if hidden else ""
        if message != self._pictures_message:
            self._pictures_message = message
            self.say(message)

    def _overlaid_grids(self, snapshot: RunSnapshot) -> list[tuple[Sheet | None, str]]:
        """The sample grids of this run and of those overlaid on it, as of the step that is shown."""
        folder, is_ascii = self.gentui.home / "runs", self.chart_layout.marks == "ascii"
        shown: list[tuple[Sheet | None, str]] = []
        for one in self.overlaid:
            samples = snapshot.samples if one.run == self.run_id else snapshot.overlaid_samples.get(one.run, [])
            sample, marker = at_step(samples, self.pictures.step), marker_of(one.slot, is_ascii)
            if sample is None:
                shown.append((None, f"{marker} no picture yet · {one.name}"))
            else:
                shown.append(
                    (sheet_of(folder / one.run, sample), f"{marker} step {sample.step:,} · {one.name}")
                )
        return shown

    # -- keys

    def _go_to_pictures(self) -> None:
        """Go to the samples tab unless a picture of this run is in sight."""
        if not any(viewer.is_on_screen for viewer in self._viewers):
            self.action_tab("samples")

    def _say_if_any(self, message: str) -> None:
        if message:
            self.say(message)

    def scrub(self, by: int) -> str:
        """Show an older or a newer picture. Return what to tell the user, "" if nothing."""
        message = self.pictures.scrub(by)
        self._show_pictures()
        return message

    def follow_newest(self) -> str:
        """Show the newest picture, also when others come. Return what to tell the user, "" if nothing."""
        message = self.pictures.follow_newest()
        self._show_pictures()
        return message

    def action_scrub(self, by: int) -> None:
        self._go_to_pictures()
        self._say_if_any(self.scrub(by))

    def action_newest(self) -> None:
        self._go_to_pictures()
        self._say_if_any(self.follow_newest())

    def action_figure(self) -> None:
        """Show the next kind of picture."""
        self.next_figure()

    def next_figure(self) -> str:
        """Show the next kind of picture: the sample grid, then each figure. Return the message shown."""
        message = self.pictures.next_kind()
        self._show_pictures()
        self.say(message)
        return message

    def action_kinds(self) -> None:
        """Show every kind of picture at once, or one."""
        self._shows_all_kinds = not self._shows_all_kinds
        self._pictures_message = ""
        self.action_tab("samples")

    def action_real(self) -> None:
        """Show the real images beside the samples, or hide them."""
        real = self.query_one(f"#{REAL}", Viewer)
        real.display = self._tab != "samples" or not real.display
        self.action_tab("samples")

    def action_play(self) -> None:
        self._go_to_pictures()
        for viewer in self._viewers:
            if viewer.is_on_screen:
                self.say(viewer.play_or_pause())

    def action_zoom(self) -> None:
        self.app.push_screen(navigation.create("picture", self))
