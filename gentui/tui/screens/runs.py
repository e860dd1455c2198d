"""Every run, live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Horizontal

from gentui.config import key_table, preferences
from gentui.runs import compare, filter_language
from gentui.text.numbers import plural
from gentui.text.sanitize import clean
from gentui.tui.index_reader import Query
from gentui.tui.screens import run_actions
from gentui.tui.screens.prompt import PromptScreen
from gentui.tui.screens.run_keys import RunKeys
from gentui.tui.screens.runs_table import COLUMNS, MOST_ADDED, columns_with, detail, row_of
from gentui.tui.screens.table_screen import TableScreen
from gentui.tui.widgets.filter import Filter, FilterLine
from gentui.tui.widgets.table import Row, Table

if TYPE_CHECKING:
    from textual.timer import Timer

    from gentui.index import Index
    from gentui.tui.screens.runs_pane import RunPane, RunPreview

REST = 0.15
"""Seconds on a run until it is read for the pane."""

_SORTED_BY = "id"
_NO_TRAINING = ("sample.", "evaluate.", "health.")
"""Tables of settings that do not change the training."""


@dataclass(frozen=True)
class RunEntry:
    """A RunRow, its place in the queue (1 is first, None outside it), and its row in the table."""

    run: Any
    queue_place: int | None
    row: Row


@dataclass(frozen=True)
class RunList:
    """The result of the screen's query: the runs by id, newest first; the keys that a filter may name; and the keys of
    the added columns that the rows were made for."""

    entries: dict[str, RunEntry]
    keys: filter_language.FilterKeys
    added: tuple[str, ...]
    preview: RunPreview | None = None


class RunsReader:
    """Reads the runs off the UI thread, and remembers the rows: only those of runs that changed are made again."""

    def __init__(self) -> None:
        self._entries: dict[str, RunEntry] = {}
        self._keys = filter_language.FilterKeys()
        self._added: tuple[str, ...] = ()

    def read(self, index: Index, added: tuple[str, ...], previewed: str = "") -> RunList:
        """All runs, with the keys ``added`` as further columns; and what the pane shows of one, "" for none."""
        if added != self._added:
            self._added, self._entries = added, {}
        runs, getters = index.runs(), [filter_language.getter(key) for key in added]
        waiting = sorted((run for run in runs if run.status == "queued"), key=lambda run: run.queued_at or 0.0)
        places = {run.id: place for place, run in enumerate(waiting, 1)}
        entries: dict[str, RunEntry] = {}
        changed: list[Any] = []
        for run in runs:
            old, place = self._entries.get(run.id), places.get(run.id)
            if old is not None and (old.run is run or old.run == run) and old.queue_place == place:
                entries[run.id] = old
            else:
                entries[run.id] = RunEntry(run, place, row_of(run, place, getters))
                changed.append(run)
        self._entries = entries
        self._keys = self._keys.and_of(changed)
        preview = None
        if previewed:
            from gentui.tui.screens.runs_pane import read_run_preview

            preview = read_run_preview(index, previewed)
        return RunList(entries, self._keys, added, preview)


class RunsScreen(RunKeys, TableScreen):
    """The runs table."""

    context = "runs"
    place = "runs"
    BINDINGS = key_table.bindings("runs")
    DEFAULT_CSS = """
    RunsScreen StatusLine { display: block; }  /* always, or the table moves with each message */
    RunsScreen #runs-body { height: 1fr; }
    RunsScreen #runs { width: 1fr; }
    RunsScreen #runs-pane { width: 55%; }
    RunsScreen.-narrow #runs-body { layout: vertical; }
    RunsScreen.-narrow #runs { width: 100%; height: 1fr; }
    RunsScreen.-narrow #runs-pane { width: 100%; height: 60%; border: none; }
    RunsScreen.-narrow #runs-pane > Viewer { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._reader = RunsReader()
        self._list = RunList({}, filter_language.FilterKeys(), ())
        self._matching: list[RunEntry] = []
        self._added: tuple[str, ...] = ()  # keys of the columns that were added
        self._columns = COLUMNS
        self._sort, self._descending = self._column_named(_SORTED_BY), True
        self._previewed = ""  # the run that the pane shows, "" while there is no pane
        self._rest: Timer | None = None

    def body(self) -> ComposeResult:
        yield FilterLine("words, status:done, optim.lr>=1e-3, fid<60, -tag:x", id="runs-filter")
        with Horizontal(id="runs-body"):
            yield Table([c for c, _ in COLUMNS], id="runs", empty="Reading the runs …", markable=True)

    def on_mount(self) -> None:
        self._set_added(preferences.read().runs_columns.split())
        if words := preferences.read_of_home(self.gentui.home).runs_filter:  # as it was left
            self.query_one(Filter).value = words
            self.query_one(Filter).add_class("-open")
        if preferences.read().runs_pane:
            self._open_pane()

    def on_input_submitted(self) -> None:
        self._remember_filter()

    def on_filter_closed(self) -> None:
        self._remember_filter()

    def _remember_filter(self) -> None:
        text = self.filter_text
        self.gentui.in_thread(lambda: preferences.remember_of_home(self.gentui.home, runs_filter=text))

    def index_query(self) -> Query | None:
        return Query(lambda index: self._reader.read(index, self._added, self._previewed))

    def show(self, data: RunList) -> None:
        if data.added != self._added:  # read before the columns were changed
            return
        self._list = data
        table = self.query_one(Table)
        table.set_marked(table.marked & data.entries.keys())
        self.fill()
        if data.preview is not None and data.preview.run.id == self._previewed:
            for pane in self._panes:
                pane.show(data.preview)

    def fill(self) -> None:
        table, text = self.query_one(Table), self.filter_text
        query = filter_language.parse(text, self._list.keys)
        self.query_one(FilterLine).show_error(query.mistake)
        table.empty = (
            "No run matches. Esc clears the filter."
            if text.strip()
            else "No runs yet: 1, then Enter on a recipe; I imports those of other scripts."
        )
        self._matching = [entry for entry in self._list.entries.values() if query.matches(entry.run)]
        key = table.key
        table.set_columns([column for column, _ in self._columns])
        table.set_sorted(self._sort, self._descending)
        table.set_rows([entry.row for entry in self._sorted(self._matching)])
        if key is not None and table.key != key:
            table.move_to(key)

    def _sorted(self, entries: list[RunEntry]) -> list[RunEntry]:
        """By the sorted column, those without a value last."""
        keys = {entry.run.id: self._columns[self._sort][1].value(entry.run) for entry in entries}
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
    def _chosen(self) -> list[Any]:
        """The marked runs, or else the one under the cursor."""
        marked = self.query_one(Table).marked
        if marked:
            return [entry.run for entry in self._list.entries.values() if entry.run.id in marked]
        return [run] if (run := self.run_here) else []

    @property
    def selected_runs(self) -> list[str]:
        """The ids of the runs that are compared or copied from here."""
        return [run.id for run in self._chosen]

    def target_run(self) -> Any | None:
        if (run := self.run_here) is None:
            self.say("There is no run here.")
        return run

    def target_runs(self) -> list[Any]:
        if not (runs := self._chosen):
            self.say("There is no run here.")
        return runs

    def after_removal(self) -> None:
        self._unmark()

    def action_open(self) -> None:
        if run := self.target_run():
            self.gentui.open_run(run.id)

    def on_table_chosen(self) -> None:
        self.action_open()

    # -- the pane of the run under the cursor

    @property
    def _panes(self) -> list[RunPane]:
        """The pane, if it is open."""
        return list(self.query("#runs-pane"))  # pyright: ignore[reportReturnType]

    def action_pane(self) -> None:
        """Show the pane, or take it away."""
        is_open = bool(self._panes)
        for pane in self._panes:
            pane.remove()
        if is_open:
            self._previewed = ""
        else:
            self._open_pane()
        self.gentui.in_thread(lambda: preferences.remember(runs_pane=not is_open))
        self.say("no preview" if is_open else "preview of the run under the cursor")

    def _open_pane(self) -> None:
        from gentui.tui.screens.runs_pane import RunPane

        self.query_one("#runs-body").mount(RunPane(self.gentui.images, id="runs-pane"))
        self._preview(self.query_one(Table).key)

    def _preview(self, run: str | None) -> None:
        """Read this run for the pane."""
        self._previewed = run or "" if self._panes else ""
        self.ask()

    def on_table_highlighted(self) -> None:
        if self._panes:
            if self._rest is not None:
                self._rest.stop()
            self._rest = self.set_timer(REST, lambda: self._preview(self.query_one(Table).key))
        if not self.query_one(Table).marked:
            self.say(detail(run) if (run := self.run_here) else "")

    # -- marks

    def action_mark(self) -> None:
        if run := self.target_run():
            table = self.query_one(Table)
            table.set_marked(table.marked ^ {run.id})
            table.action_cursor(1)
            self._say_marked()

    def action_mark_all(self) -> None:
        if self.target_run() is None:
            return
        table = self.query_one(Table)
        shown = {row.key for row in table.rows if row.key is not None}
        table.set_marked(table.marked - shown if shown <= table.marked else table.marked | shown)
        self._say_marked()

    def _say_marked(self) -> None:
        marked = self.query_one(Table).marked
        shown = {entry.run.id for entry in self._matching}
        hidden = f", {len(marked - shown)} of them not shown" if marked - shown else ""
        what = "stop, resume, delete and tags are for all of them"
        self.say(f"◆ {plural(len(marked), 'run')} marked{hidden}: {what}" if marked else "")

    def _unmark(self) -> None:
        self.query_one(Table).set_marked(())
        self.say("")

    def action_back(self) -> None:
        if self.query_one(Table).marked:
            self._unmark()
        else:
            super().action_back()

    # -- order and columns

    def action_sort(self, by: int) -> None:
        self._sort = (self._sort + by) % len(self._columns)
        self._descending = self._columns[self._sort][1].descending
        self._sort_changed()

    def action_reverse(self) -> None:
        self._descending = not self._descending
        self._sort_changed()

    def _sort_changed(self) -> None:
        self.fill()
        order = "▼ descending" if self._descending else "▲ ascending"
        self.say(f"sorted by {self._columns[self._sort][0].title}, {order}")

    def _column_named(self, title: str) -> int:
        return max(place for place, (column, _) in enumerate(self._columns) if column.title == title)

    def _set_added(self, keys: Sequence[str]) -> None:
        """Show columns for these keys besides the table's own."""
        self._added = tuple(keys)[:MOST_ADDED]
        self._columns = columns_with(self._added)
        self._sort, self._descending = self._column_named(_SORTED_BY), True

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
            self._set_added(keys := self._keys_in(text))
            self.gentui.in_thread(lambda: preferences.remember(runs_columns=" ".join(keys)))
            self.say(f"columns: {clean(', '.join(keys), 200)}" if keys else "no columns but the table's own")
            self.ask()

        detail = "Settings, metrics, scores, named as in the filter: lr seed kid. * is what differs between these runs."
        self.app.push_screen(PromptScreen("Columns", detail, " ".join(self._added), check=check), answered)

    def _keys_in(self, text: str) -> list[str]:
        """The keys that a text names; ``*`` is what differs between the runs shown. Raises ValueError for unknown
        words."""
        words = text.replace(",", " ").split()
        if words == ["*"]:
            differ = compare.different([entry.run.settings for entry in self._matching])
            ranked = sorted(differ, key=lambda key: (None in differ[key], key != "train.seed"))
            return [key for key in ranked if not key.startswith(_NO_TRAINING)][:MOST_ADDED]
        return list(dict.fromkeys(filter_language.key_of(word, self._list.keys) for word in words))

    # -- actions besides those of RunKeys

    def action_overlay(self) -> None:
        if runs := self.target_runs():
            run_actions.overlay(self.gentui, sorted(runs, key=lambda run: run is not self.run_here))

    def action_import_runs(self) -> None:
        run_actions.import_runs(self.gentui)

    def action_reorder(self, where: str) -> None:
        if run := self.target_run():
            run_actions.reorder(self.gentui, run, where)
