"""The cursor's line stays in sight, and a view that is lower for a moment is as it was when it has room again."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.widgets import Static

from gentui.tui.widgets.table import Column, Row, Table, heading


class Menu(App[None]):
    CSS = "Table { height: 1fr; } Static { height: auto; }"

    def compose(self) -> ComposeResult:
        yield Table([Column("name")])
        yield Static()

    async def show(self, pilot, key: str) -> Table:
        """Without a line below, rows that scroll to the one with ``key``."""
        table = self.query_one(Table)
        await self.say(pilot, "")
        table.set_rows(ROWS)
        await pilot.pause()
        table.move_to(key)
        await pilot.pause()
        return table

    async def say(self, pilot, text: str) -> None:
        self.query_one(Static).update(text)
        self.query_one(Static).display = bool(text)
        await pilot.pause()
        await pilot.pause()

    @property
    def top(self) -> int:
        return self.query_one(Table).scroll_offset.y


ROWS = [heading("first"), *(Row(str(n), (str(n),)) for n in range(30))]


@pytest.mark.parametrize("at", [3, 12, 25, 29])
async def test_a_line_that_comes_and_goes_below_leaves_the_list_where_it_was(at: int):
    async with Menu().run_test(size=(30, 12)) as pilot:
        app = pilot.app
        assert isinstance(app, Menu)
        await app.show(pilot, str(at))
        before = app.top
        for text in ("one line", "two\nlines", "one line"):
            await app.say(pilot, text)
            lines = text.count("\n") + 1
            assert app.top == max(before, at + 1 - (12 - lines) + 2), (
                "scrolled no further than the cursor needs"
            )
        await app.say(pilot, "")
        assert app.top == before


async def test_what_was_scrolled_by_hand_meanwhile_stays():
    async with Menu().run_test(size=(30, 12)) as pilot:
        app = pilot.app
        assert isinstance(app, Menu)
        table = await app.show(pilot, "12")
        await app.say(pilot, "two\nlines")
        table.move_to("20")
        await pilot.pause()
        moved = app.top
        await app.say(pilot, "")
        assert app.top == moved
