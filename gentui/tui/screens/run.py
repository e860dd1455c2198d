"""One run: live curves, sample grids, scores, the log, the settings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, VerticalScroll
from textual.widgets import Static

from gentui.text import clean, clean_lines
from gentui.tui import keys
from gentui.tui.live import Fetch
from gentui.tui.screens import deeds
from gentui.tui.screens.base import BaseScreen
from gentui.tui.screens.scores import scores_text
from gentui.tui.widgets.chart import AXES, MARKS, SMOOTHING, Curve, Look
from gentui.tui.widgets.charts import Charts
from gentui.tui.widgets.lines import Lines, Tail
from gentui.tui.widgets.picture import Sheet
from gentui.tui.widgets.runhead import RunHead
from gentui.tui.widgets.tabs import Tabs
from gentui.tui.widgets.viewer import Viewer

if TYPE_CHECKING:
    from gentui.index import Index

TABS = (("charts", "c"), ("samples", "s"), ("scores", "e"), ("log", "g"), ("settings", "o"))


@dataclass(frozen=True)
class Wanted:
    """What of the run is on the screen."""

    page: int
    charts: int
    columns: int
    axis: str
    log: bool


@dataclass
class Seen:
    """What the index knew of the run when asked."""

    run: Any
    keys: list[str]
    curves: list[Curve]
    samples: list[Any]
    figures: list[Any]
    evaluations: list[Any]
    alerts: list[Any]
    log: tuple[str, ...] | None = None


def in_order(names: list[str]) -> list[str]:
    """The losses first, then what tells about training, then the rest."""
    first = ("loss", "grad_norm", "lr", "images_per_s")

    def rank(name: str) -> tuple[int, int, str]:
        if name == "loss":
            return 0, 0, name
        if "loss" in name:
            return 1, 0, name
        return (2, first.index(name), name) if name in first else (3, 0, name)

    return sorted(names, key=rank)


def look_up(index: Index, run_id: str, wanted: Wanted, tail: Tail) -> Seen | None:
    """Everything the run view shows; None when there is no such run any more."""
    try:
        run = index.run(run_id)
    except KeyError:
        return None
    names = in_order(index.metric_keys(run_id))
    evaluations = index.evaluations(run_id)
    scores = list(dict.fromkeys(e.metric for e in evaluations))
    every = names[:1] + scores + names[1:]
    at = wanted.page * wanted.charts % len(every) if every else 0
    curves = []
    for name in every[at : at + wanted.charts]:
        if name in scores and name not in names:
            curves.append(score_curve(name, evaluations))
            continue
        chart = index.chart(run_id, name, columns=wanted.columns, axis=wanted.axis)
        curves.append(Curve(name, chart.x, chart.lo, chart.hi, chart.marks, chart.points, chart.mean))
    return Seen(
        run, every, curves, index.samples(run_id), index.figures(run_id), evaluations, index.alerts(run_id),
        tail.read() if wanted.log else None,
    )  # fmt: skip


def score_curve(metric: str, evaluations: list[Any]) -> Curve:
    """Scores over the steps they were made at, as a curve."""
    of = [e for e in evaluations if e.metric == metric]
    x, y = (np.array([getattr(e, name) for e in of], dtype=float) for name in ("step", "value"))
    return Curve(metric, x, y, y, x[~np.isfinite(y)], len(of), y, sparse=True)


class RunScreen(BaseScreen):
    """The view of one run."""

    context = "run"
    place = "runs"
    CSS_PATH = "run.tcss"
    BINDINGS = keys.bindings("run")

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id
        self.dir = Path()
        self.seen: Seen | None = None
        self._look = Look()
        self._page = 0
        self._tab = "charts"
        self._at: int | None = None  # None follows the newest sample
        self._figures = False
        self._tail: Tail | None = None
        self._settings_read = False

    def body(self) -> ComposeResult:
        yield RunHead()
        yield Tabs(TABS, "charts")
        with Horizontal(id="charts", classes="pane"):
            yield Charts()
            yield Viewer(_thumbnails(self.gentui.images), id="thumbnail")
        with Container(id="samples", classes="pane"):
            yield Viewer(self.gentui.images, id="gallery")
        with VerticalScroll(id="scores", classes="pane", can_focus=True):
            yield Static(id="scores-text", markup=False)
        with Container(id="log", classes="pane"):
            yield Lines(follow=True, empty="The trainer has printed nothing.", id="log-lines")
        with Container(id="settings", classes="pane"):
            yield Lines(empty="", id="settings-lines")

    def on_mount(self) -> None:
        self.dir = self.gentui.home / "runs" / self.run_id
        self._tail = Tail(self.dir / "log.txt")
        self._show_tab()

    # -- supply

    def fetch(self) -> Fetch | None:
        charts = self.query_one(Charts)
        tail, run_id = self._tail, self.run_id
        if tail is None:
            return None
        shows_log = self._tab == "log"
        wanted = Wanted(self._page, charts.count, charts.columns, self._look.axis, shows_log)
        return Fetch(lambda index: look_up(index, run_id, wanted, tail), tail.stamp if shows_log else None)

    def show(self, data: Seen | None) -> None:
        if data is None:
            if not self.dir.is_dir():  # else another gentui is taking it in just now
                self.say("This run is not there any more.")
            return
        self.seen = data
        with self.app.batch_update():
            self.query_one(RunHead).show(data.run)
            if self._tab == "charts":
                self._show_charts()
            self._show_picture()
            self._show_scores()
            if data.log is not None:
                self.query_one("#log-lines", Lines).set_lines(data.log)

    def _show_charts(self) -> None:
        if self.seen is None:
            return
        curves = self.seen.curves
        waiting = "" if curves else _waiting(self.seen.run)
        self.query_one(Charts).show(curves, self._look, self._page, len(self.seen.keys), waiting)

    def on_charts_room(self) -> None:
        """The charts have another size: another number of them, or of columns."""
        self.ask()

    # -- pictures

    @property
    def pictures(self) -> list[Any]:
        if self.seen is None:
            return []
        return self.seen.figures if self._figures else self.seen.samples

    def _show_picture(self) -> None:
        now = self.picture_now()
        for viewer in self.query(Viewer):
            viewer.show(*now)

    def picture_now(self) -> tuple[Sheet | None, str, str]:
        """The sheet to show, its caption, and what the trainer says of it."""
        pictures = self.pictures
        if not pictures:
            what = "figures" if self._figures else "samples"
            return None, f"no {what} yet", ""
        at = len(pictures) - 1 if self._at is None else max(0, min(self._at, len(pictures) - 1))
        picture = pictures[at]
        sheet = Sheet(
            inside(self.dir, picture.path),
            getattr(picture, "rows", 0) or 0,
            getattr(picture, "columns", 0) or 0,
        )
        newest = "newest, following" if self._at is None else f"{len(pictures) - 1 - at} newer (n follows)"
        words = [f"step {picture.step:,}", f"{at + 1} of {len(pictures)}", newest]
        return sheet, " · ".join(words), clean(picture.caption or "", 200)

    def action_scrub(self, by: int) -> None:
        count = len(self.pictures)
        if not count:
            self.say("There are no pictures yet.")
            return
        at = count - 1 if self._at is None else min(self._at, count - 1)
        at = max(0, at + by)
        self._at = None if at >= count - 1 else at
        self._show_picture()

    def action_newest(self) -> None:
        if self._tab == "log":
            self.query_one("#log-lines", Lines).go_to_end()
        else:
            self.follow_newest()

    def follow_newest(self) -> None:
        self._at = None
        self._show_picture()

    def action_figure(self) -> None:
        self._figures = not self._figures
        self._at = None
        if not self.pictures and self._figures:
            self._figures = False
            self.say("There is no process strip yet.")
            return
        self._show_picture()

    def action_zoom(self) -> None:
        from gentui.tui.screens.picture import PictureScreen

        self.app.push_screen(PictureScreen(self))

    # -- scores, settings

    def _show_scores(self) -> None:
        seen, static = self.seen, self.query_one("#scores-text", Static)
        if seen is not None and static.content != (
            text := scores_text(seen.run, seen.evaluations, seen.alerts)
        ):
            static.update(text)

    def _read_settings(self) -> None:
        if self._settings_read:
            return
        self._settings_read = True
        path = self.dir / "recipe.toml"

        def read() -> list[str]:
            with path.open("rb") as file:
                return clean_lines(file.read(1 << 20).decode("utf-8", "replace"))

        self.gentui.in_thread(read, lambda lines: self.query_one("#settings-lines", Lines).set_lines(lines))

    # -- keys

    def action_tab(self, name: str) -> None:
        self._tab = name
        self._show_tab()
        self.ask()

    def on_tabs_chosen(self, message: Tabs.Chosen) -> None:
        self.action_tab(message.name)

    def _show_tab(self) -> None:
        self.query_one(Tabs).active = self._tab
        for pane in self.query(".pane"):
            pane.display = pane.id == self._tab
        self.set_focus(None)
        focus = {"log": "#log-lines", "settings": "#settings-lines", "scores": "#scores"}.get(self._tab)
        if focus is not None:
            self.query_one(focus).focus()
        if self._tab == "settings":
            self._read_settings()
        if self._tab == "charts":
            self._show_charts()
        self.call_after_refresh(self._show_picture)

    def action_log_y(self) -> None:
        self._set_look(replace(self._look, log_y=not self._look.log_y))
        self.say("y axis: " + ("logarithmic" if self._look.log_y else "linear"))

    def action_axis(self) -> None:
        self._set_look(replace(self._look, axis=_next(AXES, self._look.axis)))
        self.say(f"x axis: {self._look.axis}")
        self.ask()

    def action_smooth(self) -> None:
        self._set_look(replace(self._look, smoothing=_next(SMOOTHING, self._look.smoothing)))
        weight = self._look.smoothing
        self.say(f"smoothing: {weight:g}" if weight else "smoothing: none")

    def action_marks(self) -> None:
        self._set_look(replace(self._look, marks=_next(MARKS, self._look.marks)))
        self.say(f"lines of {self._look.marks}")

    def _set_look(self, look: Look) -> None:
        is_new_axis = look.axis != self._look.axis
        self._look = look
        if self._tab != "charts":
            self.action_tab("charts")
        elif not is_new_axis:  # with a new axis the curves come anew
            self._show_charts()

    def action_metrics(self, by: int) -> None:
        count = max(1, self.query_one(Charts).count)
        pages = max(1, -(-len(self.seen.keys) // count)) if self.seen else 1
        self._page = (self._page + by) % pages
        self.action_tab("charts")

    def action_stop(self) -> None:
        if self.seen:
            deeds.stop(self.gentui, self.seen.run)

    def action_resume(self) -> None:
        if self.seen:
            deeds.resume(self.gentui, self.seen.run)

    def action_remove(self) -> None:
        if self.seen:
            deeds.remove(self.gentui, self.seen.run, self._removed)

    def _removed(self) -> None:
        if self.is_current:
            self.app.pop_screen()

    def action_back(self) -> None:
        self.app.pop_screen()


def inside(folder: Path, path: str) -> Path:
    """A path from an event, which may not lead out of the run's folder."""
    try:
        whole = folder / str(path)
        if whole.resolve().is_relative_to(folder.resolve()):
            return whole
    except (ValueError, OSError):
        pass
    return folder / "outside"


def _next(choices: tuple[Any, ...], now: Any) -> Any:
    return choices[(choices.index(now) + 1) % len(choices)]


def _thumbnails(images: str) -> str:
    return "none" if images == "none" else "half"


def _waiting(run: Any) -> str:
    """Why there is no curve yet."""
    return {
        "queued": "Waiting for a free device.",
        "running": clean(getattr(run, "phase", "") or "", 80) or "Starting: the first step is on its way.",
    }.get(run.status, "No step was logged.")
