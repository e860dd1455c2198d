"""One run: live curves, pictures, scores, its health, the log, the settings, the net."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.widgets import Static

from engine.runs.files import read_head
from gentui.config import key_table
from gentui.config.chart_layouts import PICTURE
from gentui.runs.launched import launched
from gentui.text.matching import matcher
from gentui.text.sanitize import clean, clean_lines
from gentui.tui.formatting import LIVE
from gentui.tui.index_reader import Query
from gentui.tui.screens.health_text import health_text
from gentui.tui.screens.run_actions import RESUMABLE
from gentui.tui.screens.run_aside import RunAside
from gentui.tui.screens.run_data import RunSnapshot, read_run
from gentui.tui.screens.run_keys import RunKeys
from gentui.tui.screens.run_log import RunLog
from gentui.tui.screens.run_log_keys import RunLogKeys
from gentui.tui.screens.scores_text import scores_text
from gentui.tui.widgets.architecture import Architecture
from gentui.tui.widgets.bars import KeyBar
from gentui.tui.widgets.chart_grid import ChartGrid
from gentui.tui.widgets.filter import Filter, FilterLine
from gentui.tui.widgets.lines import Lines
from gentui.tui.widgets.pane_title import PaneTitle
from gentui.tui.widgets.picture_grid import PictureGrid
from gentui.tui.widgets.run_header import RunHeader
from gentui.tui.widgets.tabs import Tabs
from gentui.tui.widgets.viewer import Viewer

TABS = (("charts", "c"), ("samples", "s"), ("scores", "Q"), ("health", "i"), ("log", "g"),
        ("settings", "o"), ("net", "t"))  # fmt: skip
LINES = {"log": "#log-lines", "settings": "#settings-lines", "net": "#net-lines"}
"""Tabs of lines that can be filtered, and the widget of each."""
PROSE = ("scores", "health")
FILES = {"settings": "recipe.toml", "net": "architecture.txt"}
"""Tabs that show a file of the run."""
_PICTURES = frozenset({"run.older", "run.newer", "run.strip", "run.zoom", "run.real", "run.play"})
_CHARTS = frozenset({"run.log_y", "run.axis", "run.smooth", "run.next_metrics", "run.cursor", "run.overlay"})
_LINES = frozenset({"run.filter"})
KEYS_OF = {"charts": _CHARTS, "samples": _PICTURES, **dict.fromkeys(LINES, _LINES)}
"""Of the keys in the bar that are about a pane, those about each tab."""


class RunScreen(RunKeys, RunLogKeys):
    """The view of one run; given a ``step``, opened at the samples of that step."""

    context = "run"
    place = "view"
    AUTO_FOCUS = ""  # not the filter
    CSS_PATH = "run.tcss"
    BINDINGS = key_table.bindings("run")

    def __init__(self, run_id: str, step: int | None = None) -> None:
        super().__init__(run_id, step)
        self.dir = Path()
        self._tab = "charts" if step is None else "samples"
        self._read_files: set[str] = set()
        self._line_filters: dict[str, str] = {}  # by tab of lines

    def body(self) -> ComposeResult:
        yield RunHeader()
        yield Tabs(TABS, "charts")
        yield FilterLine("words, val_*, loss|lr, -grad", id="filter")
        with Horizontal(id="charts", classes="pane"):
            with Vertical(id="curves"):
                yield PaneTitle("curves", id="curves-title")
                yield ChartGrid()
            yield RunAside("none" if self.gentui.images == "none" else "half")
        with Container(id="samples", classes="pane"):
            yield Viewer(self.gentui.images, scrolls=True, id="gallery")
            yield PictureGrid(self.gentui.images, id="beside")
            yield Viewer(self.gentui.images, scrolls=True, id="real")
        yield PaneTitle("log", id="log-title")
        yield Lines(follow=True, empty="The trainer has printed nothing.", id="below")
        for name in PROSE:
            with VerticalScroll(id=name, classes="pane prose", can_focus=True):
                yield Static(id=f"{name}-text", markup=False)
        with Container(id="log", classes="pane"):
            yield Lines(follow=True, empty="The trainer has printed nothing.", id="log-lines")
        with Container(id="settings", classes="pane"):
            yield Lines(empty="", id="settings-lines")
        with Container(id="net", classes="pane"):
            yield Architecture(empty="The architecture is written down when the net is built.", id="net-lines")

    def on_mount(self) -> None:
        self.hold_paint()
        self.dir = self.pictures.folder = self.gentui.home / "runs" / self.run_id
        self._run_log = RunLog(self.dir)
        self.show_tab()

    # -- from the index

    def index_query(self) -> Query | None:
        if self._run_log is None:
            return None
        run_id, tab, charts = self.run_id, self._tab, self.chart_request()
        tail = None if self.log_lines is None else self._run_log.tail
        return Query(lambda index: read_run(index, run_id, charts, tab, tail), tail.stamp if tail else None)

    def show(self, data: RunSnapshot | None) -> None:
        if data is None:
            if not self.dir.is_dir():  # else another gentui is indexing it at this moment
                self.say("This run is not there any more.")
            return
        self.snapshot = data
        self._show_keys()
        self.pictures.update(data.samples, data.figures)
        self.take_charts(data.run, data.chart_data)
        with self.app.batch_update():
            self.query_one("#charts").set_class(not (data.samples or data.figures), "-bare")
            self.query_one(RunHeader).show(data.run)
            if self._tab == "charts":
                self.query_one(RunAside).show(data.facts)
                self.show_charts()
            self._show_pictures()
            self._show_prose()
            if self._tab in FILES:
                self._read_file(self._tab)
            if data.log is not None and (log := self.log_lines) is not None:
                log.set_lines(data.log)
                self.cursor_moved()
        if not self.shows_charts:
            self.release_paint()

    # -- charts

    @property
    def shows_charts(self) -> bool:
        return self._tab == "charts"

    def go_to_charts(self) -> None:
        self.action_tab("charts")

    def on_run_aside_dragged(self, message: RunAside.Dragged) -> None:
        self.set_picture(min(PICTURE, key=lambda width: abs(width - message.percent)))

    def waiting_text(self) -> str:
        return waiting_text(self.snapshot.run) if self.snapshot else ""

    def _overlay_changed(self, _: object) -> None:
        if self._tab == "samples":
            self.ask()
        else:
            super()._overlay_changed(_)

    # -- scores, health, settings, net

    def _show_prose(self) -> None:
        """Write the scores or the health, whichever is in sight."""
        if (snapshot := self.snapshot) is None or self._tab not in PROSE:
            return
        static = self.query_one(f"#{self._tab}-text", Static)
        if self._tab == "scores":
            text = scores_text(snapshot.run, snapshot.evaluations)
        else:
            text = health_text(snapshot.run, snapshot.alerts, snapshot.signals or {})
        if static.content != text:
            static.update(text)

    def _read_file(self, tab: str) -> None:
        """Show a file that is written once; if it is not there yet, the next snapshot tries again."""
        path = self.dir / FILES[tab]
        if tab in self._read_files or not path.is_file():
            return
        self._read_files.add(tab)
        launched = self.dir if tab == "settings" else None
        self.gentui.in_thread(
            lambda: clean_lines(read_head(path)) + (launch_lines(launched) if launched else []),
            lambda lines: self.query_one(LINES[tab], Lines).set_lines(lines),
        )

    # -- tabs

    def action_tab(self, name: str) -> None:
        self._tab, self._is_zoomed = name, False
        self.show_tab()
        self.ask()

    def on_tabs_chosen(self, message: Tabs.Chosen) -> None:
        self.action_tab(message.name)

    def show_tab(self) -> None:
        self.query_one(Tabs).active = self._tab
        for pane in self.query(".pane"):
            pane.display = pane.id == self._tab
        for widget in self.query("#log-title, #below"):
            widget.set_class(self._tab == "charts" and self._has_log_below, "-on")
        if self._tab == "charts" and self.snapshot is not None:
            self.query_one(RunAside).show(self.snapshot.facts)
        self.show_focus()
        if self._tab in FILES:
            self._read_file(self._tab)
        if self._tab == "charts":
            self.show_charts()
        self._show_prose()
        self.call_after_refresh(self._show_pictures)

    def _show_keys(self) -> None:
        """Name the keys that do something for what is in sight."""
        run = self.snapshot.run if self.snapshot else None
        useless = (_PICTURES | _CHARTS | _LINES) - KEYS_OF.get(self.subject, frozenset())
        useless |= set() if self._tab == "charts" else {"run.maximise"}
        if run is not None:
            useless |= set() if run.status in LIVE else {"run.stop"}
            useless |= set() if run.status in RESUMABLE else {"run.resume"}
            useless |= {"run.evaluate", "run.playground"} if run.status == "queued" else set()
        self.query_one(KeyBar).leave_out(useless)

    def show_focus(self) -> None:
        self._show_filter()
        self._show_keys()
        self._focus_pane()

    def _focus_pane(self) -> None:
        self.set_focus(None)
        self.focus_of_panes()
        focus = {**LINES, **{name: f"#{name}" for name in PROSE}, "samples": self.picture_in_sight}.get(
            self._tab
        )
        if focus is not None:
            self.query_one(focus).focus()

    def action_sideways(self, by: int) -> None:
        if (subject := self.subject) == "samples":
            self.action_scrub(by)
        elif subject == "charts":
            self.go_sideways(by)
        elif not any(lines.sideways(by) for lines in self._lines_of(subject) if lines.display):
            self.say("There is nothing more on that side.")

    # -- the filter of what is in focus

    def _lines_of(self, subject: str) -> list[Lines]:
        """The widgets with these lines: of the log there are two."""
        selector = f"{LINES[subject]}, #below" if subject == "log" else LINES.get(subject)
        return [*self.query(selector).results(Lines)] if selector else []

    @property
    def _filter_pattern(self) -> str:
        subject = self.subject
        return self.chart_layout.filter if subject == "charts" else self._line_filters.get(subject, "")

    def _show_filter(self) -> None:
        """Show the filter of lines that have one."""
        line, pattern = self.query_one(Filter), self._filter_pattern if self.subject in LINES else ""
        line.set_class(bool(pattern), "-open")
        line.value = pattern
        self.query_one(FilterLine).show_error("")

    def action_filter(self) -> None:
        if self.subject != "charts" and self.subject not in LINES:
            self.say("There is nothing to filter on this pane: charts, log, settings and net have a filter.")
            return
        self.query_one(Filter).value = self._filter_pattern
        self.query_one(Filter).open()

    def on_filter_edited(self, message: Filter.Edited) -> None:
        if self.query_one(Filter).is_open:
            self._filter_by(message.words)
            self.query_one(FilterLine).show_error(clean(matcher(message.words)[1], 200))

    def _filter_by(self, words: str) -> None:
        if (subject := self.subject) == "charts":
            self.filter_charts(words)
        elif lines := self._lines_of(subject):
            self._line_filters[subject] = words
            for widget in lines:
                widget.filter_by(words)

    def on_filter_closed(self) -> None:
        self._filter_by("")
        self.query_one(FilterLine).show_error("")
        self._focus_pane()

    def on_input_submitted(self) -> None:
        self._focus_pane()

    # -- the run

    @property
    def selected_runs(self) -> list[str]:
        """The ids of the runs that are compared or copied from here."""
        return [self.run_id]

    def target_run(self) -> Any | None:
        return self.snapshot.run if self.snapshot else None

    def after_removal(self) -> None:
        if self.is_active:
            self.app.pop_screen()

    def action_back(self) -> None:
        if not (self.query_one(Filter).close() or self.close_chart_layer() or self.close_zoom()):
            self.app.pop_screen()


def launch_lines(folder: Path) -> list[str]:
    """Where and how a run was launched, as lines to stand under its settings."""
    facts = [f"{name} = {value}" for name, value in launched(folder).items()]
    return ["", "[launched]", *facts] if facts else []


def waiting_text(run: Any) -> str:
    """Why there is no curve yet."""
    return {
        "queued": clean(run.reason, 200) or "Waiting for a free device.",
        "running": clean(getattr(run, "phase", "") or "", 80) or "Starting: the first step is on its way.",
    }.get(run.status, "No step was logged.")
