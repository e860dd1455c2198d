"""One run: live curves, pictures, scores, its health, the log, the settings, the net."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, VerticalScroll
from textual.message import Message
from textual.widgets import Static

from engine.runs.directory import RunDir, read_head
from gentui.config import key_table
from gentui.config.chart_layouts import PICTURE
from gentui.metrics.namespaces import is_signal
from gentui.text.matching import matcher
from gentui.text.numbers import plural
from gentui.text.sanitize import clean, clean_lines
from gentui.text.tail import Tail
from gentui.tui import navigation
from gentui.tui.curves import marker_of
from gentui.tui.event_tail import EventTail
from gentui.tui.index_reader import Query
from gentui.tui.screens import charting, run_actions
from gentui.tui.screens.charting import ChartScreen, following
from gentui.tui.screens.health import health_text
from gentui.tui.screens.scores import scores_text
from gentui.tui.widgets.architecture import Architecture
from gentui.tui.widgets.chart_grid import ChartGrid, Curves
from gentui.tui.widgets.filter import Filter, FilterLine
from gentui.tui.widgets.lines import Lines
from gentui.tui.widgets.picture import Sheet
from gentui.tui.widgets.pictures import Pictures, at_step, inside, sheet_of
from gentui.tui.widgets.runhead import RunHead
from gentui.tui.widgets.tabs import Tabs
from gentui.tui.widgets.viewer import Viewer

if TYPE_CHECKING:
    from gentui.index import Index

TABS = (("charts", "c"), ("samples", "s"), ("scores", "e"), ("health", "i"), ("log", "g"),
        ("settings", "o"), ("net", "t"))  # fmt: skip
TEXTS = {"log": "#log-lines", "settings": "#settings-lines", "net": "#net-lines"}
PROSE = ("scores", "health")
FILES = {"settings": "recipe.toml", "net": "architecture.txt"}
GRID, REAL = "grid", "real"
LEAST_FOR_BELOW = 34  # lines of a screen that has the log beneath the charts
SIGNALS = 24  # most that are shown, and the cells of each one's small curve


@dataclass
class RunSnapshot:
    """What the index knew of the run when asked. ``beside``: the grids of the runs laid over it."""

    run: Any
    drawn: charting.ChartData
    samples: list[Any]
    figures: list[Any]
    evaluations: list[Any]
    alerts: list[Any]
    beside: dict[str, list[Any]]
    signals: dict[str, Any] | None = None
    log: tuple[str, ...] | None = None

    @property
    def groups(self) -> list[tuple[str, ...]]:
        return self.drawn.groups

    @property
    def charts(self) -> list[Curves]:
        return self.drawn.charts


def look_up(
    index: Index, run_id: str, wanted: charting.ChartRequest, tab: str, tail: Tail | None
) -> RunSnapshot | None:
    """Everything the run view shows, and the lines of ``tail``; None when there is no such run any more."""
    try:
        run = index.run(run_id)
    except KeyError:
        return None
    names, evaluations = index.metric_keys(run_id), index.evaluations(run_id)
    drawn = charting.look_up(index, run, names, [e.metric for e in evaluations], wanted)
    return RunSnapshot(
        run, drawn, index.samples(run_id), index.figures(run_id), evaluations, index.alerts(run_id),
        {one.run: index.samples(one.run) for one in wanted.laid[1:]} if tab == "samples" else {},
        signals_of(index, run_id, names) if tab == "health" else None,
        tail.read() if tail is not None else None,
    )  # fmt: skip


def signals_of(index: Index, run_id: str, names: list[str]) -> dict[str, Any]:
    """Each signal of the run's health along the run."""
    chosen = [name for name in names if is_signal(name)][:SIGNALS]
    return {name: index.series(run_id, name, columns=SIGNALS) for name in chosen}


class Thumbnail(Viewer):
    """The newest picture beside the charts. Its left border is drawn by the mouse."""

    class Drawn(Message):
        """The border was let go where the picture has so many percent of the width."""

        def __init__(self, percent: float):
            super().__init__()
            self.percent = percent

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if event.screen_x == self.region.x:
            self.capture_mouse()
            event.stop()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self.app.mouse_captured is self:
            self.release_mouse()
            room = self.screen.size.width
            self.post_message(self.Drawn(100 * (room - event.screen_x) / max(1, room)))


class RunScreen(ChartScreen):
    """The view of one run; with a ``step``, of its samples then."""

    context = "run"
    place = "runs"
    AUTO_FOCUS = ""  # the filter is no place to begin at
    CSS_PATH = "run.tcss"
    BINDINGS = key_table.bindings("run")

    def __init__(self, run_id: str, step: int | None = None) -> None:
        super().__init__()
        self.run_id = run_id
        self._meant = step  # until there are samples
        self.dir = Path()
        self.seen: RunSnapshot | None = None
        self._tab = "charts" if step is None else "samples"
        self._kind = GRID  # what the pictures are of: the sample grid, or a figure's name
        self._at: int | None = None  # None follows the newest picture
        self._shows_kinds = False
        self._told = ""  # of the pictures side by side
        self._tail: Tail | None = None
        self._records: EventTail | None = None
        self._shows_records = self._shows_below = False
        self._read: set[str] = set()
        self._words: dict[str, str] = {}  # what the lines of a pane of text are chosen by

    def body(self) -> ComposeResult:
        yield RunHead()
        yield Tabs(TABS, "charts")
        yield FilterLine("words, val_*, loss|lr, -grad", id="filter")
        with Horizontal(id="charts", classes="pane"):
            yield ChartGrid()
            yield Thumbnail(_thumbnails(self.gentui.images), id="thumbnail")
        with Container(id="samples", classes="pane"):
            yield Viewer(self.gentui.images, id="gallery")
            yield Pictures(self.gentui.images, id="beside")
            yield Viewer(self.gentui.images, id="real")
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
        self.dir = self.gentui.home / "runs" / self.run_id
        self._tail, self._records = Tail(self.dir / "log.txt"), EventTail(RunDir(self.dir))
        self.query_one("#below").can_focus = False
        self._show_tab()

    # -- supply

    def index_query(self) -> Query | None:
        run_id, tab = self.run_id, self._tab
        if self._tail is None:
            return None
        wanted, tail = self.wanted_charts(), self._records if self._shows_records else self._tail
        if self._log is None:
            tail = None
        return Query(lambda index: look_up(index, run_id, wanted, tab, tail), tail.stamp if tail else None)

    @property
    def _log(self) -> Lines | None:
        """Where the log, or the records, are looked at."""
        if self._tab == "log":
            return self.query_one("#log-lines", Lines)
        below = self.query_one("#below", Lines)
        return below if below.has_class("-on") and self.size.height >= LEAST_FOR_BELOW else None

    def show(self, data: RunSnapshot | None) -> None:
        if data is None:
            if not self.dir.is_dir():  # else another gentui is taking it in just now
                self.say("This run is not there any more.")
            return
        self.seen = data
        if self._meant is not None and (sample := at_step(data.samples, self._meant)) is not None:
            self._at, self._meant = data.samples.index(sample), None
        self.take_charts(data.run, data.drawn)
        with self.app.batch_update():
            self.query_one(RunHead).show(data.run)
            if self._tab == "charts":
                self.show_charts()
            self._show_picture()
            self._show_prose()
            if self._tab in FILES:
                self._read_file(self._tab)
            if data.log is not None and (log := self._log) is not None:
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

    def on_thumbnail_drawn(self, message: Thumbnail.Drawn) -> None:
        self.set_picture(min(PICTURE, key=lambda width: abs(width - message.percent)))

    def waiting(self) -> str:
        return _waiting(self.seen.run) if self.seen else ""

    # -- the log beside the charts

    def action_below(self) -> None:
        """The log beneath the charts, or not."""
        self._shows_below = not self._shows_below
        self.action_tab("charts")
        if self._shows_below and self.size.height < LEAST_FOR_BELOW:
            self.say(f"The log is beneath the charts where there are {LEAST_FOR_BELOW} lines or more.")

    def action_records(self) -> None:
        """The records that the run is read from in the log's place, or the log again."""
        self._shows_records = not self._shows_records
        for log in self.query("#log-lines, #below").results(Lines):
            log.set_lines(())
        if self._log is None:
            self._tab = "log"
        self._show_tab()
        self.ask()
        self.say("the run's records, the newest last" if self._shows_records else "what the trainer printed")

    def action_log_line(self, by: int) -> None:
        """To the next line that names a step, or the one before; the cursor of the charts goes there as well."""
        if (log := self._log) is None:
            self.say("The log is not here: g shows it, G puts it beneath the charts.")
            return
        named = [at for at, step in enumerate(steps_of(log.lines)) if step is not None]
        now = len(log.lines) if log.marked is None else log.marked
        ahead = [at for at in named if (at > now if by > 0 else at < now)]
        if not ahead:
            self.say(f"No line {'after' if by > 0 else 'before'} this one names a step.")
            return
        at = ahead[0] if by > 0 else ahead[-1]
        step = steps_of(log.lines)[at]
        log.mark(at)
        if step is not None and (x := self._place_of(step)) is not None:
            self._marked_at = at
            self._point_at(x)
            self._marked_at = None

    def cursor_moved(self) -> None:
        """The line of the log that was printed where the cursor is."""
        if (log := self._log) is None or self._marked_at is not None:
            return
        one = self._place_of(1)
        if self._cursor is None or one is None:
            log.mark(None)
            return
        here = self._cursor / one + 0.5
        named = [at for at, step in enumerate(steps_of(log.lines)) if step is not None and step <= here]
        log.mark(named[-1] if named else None)

    _marked_at: int | None = None

    def _place_of(self, step: int) -> float | None:
        """Where a step is on the x axis; None where steps alone do not tell."""
        run, axis = self.seen.run if self.seen else None, self.chart_style.axis
        if axis == "step":
            return float(step)
        if run is None or axis not in ("images", "epoch"):
            return None
        per = run.images / run.step if run.step else 0.0
        return step * per if axis == "images" else step / (run.steps_per_epoch or 1)

    # -- pictures

    @property
    def kinds(self) -> list[str]:
        """What there are pictures of: the sample grid, then the figures by name, those that move last."""
        if self.seen is None:
            return []
        named = sorted({(figure.path.endswith(".gif"), figure.name) for figure in self.seen.figures})
        return list(dict.fromkeys([*([GRID] if self.seen.samples else []), *(name for _, name in named)]))

    @property
    def kind(self) -> str:
        """What is shown: what was chosen, or the first there is."""
        kinds = self.kinds
        return self._kind if self._kind in kinds or not kinds else kinds[0]

    @property
    def pictures(self) -> list[Any]:
        return self._of_kind(self.kind)

    def _of_kind(self, kind: str) -> list[Any]:
        if self.seen is None:
            return []
        return self.seen.samples if kind == GRID else [f for f in self.seen.figures if f.name == kind]

    @property
    def _viewers(self) -> list[Viewer]:
        """Of this run's own pictures."""
        return [self.query_one(f"#{name}", Viewer) for name in ("thumbnail", "gallery")]

    def _show_picture(self) -> None:
        now = self.picture_now()
        for viewer in self._viewers:
            viewer.show(*now)
        self.query_one(f"#{REAL}", Viewer).show(*self.real_now())
        self._show_beside()

    def _show_beside(self) -> None:
        """Every kind of picture of this run, or with runs laid over it the grids of all of them: as of the step that is
        looked at."""
        pictures = self.pictures
        is_shared = bool(pictures) and (self._shows_kinds or (len(self.laid) > 1 and self.kind == GRID))
        self.query_one("#gallery").display = not is_shared
        self.query_one("#beside").display = is_shared
        if self._tab != "samples" or not is_shared or self.seen is None:
            return
        step = None if self._at is None else pictures[min(self._at, len(pictures) - 1)].step
        shown = self._kinds_at(step) if self._shows_kinds else self._runs_at(self.seen, step)
        hidden = self.query_one("#beside", Pictures).show(shown)
        at = "the newest of each, following" if step is None else f"as of step {step:,} (n follows)"
        what = "picture" if self._shows_kinds else "run"
        told = at + (f" · no room for {plural(hidden, what)}" if hidden else "")
        if told != self._told:
            self._told = told
            self.say(told)

    def _runs_at(self, seen: RunSnapshot, step: int | None) -> list[tuple[Sheet | None, str]]:
        """The grids of this run and of those laid over it."""
        runs, is_ascii = self.gentui.home / "runs", self._layout.marks == "ascii"
        shown: list[tuple[Sheet | None, str]] = []
        for one in self.laid:
            samples = self.pictures if one.run == self.run_id else seen.beside.get(one.run, [])
            sample, marker = at_step(samples, step), marker_of(one.slot, is_ascii)
            if sample is None:
                shown.append((None, f"{marker} no picture yet · {one.name}"))
            else:
                shown.append((sheet_of(runs / one.run, sample), f"{marker} step {sample.step:,} · {one.name}"))
        return shown

    def _kinds_at(self, step: int | None) -> list[tuple[Sheet | None, str]]:
        """The picture of every kind."""
        shown: list[tuple[Sheet | None, str]] = []
        for kind in self.kinds:
            picture = at_step(self._of_kind(kind), step)
            if picture is None:
                shown.append((None, f"{clean(kind, 40)} · none yet at this step"))
            else:
                shown.append((self._sheet_of(picture), f"{clean(kind, 40)} · step {picture.step:,}"))
        return shown

    def action_kinds(self) -> None:
        """Every kind of picture at once, or one."""
        self._shows_kinds = not self._shows_kinds
        self._told = ""
        self.action_tab("samples")

    def _laid_anew(self, _: object) -> None:
        if self._tab == "samples":
            self.ask()
        else:
            super()._laid_anew(_)

    def picture_now(self) -> tuple[Sheet | None, str, str]:
        """The sheet to show, its caption, and what the trainer says of it."""
        pictures = self.pictures
        if not pictures:
            return None, "no pictures yet", ""
        at = len(pictures) - 1 if self._at is None else max(0, min(self._at, len(pictures) - 1))
        picture = pictures[at]
        words = [clean(self.kind, 40), f"step {picture.step:,}"]
        if len(pictures) > 1 or self.kind == GRID:
            newest = "newest, following" if self._at is None else f"{len(pictures) - 1 - at} newer (n follows)"
            words += [f"{at + 1} of {len(pictures)}", newest]
        return self._sheet_of(picture), " · ".join(words), clean(picture.caption or "", 200)

    def real_now(self) -> tuple[Sheet | None, str, str]:
        """The real images, as ``picture_now``."""
        found = [figure for figure in self.seen.figures if figure.name == REAL] if self.seen else []
        if not found:
            return None, "no real images yet: they are drawn with the first samples", ""
        return self._sheet_of(found[-1]), clean(found[-1].caption or "", 200), ""

    def action_real(self) -> None:
        real = self.query_one(f"#{REAL}", Viewer)
        real.display = self._tab != "samples" or not real.display
        self.action_tab("samples")

    def _sheet_of(self, picture: Any) -> Sheet:
        """A grid with its tiles. An animation may be one of grids: laid out then as the newest of those."""
        grid = picture
        if moves := picture.path.endswith(".gif") or getattr(picture, "name", "") == REAL:
            grid = self.seen.samples[-1] if self.seen and self.seen.samples else None
        rows, columns = (getattr(grid, name, 0) or 0 for name in ("rows", "columns"))
        return Sheet(inside(self.dir, picture.path), rows, columns, certain=not moves, stamp=picture.t)

    def action_scrub(self, by: int) -> None:
        self._go_to_pictures()
        if told := self.scrub(by):
            self.say(told)

    def scrub(self, by: int) -> str:
        """To an older or a newer picture; what there is to say of that."""
        count, before = len(self.pictures), self._at
        if not count:
            return "There are no pictures yet."
        at = max(0, (count - 1 if before is None else min(before, count - 1)) + by)
        self._at = None if at >= count - 1 else at
        self._show_picture()
        if self._at != before:
            return ""
        return "There is no older one." if by < 0 else "There is no newer one yet."

    def _go_to_pictures(self) -> None:
        """Where there is no room for one beside the charts, or they are not what is looked at."""
        if not any(viewer.is_on_screen for viewer in self._viewers):
            self.action_tab("samples")

    def action_newest(self) -> None:
        if self._tab == "log":
            self.query_one("#log-lines", Lines).go_to_end()
            self.say("the newest line, and those to come")
        else:
            self._go_to_pictures()
            if told := self.follow_newest():
                self.say(told)

    def follow_newest(self) -> str:
        """To the newest picture and those to come; what there is to say of that."""
        is_followed, self._at = self._at is None, None
        self._show_picture()
        return "The newest is followed already." if is_followed else ""

    def action_figure(self) -> str:
        """Go round the sample grid and the figures; what is shown then."""
        kinds = self.kinds
        if len(kinds) < 2:
            told = "There are no other pictures yet."
        else:
            self._kind = following(tuple(kinds), self.kind)
            self._at = None
            told = f"{clean(self._kind, 40)}: {kinds.index(self._kind) + 1} of {len(kinds)} kinds of picture"
            self._show_picture()
        self.say(told)
        return told

    def action_play(self) -> None:
        self._go_to_pictures()
        for viewer in self._viewers:
            if viewer.is_on_screen:
                self.say(viewer.play_or_pause())

    def action_sideways(self, by: int) -> None:
        if self._tab == "samples":
            self.action_scrub(by)
        elif self._tab == "charts":
            self.go_sideways(by)
        elif self._tab not in TEXTS or not self.query_one(TEXTS[self._tab], Lines).sideways(by):
            self.say("There is nothing more on that side.")

    def action_zoom(self) -> None:
        self.app.push_screen(navigation.create("picture", self))

    # -- scores, health, settings, net

    def _show_prose(self) -> None:
        """The pane of text that is looked at, where it has changed."""
        if (seen := self.seen) is None or self._tab not in PROSE:
            return
        static = self.query_one(f"#{self._tab}-text", Static)
        if self._tab == "scores":
            text = scores_text(seen.run, seen.evaluations)
        else:
            text = health_text(seen.run, seen.alerts, seen.signals or {})
        if static.content != text:
            static.update(text)

    def _read_file(self, tab: str) -> None:
        """Show a file of the run that is written once; one that is not there yet is asked for again later."""
        path = self.dir / FILES[tab]
        if tab in self._read or not path.is_file():
            return
        self._read.add(tab)
        launched = self.dir if tab == "settings" else None
        self.gentui.in_thread(
            lambda: clean_lines(read_head(path)) + (launched_as(launched) if launched else []),
            lambda lines: self.query_one(TEXTS[tab], Lines).set_lines(lines),
        )

    # -- keys

    def action_tab(self, name: str) -> None:
        self._tab = name
        self._show_tab()
        self.ask()

    def on_tabs_chosen(self, message: Tabs.Chosen) -> None:
        self.action_tab(message.name)

    # -- the filter of what the pane shows

    def action_filter(self) -> None:
        if self._tab != "charts" and self._tab not in TEXTS:
            self.say("There is nothing to filter on this pane: charts, log, settings and net have a filter.")
            return
        self.query_one(Filter).value = self._filter_words
        self.query_one(Filter).open()

    @property
    def _filter_words(self) -> str:
        return self._layout.filter if self._tab == "charts" else self._words.get(self._tab, "")

    def on_filter_edited(self, message: Filter.Edited) -> None:
        if not self.query_one(Filter).is_open:
            return
        if self._tab == "charts":
            self.filter_charts(message.words)
        elif self._tab in TEXTS:
            self._words[self._tab] = message.words
            self.query_one(TEXTS[self._tab], Lines).choose(message.words)
        self.query_one(FilterLine).complain(clean(matcher(message.words)[1], 200))

    def on_filter_closed(self) -> None:
        if self._tab == "charts":
            self.filter_charts("")
        elif self._tab in TEXTS:
            self._words.pop(self._tab, None)
            self.query_one(TEXTS[self._tab], Lines).choose("")
        self.query_one(FilterLine).complain("")
        self._focus_pane()

    def on_input_submitted(self) -> None:
        self._focus_pane()

    def _focus_pane(self) -> None:
        self.set_focus(None)
        focus = {**TEXTS, **{name: f"#{name}" for name in PROSE}}.get(self._tab)
        if focus is not None:
            self.query_one(focus).focus()

    def _show_filter(self) -> None:
        """What the pane is filtered by, where it is."""
        line, words = self.query_one(Filter), self._filter_words if self._tab in TEXTS else ""
        line.set_class(bool(words), "-open")
        line.value = words
        self.query_one(FilterLine).complain("")

    def _show_tab(self) -> None:
        self.query_one(Tabs).active = self._tab
        for pane in self.query(".pane"):
            pane.display = pane.id == self._tab
        self.query_one("#below").set_class(self._tab == "charts" and self._shows_below, "-on")
        self._show_filter()
        self._focus_pane()
        if self._tab in FILES:
            self._read_file(self._tab)
        if self._tab == "charts":
            self.show_charts()
        self._show_prose()
        self.call_after_refresh(self._show_picture)

    def action_stop(self) -> None:
        if self.seen:
            run_actions.stop(self.gentui, self.seen.run)

    def action_evaluate(self) -> None:
        if self.seen:
            run_actions.evaluate(self.gentui, self.seen.run)

    def action_playground(self) -> None:
        from gentui.tui.screens.playground import open_playground

        if self.seen:
            open_playground(self.gentui, self.seen.run)

    def action_resume(self) -> None:
        if self.seen:
            run_actions.resume(self.gentui, self.seen.run)

    def action_remove(self) -> None:
        if self.seen:
            run_actions.remove(self.gentui, self.seen.run, then=self._removed)

    def action_tag(self) -> None:
        if self.seen:
            run_actions.tag(self.gentui, self.seen.run)

    def action_note(self) -> None:
        if self.seen:
            run_actions.note(self.gentui, self.seen.run)

    def action_rename(self) -> None:
        if self.seen:
            run_actions.rename(self.gentui, self.seen.run)

    def action_again(self) -> None:
        if self.seen:
            run_actions.edit_again(self.gentui, self.seen.run)

    @property
    def runs_meant(self) -> list[str]:
        """What a comparison begins with."""
        return [self.run_id]

    def _removed(self) -> None:
        if self.is_active:
            self.app.pop_screen()

    def action_back(self) -> None:
        if not self.query_one(Filter).close() and not self.close_chart_layer():
            self.app.pop_screen()


_STEP = re.compile(r"\bstep ([\d,]{1,20})")


def steps_of(lines: Sequence[str]) -> list[int | None]:
    """The step that each line names."""
    found = (_STEP.search(line[:200]) for line in lines)
    return [int(one[1].replace(",", "") or 0) if one else None for one in found]


def launched_as(folder: Path) -> list[str]:
    """Where and how a run was launched, as lines under its settings."""
    try:
        info = RunDir(folder).info()
    except (OSError, ValueError):
        return []
    told = {name: info.get(name) for name in ("host", "device", "git", "command", "created_at")}
    if isinstance(made := told.pop("created_at"), int | float):
        told["launched"] = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(made))
    if isinstance(command := told["command"], list):
        told["command"] = shlex.join(map(str, command))
    versions = info.get("versions")
    told |= versions if isinstance(versions, dict) else {}
    return ["", "[launched]", *(clean(f"{name} = {value}", 500) for name, value in told.items() if value)]


def _thumbnails(images: str) -> str:
    return "none" if images == "none" else "half"


def _waiting(run: Any) -> str:
    """Why there is no curve yet."""
    return {
        "queued": "Waiting for a free device.",
        "running": clean(getattr(run, "phase", "") or "", 80) or "Starting: the first step is on its way.",
    }.get(run.status, "No step was logged.")
