"""The leaderboard: own and published scores. Only scores of one data set, metric and protocol are ranked together."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from gentui.config import key_table
from gentui.runs import boards
from gentui.runs.boards import Board
from gentui.text import numbers
from gentui.text.numbers import plural
from gentui.text.sanitize import clean
from gentui.tui import navigation
from gentui.tui.index_reader import Query
from gentui.tui.screens.leaderboard_data import BoardSnapshot, against_text, read_boards
from gentui.tui.screens.leaderboard_table import columns_of, detail, key_of, matches, rows_of
from gentui.tui.screens.table_screen import TableScreen
from gentui.tui.widgets.filter import Filter
from gentui.tui.widgets.table import Column, Row, Table, heading
from gentui.tui.widgets.viewer import Viewer

REST = 0.15
"""Seconds that the cursor rests on a row before its run is read."""
BOARDS = (
    Column("data · score", flex=True, minimum=10),
    Column("runs", "right", minimum=4),
    Column("papers", "right", minimum=6),
)


class LeaderboardScreen(TableScreen):
    """Boards of scores at the left, one of them in full, and what is known of the run under the cursor."""

    context = "leaderboard"
    place = "leaderboard"
    CSS_PATH = "leaderboard.tcss"
    BINDINGS = key_table.bindings("leaderboard")

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[Any] = []
        self._boards: list[Board] = []
        self._shows_each = False  # seed, and not the mean over seeds
        self._snapshot: BoardSnapshot | None = None
        self._chosen = ""  # the key of the board that is shown
        self._read_runs: list[Any] = []  # the runs that are read, with their steps
        self._about_row = ""  # what was said of the row under the cursor
        self._others = 0  # how often another run than the next was asked for
        self._rest: Timer | None = None

    def body(self) -> ComposeResult:
        yield Filter("recipe, data set, metric, protocol", id="leaderboard-filter")
        with Horizontal(id="leaderboard-body"):
            with Vertical(id="board"):
                yield Static(id="board-title", markup=False)
                yield Table((Column(""),), id="leaderboard", empty="Reading the scores …", markable=True)
                yield Static(id="board-words", markup=False)
                with Horizontal(id="board-row"):
                    yield Viewer(self.gentui.images, more="s", id="board-samples")
                    with VerticalScroll(id="board-against", can_focus=False):
                        yield Static(id="against-text", markup=False)
            yield Table(BOARDS, id="boards")  # at the left; after the other for the focus

    @property
    def table(self) -> Table:
        """The rows of the board that is shown."""
        return self.query_one("#leaderboard", Table)

    def index_query(self) -> Query | None:
        here = self._selected if self.query("#leaderboard") else None
        other = self._other_of(here)
        self._read_runs = _runs_of(here, other)
        return Query(lambda index: read_boards(index, here, other))

    def show(self, data: BoardSnapshot) -> None:
        self._snapshot, self._rows = data, data.rows
        self._show_chosen()  # a key may have moved the cursor just now
        self.fill()

    def fill(self) -> None:
        words = self.words
        found = boards.boards_of(row for row in self._rows if matches(row, words))
        self._boards = found if self._shows_each else [boards.folded(board) for board in found]
        listed = self.query_one("#boards", Table)
        listed.set_rows(board_rows(self._boards))
        if (board := self._board) is not None:
            listed.move_to(board.key)
        self._show_board()

    # -- the board

    @property
    def _board(self) -> Board | None:
        """The board that is shown: the chosen one, or else the first."""
        return next(
            (board for board in self._boards if board.key == self._chosen), next(iter(self._boards), None)
        )

    def _show_board(self) -> None:
        table, board = self.table, self._board
        table.empty = (
            "Nothing matches. Esc clears the filter."
            if self.words
            else "No scores yet: they come as runs train."
        )
        if board is None:
            table.set_rows([])
        else:
            columns = columns_of(board, table.size.width)
            table.set_columns([*columns.values()])
            table.set_rows(rows_of(board, columns))
        table.set_marked(table.marked & {row.key for row in table.rows if row.key})
        self._put("#board-title", self._title(board))
        self._show_row()

    def _title(self, board: Board | None) -> Content:
        if board is None:
            return Content("")
        place = self._boards.index(board) + 1
        parts: list[Any] = [(board.title, "bold")]
        if board.own:
            parts.append((f"   {plural(board.own, 'run')}", "$text-muted"))
        if self.has_class("-narrow") and len(self._boards) > 1:
            parts = [(f"← {place} of {len(self._boards)} →   ", "$text-muted"), *parts]
        return Content.assemble(*parts)

    def _put(self, where: str, content: Content) -> None:
        static = self.query_one(where, Static)
        if static.content != content:
            static.update(content)

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._show_board)

    # -- the row under the cursor

    @property
    def _selected(self) -> Any | None:
        """The row under the cursor."""
        key, board = self.table.key, self._board
        if board is None or key is None:
            return None
        return next((row for place, row in enumerate(board.rows) if key == key_of(row, place)), None)

    def _other_of(self, here: Any | None) -> Any | None:
        """The run that the row under the cursor is compared with: the next of its ranking, the last with the first."""
        if here is None or here.run is None or (board := self._board) is None:
            return None
        rows = next((each.rows for each in board.rankings if here in each.rows), ())
        own = [row for row in rows if row.run]
        if len(own) < 2:
            return None
        at = own.index(here)
        others = [*own[at + 1 :], *own[:at]]
        return others[self._others % len(others)]

    def on_table_highlighted(self, message: Table.Highlighted) -> None:
        if message.table.id == "boards":
            self._show_chosen()
        else:
            self._others = 0
            self._show_row()

    def _show_chosen(self) -> None:
        """Show the board under the cursor of the list, if it is another."""
        key, board = self.query_one("#boards", Table).key, self._board
        if key is not None and board is not None and key != board.key:
            self._chosen, self._others = key, 0
            self._show_board()
            self.table.action_end(False)

    def _show_row(self) -> None:
        """Show what the row under the cursor has no room for; its run is read once the cursor rests."""
        row = self._selected
        marked = f"◆ {plural(len(self.table.marked), 'run')} marked: C compares" if self.table.marked else ""
        about = " · ".join(filter(None, [marked, detail(row) if row is not None else ""]))
        if about != self._about_row:  # else an answer to a key stays
            self._about_row = about
            self.say(about)
        self._put("#board-words", words_below(self._board, row))
        if self._rest is not None:
            self._rest.stop()
        if _runs_of(row, self._other_of(row)) != self._read_runs:
            self._rest = self.set_timer(REST, self.ask)
        self._show_run(row)

    def _show_run(self, row: Any | None) -> None:
        """Show the samples of the row's run, and how it differs from another, where they are read."""
        pane, snapshot = self.query_one("#board-row"), self._snapshot
        here = snapshot.here if snapshot is not None else None
        pane.set_class(bool(row is not None and row.run), "-shown")
        viewer = self.query_one("#board-samples", Viewer)
        if row is None or here is None or snapshot is None or here.run.id != row.run:
            viewer.show(None, "")
            self._put("#against-text", Content(""))
            return
        step = f"step {here.step:,}" if here.step is not None else "no samples"
        viewer.show(here.sheet, f"{clean(row.name or row.recipe, 30)} · {step}")
        other = snapshot.other
        width = self.query_one("#board-against").size.width - 1
        text = (
            against_text(here, other, width) if other is not None else Content("No other run to compare with.")
        )
        self._put("#against-text", text)

    def _own(self) -> Any | None:
        """The row under the cursor if it is of a run. If not, tell the user and return None."""
        row = self._selected
        if row is not None and row.run is not None:
            return row
        self.say("From a paper: no run here. Enter leads to its recipe." if row else "There is no score here.")
        return None

    # -- keys

    def action_open(self) -> None:
        if self.query_one("#boards", Table).has_focus:
            self.table.focus()
        elif (paper := self._selected) is not None and paper.run is None:
            self.app.call_later(self.gentui.show_recipe, paper.recipe)
        elif row := self._own():
            self.gentui.open_run(row.run)

    def action_seeds(self) -> None:
        """Show each run of several seeds, or one row with their mean."""
        self._shows_each = not self._shows_each
        self.fill()
        rows = (
            "each run" if self._shows_each else "runs that differ only in their seed as one row, their mean ±"
        )
        self.gentui.toast(f"Shown: {rows}.")

    def action_samples(self) -> None:
        if row := self._own():
            self.app.push_screen(navigation.create("run", row.run, row.step))

    def action_mark(self) -> None:
        if self._own() and (key := self.table.key):
            self.table.set_marked(self.table.marked ^ {key})
            self.table.action_cursor(1)
            self._show_row()

    def action_against(self) -> None:
        if self._other_of(row := self._own()) is None:
            if row is not None:
                self.say("No other run is ranked with this one.")
            return
        self._others += 1
        self._show_row()

    def action_sideways(self, by: int) -> None:
        """Show the next board, or the one before."""
        if (board := self._board) is None:
            return
        at = self._boards.index(board) + by
        if 0 <= at < len(self._boards):
            self.query_one("#boards", Table).move_to(self._boards[at].key)
            self._show_chosen()
        else:
            self.say("There is no other board on that side.")

    def action_back(self) -> None:
        if self.table.marked:
            self.table.set_marked(())
            self._show_row()
        else:
            super().action_back()

    @property
    def selected_runs(self) -> list[str]:
        """The ids of the runs that are compared or copied from here: those marked, or that under the cursor."""
        table, board = self.table, self._board
        rows = board.rows if board is not None else []
        keys = table.marked or {table.key}
        runs = (row.run for place, row in enumerate(rows) if row.run and key_of(row, place) in keys)
        return list(dict.fromkeys(runs))

    def on_table_chosen(self) -> None:
        self.action_open()


def _runs_of(*rows: Any | None) -> list[Any]:
    return [(row.run, row.step) if row is not None else None for row in rows]


def board_rows(listed: list[Board]) -> list[Row]:
    """The list of boards: those with runs below their data set, then those with published figures only."""
    shown: list[Row] = []
    group = ""
    for board in listed:
        data = clean(board.dataset, 40)
        title, name = (
            (data, f" {board.metric_name}")
            if board.own
            else ("published only", f"{data} · {board.metric_name}")
        )
        if title != group:
            group = title
            shown.append(heading(title))
        counts = ((str(n), "") if n else ("–", "dim") for n in (board.own, board.papers))
        shown.append(Row(board.key, (name, *counts)))
    return shown


def words_below(board: Board | None, row: Any | None) -> Content:
    """How the score of the row under the cursor was measured, and whether the published order is repeated."""
    if board is None or row is None:
        return Content("")
    parts: list[Any] = []
    if how := boards.how_measured(row):
        parts += [("measured  " if row.run else "", "$secondary"), how]
    if agreement := boards.order_agrees(board):
        parts += ["\n", agreement]
    real = boards.real_data(row, numbers.number)
    if real:
        parts += ["\n" if parts else "", (real, "$success")]
    return Content.assemble(*parts)
