"""The runs list: the filter says its mistakes, columns sort, marked runs are acted on together, deletion is undone."""

from __future__ import annotations

import pytest

from engine.runs.directory import State, list_runs
from gentui import jobs
from gentui.jobs import annotations, trash
from gentui.tui.screens.runs_table import COLUMNS, FEW_COLUMNS
from gentui.tui.widgets.filter import Filter
from gentui.tui.widgets.table import Table
from tests.support.textual_private import notices


def shown(d) -> list[str]:
    return [row.key for row in d.app.screen.query_one(Table).rows]


def told(d) -> str:
    """The notices in the corner."""
    return " ".join(notice.message for notice in notices(d.app))


async def test_the_filter_chooses_and_says_its_mistake_while_it_is_typed(desk, size, runs):
    good = runs.make(fid=5.31, name="first try")
    bad = runs.make("photos-dcgan", status="failed", steps=20, fid=None)
    async with desk(size) as d:
        await d.opens("RunsScreen", "2")
        await d.sees("✓ done", "✗ failed")
        await d.press("slash", *"fid<6")
        await d.until(lambda: shown(d) == [good.id])
        await d.press(*" optim.lrr>")
        await d.sees("✗ optim.lrr> wants a value")
        await d.press("1")
        await d.sees("did you mean", "optim.lr?")
        assert shown(d) == [good.id]  # the other term still holds
        await d.press("ctrl+u", *"status:failed family:gan")
        await d.until(lambda: shown(d) == [bad.id])
        assert "✗ optim" not in d.text
        await d.press("ctrl+u", *"nothing")
        await d.sees("No run matches. Esc clears the filter.")
        await d.press("escape")
        await d.until(lambda: shown(d) == [bad.id, good.id])
        assert d.app.screen.query_one(Filter).value == ""


async def test_every_column_sorts_both_ways_and_a_glyph_shows_it(desk, runs):
    for steps, fid in ((100, 9.0), (300, 4.0), (200, None)):
        runs.make(steps=steps, fid=fid, name=f"run {steps}")
    runs.make(status="failed", steps=10, fid=None, alerts=2, reason="out of memory")
    async with desk((220, 40)) as d:
        await d.opens("RunsScreen", "2")
        await d.sees("run 100", "run 200", "run 300", "✗ failed")
        await d.press("p")  # the list has the whole width
        by_id = shown(d)
        assert by_id == [run.id for run in reversed(list_runs(runs.home))] and "id ▼" in d.text
        seen = set()
        for _ in [sort for _, sort in COLUMNS if sort.is_offered]:
            await d.press("o")
            first = shown(d)
            await d.press("exclamation_mark")
            assert sorted(first) == sorted(by_id)
            seen.update((tuple(first), tuple(shown(d))))
        assert len(seen) > 4
        assert "id ▲" in d.text
        while "best score ▲" not in d.text:
            await d.press("O")
        names = [row.cells[1] for row in d.app.screen.query_one(Table).rows]
        assert names[:2] == ["run 300", "run 100"]
        await d.sees("sorted by best score, ▲ ascending")


async def test_marked_runs_are_deleted_together_and_come_back(desk, size, runs):
    made = [runs.make(name=f"run {n}", steps=30) for n in range(3)]
    async with desk(size) as d:
        await d.opens("RunsScreen", "2")
        await d.sees("run 0", "run 2")
        await d.press("space", "space")
        await d.sees("◆ 2 runs marked", "▸  ✓", " ◆ ✓")
        await d.opens("ConfirmScreen", "D")
        await d.sees("Delete 2 runs (run 2, run 1)?", "trash")
        await d.press("y")
        await d.until(lambda: shown(d) == [made[0].id])
        assert len(trash.trashed(runs.home)) == 2
        assert d.app.screen.query_one(Table).marked == frozenset()
        there = {made[0].id}
        for _ in range(2):
            await d.press("u")
            await d.until(lambda: len(shown(d)) > len(there))
            (back,) = {*shown(d)} - there
            await d.until(lambda: d.app.screen.query_one(Table).key == back)  # noqa: B023
            there.add(back)
        await d.press("u")
        await d.until(lambda: "the trash is empty" in told(d))
        await d.press("asterisk")
        await d.sees("◆ 3 runs marked")
        await d.press("escape")
        assert d.app.screen.query_one(Table).marked == frozenset()
        assert type(d.app.screen).__name__ == "RunsScreen"


@pytest.mark.parametrize("place", ["1", "3", "5"])
async def test_a_deleted_run_comes_back_with_the_key_that_is_named_wherever_one_is(desk, runs, place):
    run = runs.make(name="mine", steps=30)
    async with desk() as d:
        await d.press(place)
        beneath = type(d.app.screen).__name__
        d.app.open_run(run.id)
        await d.on("RunScreen")
        await d.sees("mine")
        await d.opens("ConfirmScreen", "D")
        await d.press("y")
        await d.on(beneath)
        await d.until(lambda: "mine is in the trash; u brings it back." in told(d))
        assert list_runs(runs.home) == []
        await d.press("u")
        await d.until(lambda: len(list_runs(runs.home)) == 1)


async def test_where_no_key_undoes_it_the_way_to_one_is_told(desk, runs):
    made = [runs.make(name=f"run {n}", steps=30, fid=None) for n in range(2)]
    async with desk() as d:
        d.app.compare_runs([run.id for run in made])
        await d.on("CompareScreen")
        d.app.open_run(made[0].id)
        await d.on("RunScreen")
        await d.sees("run 0")
        await d.opens("ConfirmScreen", "D")
        await d.press("y")
        await d.on("CompareScreen")
        await d.until(lambda: "run 0 is in the trash; 2 u brings it back." in told(d))


async def test_keys_mean_the_run_that_is_shown_though_it_has_just_gone(desk, runs, monkeypatch):
    made = [runs.make(name=f"run {n}", steps=30) for n in range(2)]
    async with desk() as d:
        screen = await d.opens("RunsScreen", "2")
        await d.sees("run 0", "run 1")
        monkeypatch.setattr(screen, "show", lambda data: None)
        jobs.remove(runs.home, made[1].id)
        await d.until(lambda: made[1].id not in screen._reader._entries)  # read, but not shown in the table yet
        assert screen.run_here.id == made[1].id
        await d.opens("ConfirmScreen", "D")
        await d.sees("Delete run 1 (")
        await d.press("y")
        await d.until(lambda: "no run" in told(d))
        assert screen.run_here.id == made[1].id and len(list_runs(runs.home)) == 1


async def test_a_live_one_among_the_marked_keeps_all_from_being_deleted(desk, runs):
    runs.make()
    runs.live(10)
    async with desk() as d:
        await d.opens("RunsScreen", "2")
        await d.sees("● running", "✓ done")
        await d.press("asterisk", "D")
        await d.until(lambda: "stop before deleting" in told(d))
        assert type(d.app.screen).__name__ == "RunsScreen" and len(list_runs(runs.home)) == 2


async def test_tags_are_given_to_all_marked(desk, size, runs):
    made = [runs.make(steps=30) for _ in range(2)]
    async with desk(size) as d:
        await d.opens("RunsScreen", "2")
        await d.sees("✓ done")
        await d.press("asterisk")
        await d.opens("PromptScreen", "T")
        await d.press(*"+good a,b")
        await d.sees("cannot be a tag")
        await d.press("enter")
        assert type(d.app.screen).__name__ == "PromptScreen"
        await d.press(*["backspace"] * 4, "enter")
        await d.on("RunsScreen")
        await d.until(lambda: all(annotations.read(run).tags == ("good",) for run in made))
        await d.press("escape", "slash", *"tag:good")
        await d.until(lambda: len(shown(d)) == 2)


@pytest.mark.parametrize("place", ["RunsScreen", "RunScreen"])
async def test_a_run_is_renamed_and_noted(desk, size, runs, place):
    run = runs.make(steps=30)
    async with desk(size) as d:
        await d.opens("RunsScreen", "2")
        await d.sees("✓ done")
        if place == "RunScreen":
            await d.opens(place, "enter")
            await d.until(lambda: d.app.screen.snapshot)
        await d.opens("PromptScreen", "f2")
        await d.press(*"my run", "enter")
        await d.on(place)
        await d.until(lambda: annotations.read(run).name == "my run")
        await d.sees("my run")
        await d.opens("PromptScreen", "N")
        await d.press(*"blurred", "enter", *"fives")
        await d.press("f5")
        await d.on(place)
        await d.until(lambda: annotations.read(run).notes == "blurred\nfives")
        if place == "RunsScreen":
            await d.sees("my run ✎")


async def test_queued_runs_change_places(desk, runs):
    first, second = (runs.make(status="queued", steps=0, name=name) for name in ("first", "second"))
    for n, run in enumerate((first, second)):
        run.write_state(State(status="queued", queued_at=1000.0 + n, slot="cuda:7"))
    async with desk() as d:
        await d.opens("RunsScreen", "2")
        await d.until(lambda: d.app.screen.query_one(Table).key == second.id and "◌ queued 2" in d.text)
        await d.press("K")
        await d.until(lambda: second.read_state().queued_at < first.read_state().queued_at)
        await d.press("J")
        await d.until(lambda: second.read_state().queued_at > first.read_state().queued_at)


async def test_hostile_tags_and_notes_reach_no_terminal(desk, each_size, runs):
    run = runs.make(steps=30)
    (run.path / annotations.FILE).write_text(
        '{"tags": ["[/", "\\u001b]52;c;x\\u0007"], "notes": "\\u001b[2J[/x", "name": "[/a\\u202e"}'
    )
    async with desk(each_size) as d:
        await d.opens("RunsScreen", "2")
        await d.sees("[/a")
        await d.opens("PromptScreen", "N")
        await d.sees("[/x")
        assert "\x1b" not in d.text and "\u202e" not in d.text


async def test_settings_metrics_and_scores_are_columns_when_asked_for(desk, runs):
    for seed, recipe in ((0, "digits-unet"), (3, "digits-unet"), (1, "digits-cfg")):
        runs.make(recipe, seed=seed, steps=30, name=f"run {seed}")
    async with desk((160, 45)) as d:
        await d.opens("RunsScreen", "2")
        await d.sees("run 0", "run 1", "run 3")
        await d.opens("PromptScreen", "c")
        await d.press(*"seedd")
        await d.sees("did you mean seed?")
        await d.press("backspace", *" optim.lr grad_norm", "enter")
        await d.on("RunsScreen")
        table = d.app.screen.query_one(Table)
        await d.until(lambda: len(table.rows) == 3 and len(table.columns) == len(FEW_COLUMNS) + 3)
        assert [column.title for column in table.columns][2:5] == ["seed", "lr", "grad_norm"]
        assert [row.cells[2:4] for row in table.rows] == [("1", "0.002"), ("3", "0.002"), ("0", "0.002")]
        while "sorted by seed" not in d.text:
            await d.press("o")
        assert [row.cells[2] for row in table.rows] == ["0", "1", "3"]
        await d.press("exclamation_mark")
        assert [row.cells[2] for row in table.rows] == ["3", "1", "0"]
        await d.opens("PromptScreen", "c")
        await d.press("ctrl+u", "asterisk", "enter")
        await d.on("RunsScreen")
        await d.until(lambda: "net" in [column.title for column in table.columns])
    async with desk((80, 24)) as d:
        screen = await d.opens("RunsScreen", "2")
        await d.until(lambda: "model.net" in screen._added and screen.query_one(Table).rows)
        await d.sees("cfg-unet", "score")


async def test_runs_of_one_name_are_told_apart_in_questions(desk, runs):
    made = [runs.make(steps=30) for _ in range(3)]
    async with desk((120, 30)) as d:
        await d.opens("RunsScreen", "2")
        await d.until(lambda: len(shown(d)) == 3)
        await d.press("asterisk")
        await d.opens("ConfirmScreen", "D")
        words = d.words_in(".dialog-box")  # beside it, what is behind it goes on
        assert all(f"digits-unet {run.id.rpartition('-')[2]}" in words for run in made), d.text


async def test_enter_saves_a_line_and_the_bar_says_so(desk, runs):
    runs.make(steps=30)
    async with desk((120, 30)) as d:
        await d.opens("RunsScreen", "2")
        await d.until(lambda: shown(d))
        await d.opens("PromptScreen", "T")
        await d.sees("Enter Save  Esc Cancel")
        await d.press("escape")
        await d.opens("PromptScreen", "N")
        await d.sees("F5 Save  Esc Cancel")


async def test_long_names_are_cut_in_their_middle(desk, runs):
    for kind in ("first", "second"):
        runs.make(name=f"the same long beginning of all of them, {kind}", steps=30)
    async with desk() as d:
        await d.opens("RunsScreen", "2")
        await d.sees("the same", "…", "of them, first", "of them, second")


async def test_tags_and_notes_are_seen_in_the_run_and_tags_are_named_when_saved(desk, runs):
    run = runs.make(name="mine", steps=30)
    async with desk((160, 30)) as d:
        d.app.open_run(run.id)
        await d.on("RunScreen")
        await d.opens("PromptScreen", "T")
        await d.press(*"good baseline", "enter")
        await d.until(lambda: "mine has the tags good, baseline." in told(d))
        await d.opens("PromptScreen", "N")
        await d.press(*"lr works", "f5")
        await d.sees("tags good baseline", "✎ lr works")
        await d.opens("PromptScreen", "T")
        await d.press(*"-good", "enter")
        await d.until(lambda: "mine has the tags baseline." in told(d))


async def test_tags_and_notes_of_a_run_have_room_beside_its_scores_on_a_small_terminal(desk, runs):
    run = runs.make(name="mine", steps=300)
    runs.selection(run, 300, 12.5)
    jobs.tag(runs.home, run.id, ["good", "baseline"])
    async with desk((80, 24)) as d:
        d.app.open_run(run.id)
        await d.sees("best FD · digits-cnn 12.5", "tags good baseline")
        jobs.note(runs.home, run.id, "It was late.")
        await d.sees("best FD · digits-cnn 12.5", "tags good baseline", "✎ It was")
