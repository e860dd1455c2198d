"""Every run, live: a list of runs and sweeps, and beside or below it the one under the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from gentui.config import key_table, preferences
from gentui.runs import filter_language
from gentui.text.numbers import plural
from gentui.text.sanitize import clean
from gentui.tui.index_reader import Query
from gentui.tui.screens import run_actions
from gentui.tui.screens.prompt import PromptScreen
from gentui.tui.screens.run_keys import RunKeys
from gentui.tui.screens.runs_groups import PREFIX, Sweep, rows_of, sweeps_of
from gentui.tui.screens.runs_pane import RunPane
from gentui.tui.screens.runs_preview import PreviewRequest
from gentui.tui.screens.runs_reader import RunList, RunsReader
from gentui.tui.screens.runs_table import COLUMNS, MOST_ADDED, RunEntry, columns_with, detail, keys_in
from gentui.tui.screens.table_screen import TableScreen, list_width
from gentui.tui.widgets.filter import Filter, FilterLine
from gentui.tui.widgets.pane_title import PaneTitle
from gentui.tui.widgets.table import Table

if TYPE_CHECKING:
    from textual.timer import Timer

REST = 0.15
"""Seconds on a run until it is read for the pane."""
WIDE = 100
"""Columns of a list that has all of the table's columns."""

_SORTED_BY = "id"
_SAME = {"best score": "score", "ETA": "left", "progress": "status"}
"""Titles of columns, and of the few columns in their place."""


class RunsScreen(RunKeys, TableScreen):
    """The runs table with its pane."""

    context = "runs"
    place = "runs"
    BINDINGS = key_table.bindings("runs")
    DEFAULT_CSS = """
    RunsScreen StatusLine { display: block; }  /* always, or the table moves with each message */
    RunsScreen #runs-body { height: 1fr; }
    RunsScreen #runs-list { width: 1fr; height: 100%; }
    RunsScreen #runs-pane { width: 1fr; height: 100%; margin: 0 0 0 1; }
    RunsScreen.-narrow #runs-body { layout: vertical; }
    RunsScreen.-narrow #runs-list { width: 100%; height: 1fr; }
    RunsScreen.-narrow #runs-pane { width: 100%; height: 1fr; margin: 0; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._reader = RunsReader()
        self._list = RunList({}, filter_language.FilterKeys(), ())
        self._matching: list[RunEntry] = []
        self._sweeps: dict[str, Sweep] = {}
        self._is_open: dict[str, bool] = {}  # by the key of a sweep, as a key left it
        self._trained: dict[str, bool] = {}  # whether a run of it did when it was first seen
        self._added: tuple[str, ...] = ()  # keys of the columns that were added
        self._is_few = False
        self._columns = COLUMNS
        self._sort, self._descending = _SORTED_BY, True
        self._asked: PreviewRequest | None = None  # what the pane shows, None while there is no pane
        self._rest: Timer | None = None
        self._pane_is_on = dict.fromkeys(("beside", "beneath"), True) | {"small": False}
        self._awaited: tuple[str, ...] = ()  # runs that were just launched or restored

    def body(self) -> ComposeResult:
        with Horizontal(id="runs-body"):
            with Vertical(id="runs-list"):
                yield PaneTitle("runs", id="runs-title")
                yield FilterLine("words, status:done, optim.lr>=1e-3, fid<60, -tag:x", id="runs-filter")
                yield Table([c for c, _ in COLUMNS], id="runs", empty="Reading the runs …", markable=True)
            yield RunPane(self.gentui.images, id="runs-pane")

    def on_mount(self) -> None:
        kept = preferences.read()
        self._pane_is_on |= {"beside": kept.runs_pane_beside, "beneath": kept.runs_pane_beneath}
        self._set_added(kept.runs_columns.split())
        if words := preferences.read_of_home(self.gentui.home).runs_filter:  # as it was left
            self.query_one(Filter).value = words
            self.query_one(Filter).add_class("-open")
        self._arrange()

    def on_resize(self) -> None:
        self._arrange()

    def on_input_submitted(self) -> None:
        self._remember_filter()

    def on_filter_closed(self) -> None:
        self._remember_filter()

    def _remember_filter(self) -> None:
        text = self.filter_text
        self.gentui.in_thread(lambda: preferences.remember_of_home(self.gentui.home, runs_filter=text))

    def index_query(self) -> Query | None:
        return Query(lambda index: self._reader.read(index, self._added, self._is_few, self._asked))

    def show(self, data: RunList) -> None:
        if (data.added, data.is_few) != (self._added, self._is_few):  # read before the columns were changed
            return
        is_new, self._list = data.entries is not self._list.entries, data
        if is_new:
            table = self.query_one(Table)
            table.set_marked(table.marked & data.entries.keys())
            self.fill()
        self._go_to_awaited()
        preview = data.preview
        if preview is not None and self._asked is not None and preview.request.key == self._asked.key:
            self.pane.show(preview, self._sweeps.get(preview.request.key))
        elif self._asked is None and not data.entries:
            self.pane.clear("The run under the cursor is shown here.")

    def fill(self) -> None:
        table, text = self.query_one(Table), self.filter_text
        query = filter_language.parse(text, self._list.keys)
        self.query_one(FilterLine).show_error(query.mistake)
        table.empty = (
            "No run matches. Esc clears the filter."
            if text.strip()
            else "No runs yet: 1, then Enter on a recipe; I imports those of other scripts."
        )
        self._matching = self._sorted(
            [entry for entry in self._list.entries.values() if query.matches(entry.run)]
        )
        self._sweeps = sweeps_of(self._matching)
        key, titles = table.key, [column.title for column, _ in self._columns]
        table.set_columns([column for column, _ in self._columns])
        table.set_sorted(titles.index(self._sort), self._descending)
        table.set_rows(rows_of(self._matching, self._sweeps, self._is_unfolded, titles, table.marked))
        if key is not None and table.key != key:
            table.move_to(key)
        self._show_title()

    def _is_unfolded(self, sweep: Sweep) -> bool:
        """Whether the runs of a sweep have rows: as a key left it, else where a filter chooses among runs, or where one
        of them trained when it was first seen."""
        if sweep.key in self._is_open:
            return self._is_open[sweep.key]
        trains = any(run.status in ("running", "stalled") for run in sweep.runs)
        return self._trained.setdefault(sweep.key, trains) or bool(self.filter_text.strip())

    def _show_title(self) -> None:
        """How many runs there are, in which order, and how the pane is brought back where it was put away."""
        count, shown = len(self._list.entries), len(self._matching)
        words = f"{count:,}" if shown == count else f"{shown:,} of {count:,} match the filter"
        is_first = self._sort == _SORTED_BY and self._descending
        order = "newest first" if is_first else f"by {self._sort} {'▼' if self._descending else '▲'}"
        key = key_table.as_mapped(key_table.BY_ID["runs.pane"]).display
        hint = "" if self.pane.display else f"{key} shows curves and samples"
        self.query_one("#runs-title", PaneTitle).show(
            (("runs  ", "title"), (words, ""), (f" · {order}" if count else "", "dim")), hint
        )

    def _sorted(self, entries: list[RunEntry]) -> list[RunEntry]:
        """By the sorted column, those without a value last."""
        value = next(sort.value for column, sort in self._columns if column.title == self._sort)
        keys = {entry.run.id: value(entry.run) for entry in entries}
        first = [entry for entry in entries if keys[entry.run.id] is not None]
        last = [entry for entry in entries if keys[entry.run.id] is None]
        first.sort(key=lambda entry: keys[entry.run.id], reverse=self._descending)
        return first + last

    # -- which runs a key is for

    @property
    def run_here(self) -> Any | None:
        """The run under the cursor."""
        entry = self._list.entries.get(self.query_one(Table).key or "")
        return entry.run if entry else None

    @property
    def sweep_here(self) -> Sweep | None:
        """The sweep whose row is under the cursor."""
        return self._sweeps.get(self.query_one(Table).key or "")

    @property
    def _chosen(self) -> list[Any]:
        """The marked runs, or else those of the row under the cursor."""
        marked = self.query_one(Table).marked
        if marked:
            return [entry.run for entry in self._list.entries.values() if entry.run.id in marked]
        if (sweep := self.sweep_here) is not None:
            return sweep.runs
        return [run] if (run := self.run_here) else []

    @property
    def selected_runs(self) -> list[str]:
        """The ids of the runs that are compared or copied from here."""
        return [run.id for run in self._chosen]

    def target_run(self) -> Any | None:
        if (run := self.run_here) is None:
            is_sweep = self.sweep_here is not None
            self.say("This is for one run: Enter opens the sweep." if is_sweep else "There is no run here.")
        return run

    def target_runs(self) -> list[Any]:
        if not (runs := self._chosen):
            self.say("There is no run here.")
        return runs

    def after_removal(self) -> None:
        self._unmark()

    def action_open(self) -> None:
        if (sweep := self.sweep_here) is not None:
            self._fold(sweep)
        elif run := self.target_run():
            self.gentui.open_run(run.id)

    def on_table_chosen(self) -> None:
        self.action_open()

    # -- sweeps

    def action_fold(self) -> None:
        """Show or hide the runs of the sweep under the cursor."""
        run = self.run_here
        of_run = next((one for one in self._sweeps.values() if run in one.runs), None) if run else None
        if (sweep := self.sweep_here or of_run) is not None:
            self._fold(sweep)
            self.query_one(Table).move_to(sweep.key)
        else:
            self.say("No sweep here.")

    def _fold(self, sweep: Sweep) -> None:
        self._is_open[sweep.key] = not self._is_unfolded(sweep)
        self.fill()

    def show_runs(self, runs: Sequence[str]) -> None:
        """Put the cursor on the one of these runs that trains, else on the first, as soon as the index lists them; a
        filter that hides them is cleared."""
        self._awaited = tuple(runs)
        self.ask()

    def _go_to_awaited(self) -> None:
        entries = [self._list.entries.get(run) for run in self._awaited]
        known = [entry for entry in entries if entry is not None]
        if not known or len(known) < len(self._awaited):
            return
        self._awaited = ()
        if not any(entry is known[0] for entry in self._matching):
            self.query_one(Filter).close()
        for key in {entry.sweep for entry in known if entry.sweep}:
            self._is_open[f"{PREFIX}{key}"] = True
        self.fill()
        trains = next((entry for entry in known if entry.run.status in ("running", "stalled")), known[0])
        self.query_one(Table).move_to(trains.run.id)

    # -- the pane

    @property
    def pane(self) -> RunPane:
        return self.query_one(RunPane)

    @property
    def _room(self) -> str:
        """Where there is room for the pane: ``beside`` the list, ``beneath`` it, or hardly (``small``)."""
        return "small" if self.is_short else "beside" if self.is_wide else "beneath"

    def _arrange(self) -> None:
        """Divide the screen between list and pane."""
        width, is_on = self.app.size.width, self._pane_is_on[self._room]
        self.pane.display = is_on
        shared = self._room == "beside" and is_on
        self.query_one("#runs-list").styles.width = list_width(width) if shared else "100%"
        is_few = shared or width < WIDE
        if is_few != self._is_few:
            self._is_few = is_few
            self._set_added(self._added)
            self.ask()
        self._show_title()
        self._preview()

    def action_pane(self) -> None:
        """Show the pane, or take it away, wherever there is as much room as now."""
        room = self._room
        is_on = self._pane_is_on[room] = not self._pane_is_on[room]
        if room != "small":
            name = f"runs_pane_{room}"
            self.gentui.in_thread(lambda: preferences.remember(**{name: is_on}))
        self._arrange()
        self.say("preview of the run under the cursor" if is_on else "no preview")

    def action_part(self) -> None:
        """Show one part of the pane alone, the next one, or all."""
        if self.query_one(Filter).has_focus:
            self.query_one(Table).focus()
        elif not self.pane.display:
            self.say("There is no preview: p shows it.")
        else:
            self.say(f"preview: {self.pane.next_part()}")
            self._preview()

    def on_chart_grid_capacity_changed(self) -> None:
        self._preview()

    def _preview(self) -> None:
        """Read what is under the cursor for the pane."""
        table, before = self.query_one(Table), self._asked
        if not self.pane.display or table.key is None:
            self._asked = None
        else:
            sweep = self.sweep_here
            best = sweep.best if sweep is not None else None
            ids = [run.id for run in sweep.runs] if sweep is not None else [table.key]
            ids.sort(key=lambda run: best is None or run != best.id)
            self._asked = PreviewRequest(table.key, tuple(ids), *self.pane.charts)
        if self._asked is not None and self._asked != before:
            self.ask()

    def on_table_highlighted(self) -> None:
        if self.pane.display:
            if self._rest is not None:
                self._rest.stop()
            self._rest = self.set_timer(REST, self._preview)
        if not self.query_one(Table).marked:
            sweep, run = self.sweep_here, self.run_here
            self.say(sweep.in_words if sweep is not None else detail(run) if run is not None else "")

    # -- marks

    def action_mark(self) -> None:
        table, sweep = self.query_one(Table), self.sweep_here
        if sweep is not None:
            of = {run.id for run in sweep.runs}
            table.set_marked(table.marked - of if of <= table.marked else table.marked | of)
        elif run := self.target_run():
            table.set_marked(table.marked ^ {run.id})
        else:
            return
        if self._sweeps:
            self.fill()
        table.action_cursor(1)
        self._say_marked()

    def action_mark_all(self) -> None:
        table = self.query_one(Table)
        shown = {entry.run.id for entry in self._matching}
        if not shown:
            self.say("There is no run here.")
            return
        table.set_marked(table.marked - shown if shown <= table.marked else table.marked | shown)
        if self._sweeps:
            self.fill()
        self._say_marked()

    def _say_marked(self) -> None:
        marked = self.query_one(Table).marked
        shown = {entry.run.id for entry in self._matching}
        hidden = f", {len(marked - shown)} of them not shown" if marked - shown else ""
        what = "stop, resume, delete and tags are for all of them"
        self.say(f"◆ {plural(len(marked), 'run')} marked{hidden}: {what}" if marked else "")

    def _unmark(self) -> None:
        self.query_one(Table).set_marked(())
        if self._sweeps:
            self.fill()
        self.say("")

    def action_back(self) -> None:
        if self.query_one(Table).marked:
            self._unmark()
        else:
            super().action_back()

    # -- order and columns

    def action_sort(self, by: int) -> None:
        offered = [(column.title, sort) for column, sort in self._columns if sort.is_offered]
        titles = [title for title, _ in offered]
        at = (titles.index(self._sort) + by) % len(offered)
        self._sort, self._descending = titles[at], offered[at][1].descending
        self._sort_changed()

    def action_reverse(self) -> None:
        self._descending = not self._descending
        self._sort_changed()

    def _sort_changed(self) -> None:
        self.fill()
        order = "▼ descending" if self._descending else "▲ ascending"
        self.say(f"sorted by {self._sort}, {order}")

    def _set_added(self, keys: Sequence[str]) -> None:
        """Show columns for these keys besides the table's own."""
        self._added = tuple(keys)[:MOST_ADDED]
        self._columns = columns_with(self._added, self._is_few)
        titles = [column.title for column, _ in self._columns]
        if self._sort not in titles:
            same = _SAME | {few: whole for whole, few in _SAME.items()}
            found = same.get(self._sort, _SORTED_BY)
            self._sort, self._descending = found, self._descending if found != _SORTED_BY else True

    def action_columns(self) -> None:
        """Ask which settings, metrics and scores have a column."""

        def check(text: str) -> str:
            try:
                is_too_many = len(self._keys_in(text)) > MOST_ADDED
            except ValueError as mistake:
                return str(mistake)
            return f"{MOST_ADDED} are the most" if is_too_many else ""

        def answered(text: str | None) -> None:
            if text is None:
                return
            self._sort, self._descending = _SORTED_BY, True
            self._set_added(keys := self._keys_in(text))
            self.gentui.in_thread(lambda: preferences.remember(runs_columns=" ".join(keys)))
            self.say(f"columns: {clean(', '.join(keys), 200)}" if keys else "no columns but the table's own")
            self.ask()

        detail = "Settings, metrics, scores, named as in the filter: lr seed kid. * is what differs between these runs."
        self.app.push_screen(PromptScreen("Columns", detail, " ".join(self._added), check=check), answered)

    def _keys_in(self, text: str) -> list[str]:
        """The keys that a text names. Raises ValueError for unknown words."""
        return keys_in(text, self._list.keys, [entry.run for entry in self._matching])

    # -- actions besides those of RunKeys

    def action_overlay(self) -> None:
        if runs := self.target_runs():
            run_actions.overlay(self.gentui, sorted(runs, key=lambda run: run is not self.run_here))

    def action_import_runs(self) -> None:
        run_actions.import_runs(self.gentui)

    def action_reorder(self, where: str) -> None:
        if run := self.target_run():
            run_actions.reorder(self.gentui, run, where)
