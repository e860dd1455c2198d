"""The base of screens with a table under a filter."""

from __future__ import annotations

from gentui.tui.screens.base import BaseScreen
from gentui.tui.widgets.filter import Filter
from gentui.tui.widgets.table import Table


def list_width(width: int) -> int:
    """The columns of a list that drives a pane beside it, on a screen of so many."""
    return 26 + 3 * width // 10


class TableScreen(BaseScreen):
    """A table under a filter. Enter in the filter, or closing it, focuses the table."""

    def on_mount(self) -> None:
        self.table.focus()

    @property
    def table(self) -> Table:
        """The table."""
        return self.query_one(Table)

    def fill(self) -> None:
        """Show the rows that match the filter."""
        raise NotImplementedError

    @property
    def filter_text(self) -> str:
        """The text of the filter."""
        return self.query_one(Filter).value

    @property
    def words(self) -> list[str]:
        """The words of the filter, in lower case."""
        return self.filter_text.lower().split()

    def action_filter(self) -> None:
        self.query_one(Filter).open()

    def action_back(self) -> None:
        """Clear the filter. Nothing further: no main screen leads to another with Esc."""
        if not self.query_one(Filter).close():
            self.say_where_to_go()

    def on_filter_edited(self) -> None:
        self.fill()

    def on_filter_closed(self) -> None:
        self.table.focus()

    def on_input_submitted(self) -> None:
        self.fill()  # Enter may overtake the letters before it, and what follows acts on the row it leads to
        self.table.focus()
