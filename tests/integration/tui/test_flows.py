"""An evening at the workbench, by keyboard, on a small and on a large terminal."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from engine.runs.directory import list_runs
from gentui.tui.widgets.bars import PLACES, TitleBar
from gentui.tui.widgets.chart import Chart
from gentui.tui.widgets.chart_grid import ChartGrid
from gentui.tui.widgets.filter import Filter
from gentui.tui.widgets.settings import SettingsForm
from gentui.tui.widgets.table import Table
from gentui.tui.widgets.viewer import LOOPS, SLOW, Viewer
from tests.support.app import THREADED
from tests.support.runs import digit_tiles, grid_png


async def test_the_menu_opens_on_digits_unet_with_its_details(desk, each_size):
    async with desk(each_size) as d:
        assert d.app.screen.query_one(Table).key == "digits-unet"
        await d.sees("▸ digits-unet", "✓ here", "Demonstrations", "? Help", "q Quit")
        if each_size[0] > 100:
            await d.sees("minutes on a CPU", "Settings", "Short test run changes")


async def test_the_menu_stands_by_family_in_the_order_of_the_recipes(desk, size):
    from engine.recipes.recipe import menu

    async with desk(size) as d:
        rows = d.app.screen.query_one(Table).rows
        heads = [row.cells[0] for row in rows if row.key is None]
        assert heads[0] == "Demonstrations" and len(heads) == len(set(heads))
        by_group: dict[object, list[str]] = {}
        head = None
        for row in rows:
            head = row.cells[0] if row.key is None else head
            by_group.setdefault(head, []).extend([row.key] if row.key else [])
        recipes = {recipe.name: recipe for recipe in menu()[0]}
        assert {name for names in by_group.values() for name in names} == set(recipes)
        for names in by_group.values():
            assert [recipes[name].order for name in names] == sorted(recipes[name].order for name in names)
        assert {recipes[name].family for name in by_group["Diffusion"]} == {"diffusion"}
        await d.press("slash", *"domain ad")
        await d.until(lambda: {row.key for row in d.app.screen.query_one(Table).rows} <= {None, *recipes})
        shown = [row.key for row in d.app.screen.query_one(Table).rows if row.key]
        assert {recipes[name].family for name in shown} <= {"dann"}


async def test_the_menu_shows_the_published_figure_with_its_metric(desk, size):
    async with desk(size) as d:
        d.app.screen.query_one(Table).move_to("mnistm-ddpm-cfg")
        await d.sees("▸ mnistm-ddpm-cfg", "acc 0.999")
        d.app.screen.query_one(Table).move_to("fashion-unet")
        await d.sees("FID 115")


async def test_enter_and_enter_train_and_the_loss_reaches_the_chart(desk, size, home):
    async with desk(size, reader=THREADED) as d:
        await d.opens("LaunchScreen", "enter")
        screen = await d.opens("RunScreen", "enter")
        await d.until(
            lambda: (
                screen.snapshot
                and screen.snapshot.chart_data.charts
                and screen.snapshot.chart_data.charts[0][0].points > 0
            )
        )
        await d.until(lambda: screen.query(Chart).first().drawings > 0)
        await d.sees("● running", "digits-unet", "loss")
        assert len(list_runs(home)) == 1
        await d.opens("HomeScreen", "escape")
        assert "Starting" not in d.text, "it has started"


async def test_a_recipe_says_what_it_trains_before_it_does(desk, each_size, home):
    async with desk(each_size) as d:
        await d.opens("LaunchScreen", "enter")
        await d.sees("Train digits-unet", "▸ full", "1,600 steps", "no estimate", "cpu is free: starts now")
        await d.sees("4 scores, 8 grids", "1 score, 3 grids", "$ gentui run digits-unet")
        await d.press("down")
        await d.sees("▸ short test", "$ gentui run digits-unet --quick")
        await d.press("down")
        await d.sees("▸ edit", "change settings first", "Opens the form of all settings.")
        await d.opens("FormScreen", "enter")
        await d.opens("HomeScreen", "escape")
        await d.opens("LaunchScreen", "t")
        await d.sees("▸ short test")
        await d.opens("FormScreen", "e")
        await d.opens("HomeScreen", "escape")
        await d.opens("LaunchScreen", "enter")
        await d.opens("HomeScreen", "escape")
        assert list_runs(home) == []


async def test_the_sheet_says_how_long_runs_of_it_took_and_what_it_waits_for(desk, runs):
    runs.make(steps=300)
    runs.live(10, 100)
    async with desk((120, 30)) as d:
        await d.opens("LaunchScreen", "enter")
        await d.sees("≈ ", " of yours)", "cpu: after 1 other")


async def test_every_place_has_its_tab_and_the_keys_and_clicks_lead_there(desk, each_size, runs):
    runs.make()
    async with desk(each_size) as d:
        for number, word, screen in (
            ("2", "Runs", "RunsScreen"), ("3", "Leaderboard", "LeaderboardScreen"), ("4", "Run", "RunScreen"),
            ("5", "Machine", "MachineScreen"), ("1", "Recipes", "HomeScreen"),
        ):  # fmt: skip
            await d.opens(screen, number)
            first = d.text.splitlines()[0]
            assert "1 Recipes  2 Runs  3 Leaderboard  4 Run  5 Machine" in first
            bar = d.app.screen.query_one(TitleBar)
            assert [name for name, place in PLACES if place == bar.place] == [word]
            await d.opens("HomeScreen", "1")
            at = first.index(f"{number} {word} ") + 1
            await d.pilot.click(TitleBar, offset=(at, 0))
            await d.on(screen)
            await d.press("1")


async def test_escape_clears_a_main_screen_and_leads_to_no_other(desk, runs):
    runs.make(fid=5.0)
    async with desk() as d:
        for key, screen in (("1", "Home"), ("2", "Runs"), ("3", "Leaderboard"), ("5", "Machine")):
            await d.opens(f"{screen}Screen", key)
            await d.press("slash", *"zzz", "enter")
            assert d.app.screen.query_one(Filter).value == "zzz"
            await d.press("escape")
            assert d.app.screen.query_one(Filter).value == ""
            await d.press("escape", "escape")
            assert type(d.app.screen).__name__ == f"{screen}Screen"
        assert len(list_runs(runs.home)) == 1


async def test_quick_trains_the_quick_version(desk, home):
    async with desk() as d:
        await d.opens("LaunchScreen", "t")
        await d.opens("RunScreen", "enter")
        (run,) = list_runs(home)
        assert run.info()["quick"] is True
        assert "--quick" in run.info()["command"]


async def test_missing_data_shows_the_remedy_and_starts_nothing(desk, size, home, monkeypatch):
    from engine.settings.datasets.published import FashionMNIST

    monkeypatch.setattr(FashionMNIST, "locate", classmethod(lambda cls: None))
    async with desk(size) as d:
        d.app.screen.query_one(Table).move_to("fashion-resnet-noise")
        await d.sees("✗ missing")
        await d.opens("LaunchScreen", "enter")
        await d.sees("✗ Data missing: ")
        await d.press("down")
        await d.sees("On digits, since fashion-mnist is missing here")
        await d.press("up")
        notice = await d.opens("NoticeScreen", "enter")
        assert "gentui data fetch fashion-mnist" in notice.text
        await d.sees("Data missing", "Nothing was started")
        await d.opens("HomeScreen", "escape")
        assert list_runs(home) == []


async def test_the_filter_narrows_the_menu_and_escape_clears_it(desk, size):
    async with desk(size) as d:
        await d.press("slash", *"unet fash")
        await d.until(lambda: d.app.screen.query_one(Table).key == "fashion-unet")
        assert "digits-unet " not in d.text
        await d.press("enter")
        assert isinstance(d.app.focused, Table)
        await d.press("escape", "home")
        await d.sees("▸ digits-unet")


async def test_the_form_checks_while_typing_and_shows_the_command(desk, size, home):
    async with desk(size) as d:
        screen = await d.opens("FormScreen", "e")
        form = screen.query_one(SettingsForm)
        await d.press(*"night run", "down", "backspace", "7")
        assert "gentui run digits-unet --seed 7 --name 'night run'" in d.text
        while form.entry.key != "data.batch_size":
            await d.press("down")
        await d.press(*"x")
        assert "data.batch_size" in screen.problems
        await d.sees("✗")
        await d.press("f5")
        assert list_runs(home) == []
        await d.press("ctrl+u", "backspace", *"32")
        assert not screen.problems
        await d.opens("RunScreen", "f5")
        (run,) = list_runs(home)
        info = run.info()
        assert info["name"] == "night run" and info["seed"] == 7
        assert info["command"] == [
            "gentui", "run", "digits-unet", "-o", "data.batch_size=32", "--seed", "7", "--name", "night run",
        ]  # fmt: skip
        await d.opens("HomeScreen", "escape")


async def test_another_net_in_the_form_brings_its_own_settings(desk):
    async with desk() as d:
        screen = await d.opens("FormScreen", "e")
        form = screen.query_one(SettingsForm)
        while form.entry.key != "model.net":
            await d.press("down")
        assert any(entry.key == "model.multipliers" for entry in form.entries)
        while form.entry.text != "resnet":
            await d.press("r")
        names = [entry.key for entry in form.entries]
        assert "model.coordinates" in names and "model.multipliers" not in names
        assert not screen.problems


async def test_the_form_asks_before_changes_are_lost(desk):
    async with desk() as d:
        await d.opens("FormScreen", "e")
        await d.opens("ConfirmScreen", *"abc", "escape")
        await d.opens("FormScreen", "n")
        await d.opens("HomeScreen", "escape", "y")


async def test_every_place_is_at_most_three_keys_from_the_menu(desk, size, runs):
    runs.make(fid=5.31)
    async with desk(size) as d:
        for strokes, screen, word in [
            (["4"], "RunScreen", "Charts"),
            (["4", "s"], "RunScreen", "step 300"),
            (["2"], "RunsScreen", "✓ done"),
            (["3"], "LeaderboardScreen", "FD in digits-cnn features"),
            (["x"], "ExportScreen", "results.csv"),
            (["e"], "FormScreen", "gentui run digits-unet"),
            (["question_mark"], "HelpScreen", "Everywhere"),
        ]:
            for stroke in strokes:
                await d.press(stroke)
                await d.until(lambda: type(d.app.screen).__name__ != "HomeScreen")
            await d.on(screen)
            await d.sees(word)
            await d.press("escape")
            if type(d.app.screen).__name__ != "HomeScreen":
                await d.press("1")
            await d.on("HomeScreen")


async def test_the_runs_list_says_all_about_every_run(desk, size, runs):
    runs.make(fid=5.31, name="first try")
    runs.make(status="failed", steps=120, reason="out of memory on GPU 0 at step 120", fid=None)
    runs.live(137, 1200, alerts=2)
    async with desk(size) as d:
        await d.press("2")
        await d.sees("● 11%", "✗ failed", "✓ done", "first try", "FD 5.31", "▲2", "1 running")
        assert d.app.screen.query_one(Table).key == list_runs(runs.home)[-1].id
        await d.press("slash", *"failed", "enter")
        assert "first try" not in d.text
        await d.opens("RunScreen", "enter")
        await d.sees("out of memory on GPU 0")


async def test_a_run_is_stopped_resumed_and_deleted_from_the_list(desk, home):
    async with desk() as d:
        await d.opens("RunScreen", "enter", "enter")
        await d.sees("● running")
        await d.opens("RunsScreen", "2")
        await d.sees("● running")
        await d.opens("ConfirmScreen", "S")
        await d.sees("Stop digits-unet (", "checkpoint", "Enter Stop  Esc Let it train")
        await d.press("enter")
        await d.sees("■ stopped")
        await d.opens("ConfirmScreen", "R")
        await d.sees("Resume digits-unet (", "Enter Resume  Esc Not now")
        await d.press("escape", "R", "enter")
        await d.sees("● running")
        await d.press("S", "y")
        await d.sees("■ stopped")
        await d.opens("ConfirmScreen", "D")
        await d.sees("Delete digits-unet (", "Enter Delete  Esc Keep")
        await d.press("escape")
        assert len(list_runs(home)) == 1
        await d.press("D", "y")
        await d.sees("No runs yet")
        assert list_runs(home) == []


async def test_a_running_run_is_not_deleted(desk, runs):
    runs.live(10)
    async with desk() as d:
        await d.press("2")
        await d.sees("● running")
        await d.press("D")
        await d.settle()
        assert type(d.app.screen).__name__ == "RunsScreen"
        assert len(list_runs(runs.home)) == 1


async def test_a_new_point_reaches_the_chart_within_a_second(desk, runs):
    run = runs.live(5, 100, samples=0)
    async with desk(reader=THREADED) as d:
        screen = await d.opens("RunScreen", "4")
        await d.until(
            lambda: (
                screen.snapshot
                and screen.snapshot.chart_data.charts
                and screen.snapshot.chart_data.charts[0][0].points == 5
            )
        )
        chart = screen.query(Chart).first()
        drawings = chart.drawings
        runs.event(run, "metrics", 6, values={"loss": 0.5})
        await d.until(
            lambda: chart.drawings > drawings and screen.chart_data.charts[0][0].points == 6, seconds=5
        )


async def test_nothing_is_drawn_when_nothing_changes(desk, each_size, runs):
    runs.make()
    async with desk(each_size, reader=THREADED) as d:
        screen = await d.opens("RunScreen", "4")
        await d.until(lambda: screen.query(Chart).first().drawings)
        await d.until(lambda: screen.query("#thumbnail" if each_size[0] > 100 else "#gallery"))
        drawn = []
        original = type(d.app)._display
        type(d.app)._display = lambda app, *a: (drawn.append(a), original(app, *a))[1]  # type: ignore[method-assign]
        try:
            settled = d.app.reader.passes
            await d.until(lambda: d.app.reader.passes >= settled + 2)
            drawn.clear()
            settled = d.app.reader.passes
            await d.until(lambda: d.app.reader.passes >= settled + 4)
            assert drawn == []
        finally:
            type(d.app)._display = original  # type: ignore[method-assign]


async def test_samples_are_scrubbed_back_and_followed_again(desk, each_size, runs):
    run = runs.live(300, 600, samples=3)
    async with desk(each_size) as d:
        screen = await d.opens("RunScreen", "4", "s")
        await d.press("s")
        await d.sees("step 300", "3 of 3", "· live")
        await d.until(lambda: screen.query_one("#gallery").picture.strips)
        await d.press("left_square_bracket")
        await d.sees("step 200", "2 of 3", "1 newer")
        runs.extend(run, 300, 310, 600, samples=1)
        await d.sees("2 of 4", "2 newer")
        await d.press("n")
        await d.sees("step 310", "4 of 4 · live")
        await d.press("p")
        await d.sees("noise to image")
        full = await d.opens("PictureScreen", "z")
        await d.until(lambda: full.query_one("#full").picture.strips)
        await d.opens("RunScreen", "escape")


async def test_p_goes_round_the_grid_and_every_figure(desk, size, runs):
    run = runs.make(samples=2)
    for step in (150, 300):
        grid_png(run.path / "figures" / f"tsne-{step}.png", digit_tiles(2, 3))
        runs.event(run, "figure", step, name="tsne", path=f"figures/tsne-{step}.png", caption="features")
    async with desk(size) as d:
        screen = await d.opens("RunScreen", "4")
        await d.press("s")
        await d.sees("grid · step 300", "2 of 2", "· live")
        await d.press("p")
        await d.sees("strip · step 300", "noise to image", "strip (figure 2 of 3)")
        await d.press("p")
        await d.sees("tsne · step 300", "2 of 2", "features")
        await d.press("left")
        await d.sees("tsne · step 150", "1 of 2", "1 newer")
        await d.opens("PictureScreen", "z")
        await d.sees("tsne · step 150")
        await d.press("right")
        await d.sees("tsne · step 300", "· live")
        await d.press("p")
        await d.sees("grid · step 300")
        await d.opens("RunScreen", "escape")
        assert screen.pictures.kind == "grid"


async def test_a_run_without_grids_shows_its_figures(desk, runs):
    run = runs.make(samples=0)
    grid_png(run.path / "figures" / "tsne.png", digit_tiles(2, 3))
    runs.event(run, "figure", 300, name="tsne", path="figures/tsne.png", caption="features")
    async with desk() as d:
        await d.opens("RunScreen", "4")
        await d.press("s")
        await d.sees("tsne · step 300", "features")
        await d.press("p")
        await d.sees("There are no other pictures yet.")


class Beats:
    """The timers of films, each of which beats when the test says so."""

    def __init__(self) -> None:
        self._due: list[tuple[Beat, float, Callable[[], object]]] = []

    def set_timer(self, viewer: Viewer, seconds: float, call: Callable[[], object]) -> Beat:
        self._due.append((beat := Beat(), seconds, call))
        return beat

    def beat(self) -> list[float]:
        """Let all beat that wait; the seconds that each would have waited."""
        due, self._due = [one for one in self._due if not one[0].is_stopped], []
        for _, _, call in due:
            call()
        return [seconds for _, seconds, _ in due]


class Beat:
    is_stopped = False

    def stop(self) -> None:
        self.is_stopped = True


@pytest.fixture
def beats(monkeypatch) -> Beats:
    made = Beats()
    monkeypatch.setattr(Viewer, "set_timer", lambda viewer, *timer: made.set_timer(viewer, *timer))
    return made


async def test_over_a_slow_line_an_animation_plays_once_and_only_when_asked_to(desk, runs, beats):
    run = runs.make(samples=2)
    runs.film(run, 300, frames=3)
    async with desk() as d:
        d.app.low_bandwidth = True
        screen = await d.opens("RunScreen", "4")
        await d.press("s", "p", "p")
        viewer = screen.query_one("#gallery")
        await d.sees("■ 1/3")
        assert viewer._timer is None
        for _ in range(2):
            await d.press("space")
            assert viewer._loops
            await d.press("c")
            assert beats.beat() == [SLOW], "what is out of sight does not play"
            await d.until(lambda: viewer._timer is None)
            await d.press("s")
            while viewer._loops:
                assert beats.beat() == [SLOW]
            await d.sees("■ 3/3")
            assert viewer._timer is None and not viewer.is_playing and not beats.beat()


async def test_an_animation_plays_pauses_and_ends(desk, each_size, runs, beats):
    run = runs.live(300, 600, samples=2)
    runs.film(run, 300, frames=4)
    async with desk(each_size) as d:
        screen = await d.opens("RunScreen", "4")
        await d.press("s", "p", "p")
        viewer = screen.query_one("#gallery")
        await d.sees("progress · step 300", "4 grids", "▶ 1/4")
        first = viewer.picture.strips
        beats.beat()
        beats.beat()
        await d.sees("▶ 3/4")
        assert viewer.picture.strips != first
        await d.press("space")
        await d.sees("paused", "■ 3/4")
        assert viewer._timer is None and not viewer.is_playing and not beats.beat()
        third = viewer.picture.strips
        await d.press("space")
        await d.sees("▶ 3/4")
        beats.beat()
        await d.sees("▶ 4/4")
        assert viewer.picture.strips != third
        rounds = 1
        while beats.beat():
            rounds += viewer._at == 0
        assert rounds == LOOPS
        await d.sees("■ 4/4")
        assert not viewer.is_playing, "after a few rounds it stands still"
        full = await d.opens("PictureScreen", "z")
        await d.until(lambda: full.query_one("#full").is_playing)
        assert viewer._timer is None, "what is out of sight does not play"
        await d.sees("▶ 1/4")
        await d.press("space")
        await d.sees("paused")
        await d.opens("RunScreen", "escape")
        runs.film(run, 310, frames=5)
        await d.sees("progress · step 310", "5 grids")
        await d.sees("/5")


async def test_the_net_is_there_when_it_is_built(desk, size, runs):
    run = runs.live(5, 100, samples=0)
    async with desk(size) as d:
        await d.opens("RunScreen", "4")
        await d.press("t")
        await d.sees("[t Net]", "The architecture is written down when the net is built.")
        table = ["model: UNet, 1,012,345 parameters", "", "layer  kind  output", f"out  {'x' * 200}  64×8×8"]
        (run.path / "architecture.txt").write_text("\n".join(table))
        runs.event(run, "metrics", 6, values={"loss": 0.5})
        await d.sees("1,012,345 parameters", "layer  kind  output")
        assert "64×8×8" not in d.text
        await d.press(*["right"] * 5)
        await d.sees("64×8×8", "…x")
        await d.press(*["left"] * 5)
        await d.sees("layer  kind  output")


async def test_losses_that_belong_together_share_a_chart(desk, size, runs):
    run = runs.live(0, 100)
    runs.event(run, "status", 0, status="started", total_steps=100, device="cpu")
    for step in range(1, 60):
        runs.event(run, "metrics", step, values={"lr": 0.1, "loss_d_real": 1 / step, "loss_d_fake": 2 / step})
    async with desk(size) as d:
        screen = await d.opens("RunScreen", "4")
        await d.sees("● loss_d_real", "▲ loss_d_fake")
        await d.until(lambda: screen.query(Chart).first().drawings)
        assert [curve.key for curve in screen.snapshot.chart_data.charts[0]] == ["loss_d_real", "loss_d_fake"]


async def test_a_run_that_has_logged_one_step_says_so_in_place_of_a_chart(desk, size, runs):
    run = runs.live(0, 100)
    async with desk(size) as d:
        await d.opens("RunScreen", "4")
        await d.sees("Starting: the first step is on its way.")
        runs.event(run, "metrics", 1, values={"loss": 0.5})
        await d.sees("One value so far: loss 0.5.")
        runs.event(run, "metrics", 2, values={"loss": 0.4})
        await d.until(lambda: "One value so far" not in d.text)


async def test_the_charts_change_as_told(desk, size, runs):
    runs.make(spikes=(50, 51))
    async with desk(size) as d:
        screen = await d.opens("RunScreen", "4")
        chart = await d.until(lambda: screen.query(Chart).first())
        await d.until(lambda: chart.drawings)
        await d.sees("✗ not finite in", "smoothing 0.6")
        await d.press("y")
        await d.until(lambda: chart.chart_style.log_y)
        await d.press("w")
        await d.until(lambda: screen.chart_data.charts[0][0].smoothing.weight == 0.9)
        for axis in ("epoch", "time", "images", "step"):
            await d.press("a")
            await d.until(lambda axis=axis: chart.chart_style.axis == axis)
        await d.press("tilde", "tilde")
        await d.until(lambda: chart.chart_style.marks == "ascii")
        assert not re.search("[⠁-⣿]", d.text)
        if screen.query_one(ChartGrid).count < len(screen.snapshot.chart_data.groups):
            before = [curves[0].key for curves in screen.snapshot.chart_data.charts]
            await d.press("m")
            await d.until(lambda: [curves[0].key for curves in screen.snapshot.chart_data.charts] != before)


async def test_scores_stand_with_their_protocol_and_floor(desk, size, runs):
    runs.make(fid=5.31, alerts=1)
    async with desk(size) as d:
        await d.opens("RunScreen", "4", "Q")
        await d.press("Q")
        await d.sees("digits-cnn@1a2b3c4d", "real images 1.9", "5.31", "★ best")


async def test_the_log_and_the_settings_are_there(desk, size, runs):
    run = runs.make(log=b"one\ntwo\n")
    async with desk(size) as d:
        await d.opens("RunScreen", "4")
        await d.press("g")
        await d.sees("one", "two")
        with run.log_path.open("ab") as log:
            log.write(b"three\n")
        await d.sees("three", seconds=5)
        await d.press("o")
        await d.sees('dataset = "digits"', "[model]")


async def test_the_leaderboard_ranks_equals_and_shows_the_published(desk, size, runs):
    runs.make("fashion-resnet-noise", fid=88.0, seed=1)
    runs.make("fashion-resnet-noise", fid=120.0, seed=2)
    async with desk(size) as d:
        await d.press("3", "f")
        await d.sees("★ 1", "88", "120", "102", "161", "paper", "500 samples", "not comparable")
        await d.press("slash", *"n=500", "enter")
        await d.sees("−14 to the published 102")
        screen = await d.opens("RunScreen", "enter")
        first, second = list_runs(runs.home)
        assert screen.run_id == first.id
        await d.opens("LeaderboardScreen", "escape")
        await d.press("down", "s")
        screen = await d.on("RunScreen")
        await d.sees("grid · step 300 · 3 of 3")
        assert screen.run_id == second.id
        await d.opens("FormScreen", "e")
        await d.sees("gentui run", "recipe.toml")


async def test_a_score_leads_to_the_samples_of_its_step(desk, runs):
    run = runs.make(steps=300, samples=6, fid=None)
    runs.event(run, "evaluation", 160, metric="fid", value=5.0, lower_is_better=True, protocol="p", best=True)
    async with desk() as d:
        await d.press("3")
        await d.sees("digits · FD, lower is better", "5")
        assert "★" not in d.text, "one of one has won nothing"
        await d.opens("RunScreen", "s")
        await d.sees("grid · step 150 · 3 of 6")


@pytest.mark.parametrize("form", ["csv", "md", "latex", "json", "html"])
async def test_export_writes_the_table(desk, runs, tmp_path, monkeypatch, form):
    from gentui.export import render

    monkeypatch.chdir(tmp_path)
    runs.make(fid=5.31)
    async with desk((100, 40)) as d:
        screen = await d.opens("ExportScreen", "x")
        await d.until(lambda: screen._text)
        while screen.format != form:
            await d.press("right")
        await d.until(lambda: screen._text == render(runs.home, form))
        path = screen.path
        await d.press("f5")
        await d.until(path.exists)
        assert path.read_text() == render(runs.home, form)
        await d.on("HomeScreen")


async def test_broken_index_is_told_and_survived(desk, size, runs, monkeypatch):
    from gentui.index import Index

    runs.make()
    async with desk(size) as d:
        await d.press("2")
        await d.sees("✓ done")

        def broken(self, *args, **kwargs):
            raise OSError("disk full")

        with monkeypatch.context() as patch:
            patch.setattr(Index, "refresh", broken)
            await d.sees("! index: disk full")
            await d.opens("RunsScreen", "1", "2")
        await d.until(lambda: "disk full" not in d.text)


async def test_data_that_cannot_be_shown_is_told_and_survived(desk, runs, monkeypatch):
    from gentui.tui.widgets.run_header import RunHeader

    def broken(self, run):
        raise ValueError("odd run")

    runs.make()
    monkeypatch.setattr(RunHeader, "show", broken)
    async with desk() as d:
        await d.opens("RunScreen", "4")
        await d.sees("! this cannot be shown", "odd run")
        await d.press("2")
        await d.sees("✓ done")


async def test_a_slow_index_never_stops_the_keys(desk, runs, monkeypatch):
    import threading

    from gentui.index import Index

    runs.make()
    hold, held = threading.Event(), threading.Event()
    async with desk(reader=THREADED) as d:

        def slow(self, *args, **kwargs):
            held.set()
            hold.wait(30)
            return False

        monkeypatch.setattr(Index, "refresh", slow)
        await d.until(held.is_set)
        await d.press("down")
        await d.until(lambda: d.app.screen.query_one(Table).key != "digits-unet")
        await d.opens("HelpScreen", "question_mark")
        hold.set()


async def test_tiny_terminals_do_not_crash(desk, runs):
    runs.make(spikes=(5,), alerts=1)
    async with desk((40, 12)) as d:
        for stroke in [
            "4", "s", "p", "f", "Q", "g", "o", "t", "right", "c", "m", "y", "b", "z", "f", "escape", "2", "3", "x",
            "escape", "question_mark", "escape", "1", "e",
        ]:  # fmt: skip
            await d.press(stroke)
            await d.settle()
        for width, height in [(20, 5), (1, 1), (200, 60), (80, 24)]:
            await d.resize(width, height)
            await d.settle()
        await d.on("FormScreen")


async def test_the_palette_leads_to_a_screen_by_part_of_its_name(desk):
    async with desk((100, 40)) as d:
        await d.press("colon")
        await d.sees("Leaderboard")
        await d.opens("LeaderboardScreen", *"leaderb", "enter")
