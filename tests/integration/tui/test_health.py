"""Alarms, signals, the cost of scores and means over seeds, on a small and on a middling terminal."""

from __future__ import annotations

import re

import pytest

from engine.runs.directory import RunDir
from gentui.tui.screens.run import RunScreen
from gentui.tui.widgets.run_header import RunHeader
from tests.support.app import Desk
from tests.support.runs import Runs
from tests.support.textual_private import screen_strips

NASTY = "\x1b]52;c;b3duZWQ=\x07[/bold]\u202eevil\x1b[2J[@click=app.quit]x[/]"
IGNORED = "The label is ignored: samples do not change with the label asked for."


@pytest.fixture(params=[(80, 24), (120, 40)], ids=["80x24", "120x40"])
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    return request.param


def alarm(
    runs: Runs, run: RunDir, severity: str = "warning", name: str = "class-ignored", step: int = 300, **told
):
    words = {"sentence": IGNORED, "cause": "the label does not reach the output", "remedy": "try fashion-unet"}
    runs.event(run, "alert", step, severity=severity, name=name, **{**words, **told})


def examine(runs: Runs, run: RunDir, **signals: float) -> None:
    for step in (100, 200, 300):
        values = {f"health/{name}": value * step / 300 for name, value in signals.items()}
        runs.event(run, "metrics", step, values=values)


async def health_of(d: Desk) -> str:
    screen = await d.opens("RunScreen", "4")
    await d.press("i")
    await d.until(lambda: screen.snapshot and screen.snapshot.signals is not None)
    await d.settle()
    return d.text


async def test_a_run_tells_its_alarms_its_signals_and_what_scores_cost(desk, size, runs):
    run = runs.make(fid=5.31)
    examine(runs, run, diversity=0.75, label_told=0.0125)
    alarm(runs, run, began=120)
    alarm(runs, run, "error", "non-finite", sentence="The loss is nan.", cause="", remedy="")
    async with desk(size) as d:
        await health_of(d)
        await d.sees(
            "[i Health]", "‼ error", "The loss is nan.", "▲ warning", "The label is ignored", "since step 120"
        )
        await d.sees(
            "cause:", "the label does not reach the output", "try:", "try fashion-unet", "Scoring: 8.2 s of"
        )
        lines = {" ".join(line.split()[:3]): line for line in d.text.splitlines() if line.split()}
        lines |= {line.split()[0]: line for line in lines.values()}
        assert re.search(r"0\.75 +▁▅█.* ✓ above 0\.05 \(real images have 1\)", lines["diversity"]), d.text
        assert re.search(r"0\.0125 .*▲ alarm", lines["follows the label"]), d.text
        assert d.text.index("non-finite") < d.text.index("Charts"), "named in the head"
        await d.press("s")
        await d.until(lambda: "[s Samples]" in d.text)
        assert "The loss is nan." not in d.text


async def test_a_well_run_says_so(desk, size, runs):
    run = runs.make(fid=None)
    examine(runs, run, recall=0.9)
    async with desk(size) as d:
        await health_of(d)
        await d.sees("✓ no problems found", "recall", "no threshold (real images have 1)")
        assert not re.search("[▲‼]", d.text)


async def test_garbage_that_no_rule_has_judged_yet_gets_no_tick(desk, size, runs):
    run = runs.make(fid=None)
    examine(runs, run, label=-0.007, recall=0.0, diversity=0.02, nearest=0.9, change=0.3)
    async with desk(size) as d:
        await health_of(d)
        await d.sees("✓ no problems found")
        lines = {line.split()[0]: " ".join(line.split()) for line in d.text.splitlines() if line.split()}
        assert "▲ below 0.25, no alarm raised" in lines["label"] and "▲ below 0.05" in lines["diversity"], (
            d.text
        )
        assert "✓ above 0.5" in lines["distance"] and "✓ below 1" in lines["weight"], d.text
        assert "✓" not in lines["recall"] and "✓" not in lines["label"], d.text


async def test_the_head_names_the_worst_alarm(desk, size, runs):
    run = runs.make(status="running", steps=100, fid=None, name="a run with a rather long name " * 3)
    async with desk(size) as d:
        screen = await d.opens("RunScreen", "4")
        await d.sees("● running")
        assert not re.search("[▲‼]", screen.query_one(RunHeader).text)
        alarm(runs, run, "info", "slow", 50)
        await d.sees("i slow")
        alarm(runs, run, step=60)
        await d.sees("▲ labels ignored, +1 more")
        alarm(runs, run, "error", "non-finite", 70)
        await d.sees("‼ non-finite, +2 more")
        first = screen.query_one(RunHeader).text.splitlines()[0]
        assert first.startswith("● running  ‼ non-finite, +2 more  a run with")


async def test_new_alarms_reach_the_pane_while_it_is_looked_at(desk, runs):
    run = runs.make(status="running", steps=100, fid=None)
    async with desk() as d:
        await health_of(d)
        await d.sees("no problems found")
        alarm(runs, run, step=101)
        examine(runs, run, label=0.1)
        await d.sees("The label is ignored", "label")
        assert "no problems found" not in d.text


async def test_the_runs_list_counts_alarms_with_the_sign_of_the_worst(desk, size, runs):
    for severities in ((), ("info",), ("warning", "info"), ("warning", "error", "info")):
        run = runs.make(fid=None)
        for place, severity in enumerate(severities):
            alarm(runs, run, severity, f"a{place}")
    async with desk(size) as d:
        await d.opens("RunsScreen", "2")
        await d.sees("digits-unet i1", "digits-unet ▲2", "digits-unet ‼3")


async def test_signals_are_charted_after_the_losses_and_before_rate_and_speed(desk, runs):
    run = runs.make(fid=5.0)
    examine(runs, run, precision=0.5, recall=0.25, loss_like=1.0, label=1.0)
    async with desk() as d:
        screen = await d.opens("RunScreen", "4")
        await d.until(lambda: screen.snapshot and screen.snapshot.chart_data.groups)
        groups = screen.snapshot.chart_data.groups
        assert groups[0] == ("loss",)
        family = [("health/precision", "health/recall"), ("health/label",), ("health/loss_like",)]
        assert groups[-5:] == [*family, ("lr",), ("images_per_s",)]
        await d.press("M", "M", "M")
        await d.sees("health/loss_like")
        await d.press("M", "M")
        await d.sees("● health/precision", "▲ health/recall")


async def test_the_leaderboard_tells_means_over_seeds_and_flags_alarms(desk, size, runs):
    made = [runs.make(fid=value, seed=seed) for seed, value in enumerate((12.0, 12.2, 12.7))]
    alarm(runs, made[1], "error", "non-finite")
    alarm(runs, made[1])
    async with desk(size) as d:
        await d.opens("LeaderboardScreen", "3")
        await d.sees("12.30 ± 0.36", "3 training seeds")
        await d.press("f")
        await d.sees("12.30 ± 0.36 (3 seeds)")
        table = d.app.screen.table
        flags = [row.cells[1] for row in table.rows if row.key and made[1].id in row.key]
        assert flags == [("‼", "bad")]
        assert [row.cells[1] for row in table.rows if row.key and made[0].id in row.key] == [""]
        await d.until(lambda: table.key and made[0].id in table.key)
        assert "alarms:" not in d.text
        await d.press("down")
        await d.sees("alarms: ‼ non-finite, class-ignored", "★ 1", "‼")
        await d.press("down")
        await d.until(lambda: "alarms:" not in d.text)


async def test_a_score_stands_with_its_standard_deviation(desk, size, runs):
    run = runs.make(fid=None)
    runs.event(
        run, "evaluation", 300, metric="kid", value=0.02, std=0.00123, lower_is_better=True, protocol="kid · n=500",
        protocol_id="k", protocol_detail={"samples": 500}, floor=None, seconds=1.0, best=True,
    )  # fmt: skip
    async with desk(size) as d:
        await d.opens("RunsScreen", "2")
        await d.sees("kid 0.0200 ± 0.0012")
        await d.opens("LeaderboardScreen", "3")
        await d.sees("0.0200 ± 0.0012")
        await d.opens("RunScreen", "4")
        await d.press("Q")
        await d.sees("[Q Scores]", "0.0200 ± 0.0012")


@pytest.mark.parametrize("place", ["2", "3", "4", "4i", "4Q", "4c"])
async def test_what_an_alarm_says_neither_acts_nor_breaks_a_screen(desk, each_size, runs, place):
    run = runs.make(fid=9.0)
    for step, severity in enumerate(("error", NASTY, "info"), 290):
        alarm(
            runs, run, severity, NASTY * step, step, sentence=NASTY * 50, cause=f"\n{NASTY}", remedy="[/] [bold"
        )
    examine(runs, run, **{f"signal{n}" * 9: 1.0 for n in range(60)})
    runs.event(run, "metrics", 299, values={f"health/{NASTY}": 1.0, "health/": 2.0, "health/nan": float("nan")})
    async with desk(each_size) as d:
        await d.press(place[0])
        await d.until(lambda: type(d.app.screen).__name__ != "HomeScreen")
        await d.press(*place[1:])
        if isinstance(d.app.screen, RunScreen):
            await d.until(lambda: d.app.screen.snapshot)
        await d.sees({"2": "‼3", "3": "‼", "4i": "evil"}.get(place, "‼ "))
        for strip in screen_strips(d.app):
            for segment in strip:
                assert not segment.control
                assert not set(segment.text) & set("\x1b\x07\x9b\u202e\n\r")
        assert "this cannot be shown" not in d.text
