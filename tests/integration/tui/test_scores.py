"""Selections and reports in the app: every ± says what it is over, and a score that only selected is marked."""

from __future__ import annotations

import pytest

from gentui.index import Index
from gentui.runs.scores import MARK
from tests.support.runs import Runs


def seeds(runs: Runs, recipe: str = "digits-unet") -> None:
    for seed, fid in enumerate((3.1, 2.9, 3.4)):
        run = runs.make(recipe, fid=None, seed=seed)
        runs.selection(run, 300, fid - 0.5)
        runs.report(run, 300, fid)


async def test_eighty_columns_show_rank_recipe_score_and_seeds(desk, runs):
    seeds(runs, "cartoon-acgan-projection")
    async with desk((80, 24)) as d:
        await d.opens("LeaderboardScreen", "3")
        await d.press("f")  # each run
        await d.sees("★ 1", "cartoon-acgan-projec", "2.90 ± 0.22", "3.13 ± 0.25 (3 seeds)")
        await d.sees("± over 3 noises · over seeds 3.13 ± 0.25: mean and sd over 3 training seeds,")
        await d.sees("each the mean over 3 noises, the same for all · −41.39 to the published")


async def test_the_leaderboard_shows_what_a_score_is_over_its_precision_and_the_score_of_real_images(
    desk, runs
):
    seeds(runs)
    async with desk((160, 45)) as d:
        await d.opens("LeaderboardScreen", "3")
        await d.sees("± over", "3 noises", "real data 0.460 ± 0.030", "precision", "fp32")


async def test_a_selection_is_ranked_apart_and_its_mark_is_explained(desk, size, runs):
    seeds(runs)
    stopped = runs.make(status="stopped", steps=200, fid=None)
    runs.selection(stopped, 100, 1.5)
    async with desk(size) as d:
        screen = await d.opens("LeaderboardScreen", "3")
        await d.press("f")  # each run
        await d.sees(f"1.5{MARK}", "★ 1")
        table = screen.table
        ranked = [row for row in table.rows if row.key and stopped.id in row.key]
        assert [row.cells[0] for row in ranked] == [("1", "")], "one of one has won nothing"
        await d.press("down", "down", "down")
        await d.until(lambda: table.key == ranked[0].key)
        await d.sees("† selected on one noise", "reports it on three others")
        await d.opens("RunsScreen", "2")
        await d.sees(f"FD 1.5{MARK}", "FD 2.9")
        await d.press("p")
        await d.sees(f"FD 1.5{MARK}", "FD 2.90 ± 0.22")


async def test_the_scores_pane_lists_reports_apart_from_what_drew_the_curve(desk, size, runs):
    run = runs.make(fid=None)
    for step, fid in ((100, 9.0), (200, 2.6), (300, 3.0)):
        runs.selection(run, step, fid)
    runs.report(run, 200, 3.03)
    runs.report(run, 200, 3.2, 0.3, noise_seed=5)
    async with desk(size) as d:
        screen = await d.opens("RunScreen", "4")
        await d.sees("best FD · digits-cnn 3.20 ± 0.30 (real images 0.460 ± 0.030) at step 200")
        await d.press("Q")
        await d.sees(
            "FD · digits-cnn   report",
            "3.03 ± 0.22   over 3 noises   noise seed 0",
            "3.20 ± 0.30   over 3 noises",
        )
        await d.sees("real images 0.460 ± 0.030", "FD · digits-cnn   selection", f"2.6{MARK}  ★ best")
        await d.press("c")
        await d.until(lambda: screen.snapshot.chart_data.groups)
        assert Index(runs.home).score_series(run.id, "fid").mean.tolist() == [9.0, 2.6, 3.0]


async def test_runs_side_by_side_say_what_their_scores_are_over(desk, size, runs):
    seeds(runs)
    async with desk(size) as d:
        await d.opens("RunsScreen", "2")
        await d.sees("digits-unet")
        await d.press("space", "down", "space", "down")
        await d.opens("CompareScreen", "C")
        await d.sees("3.10 ± 0.22")
        if size[0] > 100:
            await d.sees("± over 3 noises")
        assert MARK not in d.text


async def test_the_menu_shows_your_best_with_its_spread_and_never_out_of_two_protocols(desk, runs):
    run = runs.make(fid=1.0)  # an old score, better than what is reported on other noises
    runs.selection(run, 300, 2.6)
    runs.report(run, 300, 3.03)
    async with desk((160, 45)) as d:
        await d.sees("Your best  FD · digits-cnn 3.03 ± 0.22 over 3 noises", "FD 3.03 ± 0.22 ")


@pytest.mark.parametrize("columns", [80, 100, 160])
async def test_an_old_score_shows_nothing_that_it_has_not(desk, runs, columns):
    runs.make(fid=14.2)
    async with desk((columns, 30)) as d:
        await d.opens("LeaderboardScreen", "3")
        await d.sees("14.2")
        rows = [row for row in d.app.screen.table.rows if row.key]
        assert "±" not in "".join(cell if isinstance(cell, str) else cell[0] for cell in rows[0].cells)


async def test_the_help_explains_the_marks_beside_scores(desk, size):
    async with desk(size) as d:
        await d.opens("LeaderboardScreen", "3")
        await d.opens("HelpScreen", "question_mark")
        for _ in range(20):
            await d.press("pagedown")
        await d.sees("what real test images score", "runs that differ only in")
