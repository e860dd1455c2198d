"""What lines and tables make of their room: a log stays at its end, columns give way to one another."""

from __future__ import annotations

from textual.geometry import Size

from gentui import jobs
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
        await d.resize(80, 16)
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


def test_columns_that_hold_nothing_give_way_first(monkeypatch):
    monkeypatch.setattr(Table, "size", Size(24, 10))
    table = Table([Column("a", flex=True), Column("b", drop=1), Column("c", drop=2)])
    fitted = []
    for cells in (("a" * 12, "", "c" * 8), ("a" * 12, "b" * 8, "")):
        table.rows = [Row("x", cells)]
        table._natural = table._measure()
        fitted.append(table._fit())
    assert fitted == [[12, 0, 8], [12, 8, 0]]


async def test_without_colour_a_dialog_leaves_what_is_below_in_sight(desk, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with desk() as d:
        await d.opens("LeaderboardScreen", "3")
        await d.opens("JumpScreen", "ctrl+o")
        await d.sees("a1 Recipes", "published", "cartoon-acgan")


async def test_why_a_run_failed_is_told_whole_and_notes_go_on_at_their_end(desk, runs):
    reason = "out of memory: 512 images of 8×8 do not fit; try -o data.batch_size=128"
    run = runs.make(status="failed", steps=37, reason=reason)
    jobs.note(runs.home, run.id, "It was late.")
    async with desk() as d:
        await d.opens("RunScreen", "4")
        await d.press("i")
        await d.until(lambda: "batch_size=128" in " ".join(d.text.split()))
        await d.opens("PromptScreen", "N")
        await d.press(*" Yes.")
        await d.sees("It was late. Yes.")
