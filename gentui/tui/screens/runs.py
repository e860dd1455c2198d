"""Every run, live."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from textual.app import ComposeResult

from gentui.config import key_table, preferences
from gentui.metrics.namespaces import SEVERITIES
from gentui.runs import alarms, compare, filter_language, naming
from gentui.text import numbers
from gentui.text.numbers import plural
from gentui.text.sanitize import clean
from gentui.tui import formatting
from gentui.tui.index_reader import Query
from gentui.tui.screens import run_actions
from gentui.tui.screens.prompt import PromptScreen
from gentui.tui.screens.table_screen import TableScreen
from gentui.tui.widgets.filter import Filter, FilterLine
from gentui.tui.widgets.table import Cell, Column, Row, Table

_ORDER = ("running", "stalled", "queued", "failed", "lost", "interrupted", "stopped", "done")


@dataclass(frozen=True)
class Sort:
    """What a column is sorted by, None coming last either way; and whether the greatest come first."""

    value: Callable[[Any], Any]
    descending: bool = True


def _progress(run: Any) -> float:
    return (run.step or 0) / run.steps if run.steps else 0.0


COLUMNS: tuple[tuple[Column, Sort], ...] = (
    (Column("status", minimum=9), Sort(lambda run: (_ORDER.index(run.status), run.queued_at or 0.0), False)),
    (Column("run", flex=True, minimum=14, maximum=40), Sort(lambda run: naming.label(run).lower(), False)),
    (Column("tags", maximum=24, drop=6), Sort(lambda run: sorted(run.tags) or None, False)),
    (Column("data set", maximum=16, drop=6), Sort(lambda run: run.dataset or None, False)),
    (Column("progress", minimum=13), Sort(_progress)),
    (Column("speed", "right", minimum=7, drop=3), Sort(lambda run: run.images_per_s)),
    (Column("ETA", "right", minimum=6, drop=1), Sort(lambda run: run.eta_s, False)),
    (Column("loss", "right", minimum=6), Sort(lambda run: _finite(run.loss), False)),
    (Column("best score", "right", minimum=10, maximum=22), Sort(lambda run: _merit(run.best), False)),
    (
        Column("alarms", "right", minimum=6, drop=2),
        Sort(lambda run: (-SEVERITIES.index(run.worst), run.alerts) if run.worst else None),
    ),
    (Column("device", maximum=8, drop=5), Sort(lambda run: run.slot or run.device or None, False)),
    (Column("began", minimum=11, drop=4), Sort(lambda run: run.started_at or run.created_at)),
    (Column("id", maximum=22, drop=7), Sort(lambda run: run.id)),
    (Column("reason", flex=True, minimum=12, maximum=60, drop=8), Sort(lambda run: run.reason or None, False)),
)
_BY_ID = "id"
_AFTER, MOST_ASKED = 2, 8
_ASIDE = ("sample.", "evaluate.", "health.")  # tables of settings that change no training


def _finite(value: float | None) -> float | None:
    return value if value is not None and value == value else None


def _merit(best: Any | None) -> tuple[str, float] | None:
    """Scores of one metric stand together, the best of them first."""
    return None if best is None else (best.metric, best.value if best.lower_is_better else -best.value)


@dataclass(frozen=True)
class Listed:
    """A RunRow with its place in the queue, and how the table shows it."""

    run: Any
    place: int | None
    row: Row


def columns_with(keys: Sequence[str]) -> tuple[tuple[Column, Sort], ...]:
    """The columns of the table, with those of these keys of the filter language behind the name. Where there is no room
    the table's own go first, then the last of these."""
    if not keys:
        return COLUMNS
    asked = []
    for place, key in enumerate(keys, 1):
        last = key.rpartition(".")[2]
        is_clear = last != "name" and [other.rpartition(".")[2] for other in keys].count(last) == 1
        title = last if is_clear else key
        column = Column(clean(title, 20), "right", maximum=14, drop=place)
        asked.append((column, Sort(_by(filter_language.getter(key)), False)))
    own = []
    for column, sort in COLUMNS:
        gives_way = column.drop or column.title == "progress"
        own.append((replace(column, drop=MOST_ASKED + 1 + column.drop) if gives_way else column, sort))
    return (*own[:_AFTER], *asked, *own[_AFTER:])


def _by(get: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """To sort by a value of any type: numbers first, what is missing last."""

    def order(run: Any) -> tuple[bool, float, str] | None:
        value = get(run)
        if value is None or value != value:
            return None
        is_number = isinstance(value, int | float)
        return (not is_number, float(value) if is_number else 0.0, "" if is_number else str(value))

    return order


class RunsScreen(TableScreen):
    """The runs table."""

    context = "runs"
    place = "runs"
    BINDINGS = key_table.bindings("runs")
    DEFAULT_CSS = "RunsScreen StatusLine { display: block; }"  # or rows with words move all

    def __init__(self) -> None:
        super().__init__()
        self._runs: dict[str, Listed] = {}
        self._known: dict[str, Listed] = {}  # the live thread's
        self._matching: list[Listed] = []
        self._keys = filter_language.Known()
        self._met = filter_language.Known()  # the live thread's
        self._columns = COLUMNS
        self._asked: tuple[str, ...] = ()  # keys of the columns that a person has added
        self._built: tuple[str, ...] = ()  # those that the live thread's rows have
        self._sort, self._descending = self._place_of(_BY_ID), True

    def body(self) -> ComposeResult:
        yield FilterLine("words, status:done, optim.lr>=1e-3, fid<60, -tag:x", id="runs-filter")
        yield Table([c for c, _ in COLUMNS], id="runs", empty="Reading the runs …", markable=True)

    def on_mount(self) -> None:
        self._ask_for(preferences.read().runs_columns.split())
        if words := preferences.read().runs_filter:  # as it was left
            self.query_one(Filter).value = words
            self.query_one(Filter).add_class("-open")

    def on_input_submitted(self) -> None:
        self._keep_filter()

    def on_filter_closed(self) -> None:
        self._keep_filter()

    def _keep_filter(self) -> None:
        text = self.filter_text
        self.gentui.in_thread(lambda: preferences.remember(runs_filter=text))

    def index_query(self) -> Query | None:
        return Query(self._list)

    def _list(self, index: Any) -> tuple[dict[str, Listed], filter_language.Known, tuple[str, ...]]:
        """In the live thread: the rows, made anew only for runs that changed."""
        known: dict[str, Listed] = {}
        changed: list[Any] = []
        runs, asked = index.runs(), self._asked
        if asked != self._built:
            self._built, self._known = asked, {}
        getters = [filter_language.getter(key) for key in asked]
        waiting = sorted((run for run in runs if run.status == "queued"), key=lambda run: run.queued_at or 0.0)
        places = {run.id: place for place, run in enumerate(waiting, 1)}
        for run in runs:
            old, place = self._known.get(run.id), places.get(run.id)
            is_same = old is not None and old.run == run and old.place == place
            if old is not None and is_same:
                known[run.id] = old
            else:
                known[run.id] = Listed(run, place, row_of(run, place, getters))
                changed.append(run)
        self._known = known
        self._met = self._met.and_of(changed)
        return known, self._met, asked

    def show(self, data: Any) -> None:
        runs, known, asked = data
        if asked != self._asked:  # of the columns before
            return
        self._runs, self._keys = runs, known
        table = self.query_one(Table)
        table.set_marked(table.marked & self._runs.keys())
        self.fill()

    def fill(self) -> None:
        table, text = self.query_one(Table), self.filter_text
        query = filter_language.parse(text, self._keys)
        self.query_one(FilterLine).complain(query.mistake)
        table.empty = (
            "No run matches. Esc clears the filter."
            if text.strip()
            else "No runs yet: 1, then Enter on a recipe; I imports those of other scripts."
        )
        self._matching = [listed for listed in self._runs.values() if query.matches(listed.run)]
        key = table.key
        table.set_columns([column for column, _ in self._columns])
        table.set_sorted(self._sort, self._descending)
        table.set_rows([listed.row for listed in self._sorted(self._matching)])
        if key is not None and table.key != key:
            table.move_to(key)

    def _sorted(self, runs: list[Listed]) -> list[Listed]:
        value = self._columns[self._sort][1].value
        known = [(found, listed) for listed in runs if (found := value(listed.run)) is not None]
        unknown = [listed for listed in runs if value(listed.run) is None]
        known.sort(key=lambda pair: pair[0], reverse=self._descending)
        return [listed for _, listed in known] + unknown

    @property
    def run_here(self) -> Any | None:
        """The run under the cursor."""
        listed = self._runs.get(self.query_one(Table).key or "")
        return listed.run if listed else None

    @property
    def chosen(self) -> list[Any]:
        """The marked runs, or else the one under the cursor."""
        marked = self.query_one(Table).marked
        if marked:
            return [listed.run for listed in self._runs.values() if listed.run.id in marked]
        return [run] if (run := self.run_here) else []

    # -- keys

    def _one(self) -> Any | None:
        """The run that a key is for; where there is none it is said."""
        if (run := self.run_here) is None:
            self._say_nothing_here()
        return run

    def _many(self) -> list[Any]:
        if not (runs := self.chosen):
            self._say_nothing_here()
        return runs

    def _say_nothing_here(self) -> None:
        self.say("There is no run here.")

    def action_open(self) -> None:
        if run := self._one():
            self.gentui.open_run(run.id)

    def on_table_chosen(self) -> None:
        self.action_open()

    def on_table_highlighted(self) -> None:
        if not self.query_one(Table).marked:
            self.say(detail(run) if (run := self.run_here) else "")

    def action_mark(self) -> None:
        if run := self._one():
            table = self.query_one(Table)
            table.set_marked(table.marked ^ {run.id})
            table.action_cursor(1)
            self._tell_marked()

    def action_mark_all(self) -> None:
        if self._one() is None:
            return
        table = self.query_one(Table)
        shown = {row.key for row in table.rows if row.key is not None}
        table.set_marked(table.marked - shown if shown <= table.marked else table.marked | shown)
        self._tell_marked()

    @property
    def runs_meant(self) -> list[str]:
        """What a comparison begins with."""
        return [run.id for run in self.chosen]

    def _tell_marked(self) -> None:
        marked = self.query_one(Table).marked
        shown = {listed.run.id for listed in self._matching}
        hidden = f", {len(marked - shown)} of them not shown" if marked - shown else ""
        what = "stop, resume, delete and tags are for all of them"
        self.say(f"◆ {plural(len(marked), 'run')} marked{hidden}: {what}" if marked else "")

    def _unmark(self) -> None:
        self.query_one(Table).set_marked(())
        self.say("")

    def action_sort(self, by: int) -> None:
        self._sort = (self._sort + by) % len(self._columns)
        self._descending = self._columns[self._sort][1].descending
        self._tell_sorted()

    def action_reverse(self) -> None:
        self._descending = not self._descending
        self._tell_sorted()

    def _tell_sorted(self) -> None:
        self.fill()
        order = "▼ descending" if self._descending else "▲ ascending"
        self.say(f"sorted by {self._columns[self._sort][0].title}, {order}")

    def _place_of(self, title: str) -> int:
        return max(place for place, (column, _) in enumerate(self._columns) if column.title == title)

    def _ask_for(self, asked: Sequence[str]) -> None:
        """These columns from now on, besides the table's own."""
        self._asked = tuple(asked)[:MOST_ASKED]
        self._columns = columns_with(self._asked)
        self._sort, self._descending = self._place_of(_BY_ID), True

    def action_columns(self) -> None:
        """Ask which settings, metrics and scores have a column."""

        def keys_in(text: str) -> list[str]:
            words = text.replace(",", " ").split()
            if words == ["*"]:
                differ = compare.different([listed.run.settings for listed in self._matching])
                ranked = sorted(differ, key=lambda key: (None in differ[key], key != "train.seed"))
                return [key for key in ranked if not key.startswith(_ASIDE)][:MOST_ASKED]
            return list(dict.fromkeys(filter_language.key_of(word, self._keys) for word in words))

        def check(text: str) -> str:
            try:
                many = len(keys_in(text)) > MOST_ASKED
            except ValueError as mistake:
                return str(mistake)
            return f"{MOST_ASKED} are the most" if many else ""

        def answered(text: str | None) -> None:
            if text is None:
                return
            self._ask_for(asked := keys_in(text))
            self.gentui.in_thread(lambda: preferences.remember(runs_columns=" ".join(asked)))
            self.say(f"columns: {clean(', '.join(asked), 200)}" if asked else "no columns but the table's own")
            self.ask()

        detail = "Settings, metrics, scores, as the filter calls them: lr seed kid. * is what the runs shown differ in."
        self.app.push_screen(PromptScreen("Columns", detail, " ".join(self._asked), check=check), answered)

    async def action_back(self) -> None:
        if self.query_one(Table).marked:
            self._unmark()
        else:
            await super().action_back()

    def action_stop(self) -> None:
        if runs := self._many():
            run_actions.stop(self.gentui, *runs)

    def action_evaluate(self) -> None:
        if run := self._one():
            run_actions.evaluate(self.gentui, run)

    def action_playground(self) -> None:
        from gentui.tui.screens.playground import open_playground

        if run := self._one():
            open_playground(self.gentui, run)

    def action_overlay(self) -> None:
        from gentui.tui.screens.overlay import lay_over

        if runs := self._many():
            lay_over(self.gentui, sorted(runs, key=lambda run: run is not self.run_here))

    def action_resume(self) -> None:
        if runs := self._many():
            run_actions.resume(self.gentui, *runs)

    def action_remove(self) -> None:
        if runs := self._many():
            run_actions.remove(self.gentui, *runs, then=self._unmark)

    def action_undo(self) -> None:
        run_actions.undo(self.gentui)

    def action_tag(self) -> None:
        if runs := self._many():
            run_actions.tag(self.gentui, *runs)

    def action_note(self) -> None:
        if run := self._one():
            run_actions.note(self.gentui, run)

    def action_rename(self) -> None:
        if run := self._one():
            run_actions.rename(self.gentui, run)

    def action_import_runs(self) -> None:
        run_actions.import_runs(self.gentui)

    def action_reorder(self, where: str) -> None:
        if run := self._one():
            run_actions.reorder(self.gentui, run, where)

    def action_again(self) -> None:
        if run := self._one():
            run_actions.edit_again(self.gentui, run)


def row_of(run: Any, place: int | None = None, asked: Sequence[Callable[[Any], Any]] = ()) -> Row:
    """A RunRow as a table row; ``place`` is the one it has in the queue, ``asked`` what else has a column."""
    name = clean(naming.label(run), 60) + (" (quick)" if run.quick else "") + (" ✎" if run.notes else "")
    step, steps = run.step or 0, run.steps or 0
    fraction = min(1.0, step / steps) if steps else 0.0
    is_live = run.status in ("running", "stalled")
    progress = f"{formatting.bar(fraction, 8)} {fraction:4.0%}" if steps else f"step {step:,}"
    if place is not None:
        progress = f"{place}. in queue"
    cells: tuple[Cell, ...] = (
        formatting.status(run.status),
        name,
        (clean(" ".join(run.tags), 100), "accent"),
        clean(run.dataset, 40),
        (progress, "" if is_live else "dim"),
        numbers.rate(run.images_per_s) if is_live else ("–", "dim"),
        numbers.duration(run.eta_s) if is_live else ("–", "dim"),
        numbers.number(run.loss),
        score(run.best),
        (alarms.count(run), formatting.SEVERITIES[run.worst]) if run.worst else ("–", "dim"),
        clean(run.slot or run.device or "", 12),
        (when(run.started_at or run.created_at), "dim"),
        (run.id, "dim"),
        (clean(run.reason, 200) if run.status not in ("running", "done") else "", "dim"),
    )
    more: list[Cell] = [_told(get(run)) for get in asked]
    return Row(run.id, (*cells[:_AFTER], *more, *cells[_AFTER:]))


def _told(value: Any) -> Cell:
    if value is None:
        return "–", "dim"
    if isinstance(value, float):
        return numbers.number(value)
    return clean(" ".join(map(str, value)) if isinstance(value, list) else numbers.setting(value), 60)


def detail(run: Any) -> str:
    """Of a run, what a narrow table has no column for: why it is as it is, its alarms, its tags."""
    raised = f"alarms: {alarms.named(run.alarms)}" if run.alarms else ""
    reason = run.reason if run.status not in ("running", "done") else ""
    return clean(" · ".join(filter(None, (reason, raised, " ".join(run.tags)))), 400)


def score(best: Any | None) -> Cell:
    """An Evaluation in a few cells."""
    if best is None:
        return "–", "dim"
    return formatting.score(clean(best.metric, 30), best.value, best.std), "accent"


def when(moment: float | str | None) -> str:
    """A unix time as day and local time."""
    if not moment:
        return ""
    if isinstance(moment, str):
        try:
            return datetime.fromisoformat(moment).astimezone().strftime("%d %b %H:%M")
        except ValueError:
            return ""
    return datetime.fromtimestamp(moment).strftime("%d %b %H:%M")
