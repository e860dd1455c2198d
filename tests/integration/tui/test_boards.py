"""The leaderboard as boards: one at a time, with bars, samples and differences of the run under the cursor."""

from __future__ import annotations

from gentui.tui.screens.leaderboard_table import OWN, PAPER
from gentui.tui.widgets.table import Table
from gentui.tui.widgets.viewer import Viewer
from tests.support.runs import Runs


def rivals(runs: Runs) -> list[str]:
    """Ids of three runs with a distance, of which the first has an accuracy, too."""
    made = [
        runs.make(name=name, fid=fid, seed=seed, samples=2)
        for seed, (name, fid) in enumerate((("good", 4.0), ("fair", 8.0), ("poor", 16.0)))
    ]
    runs.event(
        made[0], "evaluation", 300, metric="label_accuracy", value=0.97, lower_is_better=False, best=True,
        protocol="label_accuracy · digits-cnn", protocol_id="a", floor=0.994,
        protocol_detail={"extractor": "digits-cnn", "samples": 500, "split": "test", "split_size": 360},
    )  # fmt: skip
    return [run.id for run in made]


async def test_a_board_is_a_score_of_a_data_set_with_bars_of_one_scale(desk, size, runs):
    rivals(runs)
    async with desk(size) as d:
        screen = await d.opens("LeaderboardScreen", "3")
        await d.press("f")  # each run
        await d.sees("digits · FD in digits-cnn features, lower", "label accuracy", "real data 1.9")
        bars = [
            cell[0].count(OWN) for row in screen.table.rows if row.key for cell in row.cells if OWN in str(cell)
        ]
        assert bars == sorted(bars) and bars[0] < bars[2]
        await d.press("right")
        await d.sees(
            "digits · label accuracy, judged by digits-cnn, higher",
            "best possible: real test images score 0.994",
        )
        await d.press("left")
        await d.sees("digits · FD in digits-cnn features, lower")
        await d.press("left")
        await d.sees("no other board on that side")


async def test_published_figures_stand_apart_with_a_scale_of_their_own(desk, size, runs):
    runs.make("fashion-resnet-class", fid=12.0)
    runs.make("fashion-resnet-noise", fid=16.0, seed=1)
    async with desk(size) as d:
        screen = await d.opens("LeaderboardScreen", "3")
        await d.sees(
            "published; not comparable", "Your order is the published one: fashion-resnet-class before"
        )
        rows = [row for row in screen.table.rows if row.key]
        longest = {mark: max(str(row.cells).count(mark) for row in rows) for mark in (OWN, PAPER)}
        assert longest[OWN] == longest[PAPER] > 0
        assert not any(OWN in str(row.cells) and PAPER in str(row.cells) for row in rows)


async def test_the_samples_of_the_row_and_its_differences_stand_below(desk, size, runs):
    first, second, third = rivals(runs)
    async with desk(size) as d:
        screen = await d.opens("LeaderboardScreen", "3")
        await d.press("f")  # each run
        viewer = screen.query_one("#board-samples", Viewer)
        await d.until(lambda: viewer.picture.strips and screen._snapshot.here.run.id == first)
        await d.sees("good · step 300", "★ 4", "label accuracy", "differs", "seed")
        assert screen._snapshot.other.run.id == second
        await d.press("b")
        await d.until(lambda: screen._snapshot.other.run.id == third)
        await d.press("down")
        await d.until(lambda: screen._snapshot.here.run.id == second)
        await d.sees("fair · step 300")


async def test_marked_rows_are_compared(desk, size, runs):
    first, second, _ = rivals(runs)
    async with desk(size) as d:
        screen = await d.opens("LeaderboardScreen", "3")
        await d.press("f")  # each run
        await d.sees("good")
        await d.press("space", "space")
        await d.sees("2 runs marked: C compares")
        assert screen.selected_runs == [first, second]
        compared = await d.opens("CompareScreen", "C")
        assert compared._ids == (first, second)
        await d.opens("LeaderboardScreen", "escape")
        await d.press("escape")
        assert not screen.table.marked and d.app.screen is screen


async def test_eighty_columns_show_one_board_and_its_samples(desk, runs):
    rivals(runs)
    async with desk((80, 24)) as d:
        screen = await d.opens("LeaderboardScreen", "3")
        await d.sees("digits · FD in digits-cnn", "← 1 of", "good · step 300")
        assert not screen.query_one("#boards", Table).region
        await d.press("right")
        await d.sees("digits · label accuracy")


async def test_a_protocol_that_is_wider_than_the_screen_is_read_whole(desk, runs):
    rivals(runs)
    async with desk((50, 30)) as d:
        table = (await d.opens("LeaderboardScreen", "3")).table
        await d.sees("good · step 300")
        heads = [row.cells[0] for row in table.rows if row.key is None]
        assert len(heads) > 1 and max(map(len, heads)) <= 48
        for head in heads:
            await d.sees(head)
        key = table.key
        await d.resize(160, 45)
        (head,) = [row.cells[0] for row in table.rows if row.key is None]
        assert head == " ".join(part.strip() for part in heads) and table.key == key
        await d.sees(head)


async def test_the_list_of_boards_is_gone_through_and_filtered(desk, size, runs):
    rivals(runs)
    async with desk(size) as d:
        screen = await d.opens("LeaderboardScreen", "3")
        await d.sees("digits · FD in digits-cnn")
        screen.query_one("#boards", Table).focus()
        await d.press("down")
        await d.sees("digits · label accuracy, judged")
        await d.press("enter")
        assert screen.table.has_focus
        await d.press("slash", *"cats", "enter")
        await d.sees("cats · FID, lower is better")
        assert "label accuracy" not in d.text
        await d.press("escape")
        await d.sees("digits · label accuracy, judged")


async def test_a_board_chosen_while_the_scores_are_read_stays_chosen(desk, size, runs):
    rivals(runs)
    async with desk(size) as d:
        screen = await d.opens("LeaderboardScreen", "3")
        await d.sees("digits · FD in digits-cnn")
        screen.query_one("#boards", Table).action_cursor(1)
        screen.show(screen._snapshot)  # before the message of the cursor arrives
        await d.sees("digits · label accuracy, judged")
        screen.action_sideways(-1)
        screen.action_sideways(1)
        await d.sees("digits · label accuracy, judged")


async def test_an_answer_to_a_key_outlasts_the_scores_that_are_read(desk, size, runs):
    rivals(runs)
    async with desk(size) as d:
        screen = await d.opens("LeaderboardScreen", "3")
        await d.sees("digits · FD in digits-cnn")
        await d.press("left")
        screen.show(screen._snapshot)
        await d.settle()
        await d.sees("no other board on that side")


async def test_runs_over_seeds_are_one_row_until_each_is_asked_for(desk, size, runs):
    rivals(runs)
    async with desk(size) as d:
        screen = await d.opens("LeaderboardScreen", "3")
        own = lambda: len([row for row in screen.table.rows if row.key])  # noqa: E731
        await d.sees("3 training seeds")
        assert own() == 1
        await d.press("f")
        await d.until(lambda: own() == 3)
        if size[0] > 100:
            await d.sees("bars: log, from real data")
        await d.press("f")
        await d.until(lambda: own() == 1)


async def test_a_published_figure_leads_to_its_recipe(desk, runs):
    async with desk((120, 40)) as d:
        screen = await d.opens("LeaderboardScreen", "3")
        await d.until(lambda: screen.table.key)
        recipe = screen._selected.recipe
        await d.press("enter")
        home = await d.on("HomeScreen")
        await d.until(lambda: home.query_one(Table).key == recipe)
