"""What lines and tables make of their room: a log stays at its end, columns give way to one another."""

from __future__ import annotations

from textual.geometry import Size

from gentui.tui.widgets.table import Column, Row, Table


def printed(first: int, last: int) -> bytes:
    return b"".join(b"line %d\n" % number for number in range(first, last))


async def test_a_long_log_is_followed_from_its_first_look_and_through_a_resize(desk, runs):
    run = runs.live(40, log=printed(0, 100))
    async with desk() as d:
        await d.opens("RunScreen", "4")
        await d.press("g")
        await d.sees("line 99")
        with run.log_path.open("ab") as file:
            file.write(printed(100, 120))
        await d.sees("line 119")
        await d.pilot.resize_terminal(80, 16)
        await d.sees("line 119")
        await d.press("home")
        await d.sees("line 0 ")
        with run.log_path.open("ab") as file:
            file.write(printed(120, 130))
        lines = d.app.screen.query_one("#log-lines")
        await d.until(lambda: len(lines.lines) == 130)
        await d.sees("line 0 ")
        await d.press("n")
        await d.sees("line 129")


def test_the_widest_column_gives_way_and_a_narrow_one_comes_back(monkeypatch):
    def fitted(width: int) -> list[int]:
        monkeypatch.setattr(Table, "size", Size(width, 10))
        table = Table(
            [Column("a", flex=True), Column("b", flex=True), Column("c", drop=1), Column("d", drop=2)]
        )
        table.rows = [Row("x", ("a" * 20, "b" * 10, "c" * 30, "d" * 5))]
        table._natural = table._measure()
        return table._fit()

    assert fitted(80) == [20, 17, 30, 5]
    assert fitted(70) == [17, 10, 30, 5]
    assert fitted(60) == [8, 9, 30, 5]
    assert fitted(40) == [19, 10, 0, 5], "without c there is room for d again"
