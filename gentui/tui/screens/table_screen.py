"""What the screens that are a table under a filter have in common."""

from __future__ import annotations

from gentui.tui.screens.base import BaseScreen
from gentui.tui.widgets.filter import Filter
from gentui.tui.widgets.table import Table


class TableScreen(BaseScreen):
    """A table under a filter; Enter on the filter, or leaving it, goes to the table."""

    def on_mount(self) -> None:
        self.query_one(Table).focus()

    def fill(self) -> None:
        """Show the rows that the filter's words leave."""
        raise NotImplementedError

    @property
    def filter_text(self) -> str:
        """What stands in the filter."""
        return self.query_one(Filter).value

    @property
    def words(self) -> list[str]:
        """The words of the filter, in lower case."""
        return self.filter_text.lower().split()

    def action_filter(self) -> None:
        self.query_one(Filter).open()

    async def action_back(self) -> None:
        if not self.query_one(Filter).close():
            await self.gentui.action_go("home")

    def on_filter_edited(self) -> None:
        self.fill()

    def on_filter_closed(self) -> None:
        self.query_one(Table).focus()

    def on_input_submitted(self) -> None:
        self.query_one(Table).focus()
