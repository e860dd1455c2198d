"""Alarms, what scoring costs, and runs that differ in their seed alone, as the index tells them."""

from __future__ import annotations

import math

import pytest

from engine.runs.directory import State
from engine.runs.events import encode
from gentui.index import Index
from tests.support.index import Log, dump, settle

ALARM = {"severity": "warning", "sentence": "It is slow.", "cause": "c", "remedy": "r"}
RECIPE = 'name = "r"\ntitle = "{title}"\n[data]\ndataset = "digits"\n[train]\nsteps = {steps}\nseed = {seed}\n'


def test_an_alarm_says_since_when_and_an_old_one_since_its_own_step(index, make_run):
    run = make_run()
    log = Log(run).start().metrics(range(1, 100), loss=float)
    log.add("alert", 40, name="old", **ALARM)
    for step, began in ((50, 30), (60, 99), (70, -3), (80, "x"), (90, 10**40)):
        log.add("alert", step, name="new", began=began, **ALARM)
    index.refresh()
    assert [(a.step, a.began) for a in index.alerts(run.id)] == [
        (40, 40), (50, 30), (60, 60), (70, 70), (80, 80), (90, 90)
    ]  # fmt: skip
    assert index.run(run.id).alerts == 6


def test_a_run_names_its_worst_alarm_first_and_of_equally_bad_ones_the_newest(index, make_run):
    run, well = make_run(), make_run()
    log = Log(run).start().metrics(range(1, 100), loss=float)
    Log(well).start().metrics(range(1, 100), loss=float)
    index.refresh()
    assert (index.run(run.id).worst, index.run(run.id).alarms) == (None, [])
    found = []
    told = [
        ("info", "data"),
        ("warning", "blob"),
        ("error", "non-finite"),
        ("info", "blob"),
        ("warning", "slow"),
    ]
    for step, (severity, name) in enumerate(told, 10):
        log.add("alert", step, name=name, **{**ALARM, "severity": severity})
        index.refresh()
        found.append((index.run(run.id).worst, [name for _, name in index.run(run.id).alarms]))
    assert found == [
        ("info", ["data"]),
        ("warning", ["blob", "data"]),
        ("error", ["non-finite", "blob", "data"]),
        ("error", ["non-finite", "blob", "data"]),
        ("error", ["non-finite", "slow", "blob", "data"]),
    ]
    assert index.run(run.id).alerts == 5
    assert (index.run(well.id).alerts, index.run(well.id).worst) == (0, None)


def test_alarms_without_end_leave_the_row_of_the_run_small(index, make_run):
    run = make_run()
    log = Log(run).start()
    log.append(b"".join(log.line("alert", n, name=f"alarm{n}", **ALARM) for n in range(1, 3000)))
    index.refresh()
    assert index.run(run.id).alerts == 2999 and len(index.run(run.id).alarms) <= 20


def test_alarms_and_costs_beyond_a_resumed_step_are_forgotten(index, make_run):
    run = make_run(State(status="done", attempt=2))
    log = Log(run, 1).start().metrics(range(1, 121), loss=float)
    log.score(60, 9.0, seconds=3.0).score(110, 9.0, seconds=50.0)
    log.add("alert", 70, name="kept", **ALARM)
    log.add("alert", 110, name="undone", **{**ALARM, "severity": "error"})
    index.refresh()
    assert (index.run(run.id).worst, index.run(run.id).evaluation_seconds) == ("error", 53.0)
    Log(run, 2, began=900).start(80, "resumed").metrics(range(81, 101), loss=float).score(100, 8.0, seconds=4.0)
    index.refresh()
    row = index.run(run.id)
    assert (row.alerts, row.alarms, row.evaluation_seconds) == (1, [("warning", "kept")], 7.0)
    settle()
    index.refresh()
    live = dump(index.path)
    index.rebuild()
    assert dump(index.path) == live


def test_one_pass_of_scores_costs_once_and_scores_made_afterwards_nothing(index, make_run):
    run = make_run()
    log = Log(run).start().metrics(range(1, 101), loss=float)
    log.score(50, 9.0, seconds=4.0).score(50, 0.9, metric="label_accuracy", seconds=4.0)
    log.score(100, 8.0, seconds=6.0).score(100, math.nan, metric="kid", seconds=6.0)
    log.score(100, 7.0, protocol="another", seconds=400.0, checkpoint="best")
    log.add("status", 100, status="done", reason="")
    log.score(100, 7.0, protocol="third", seconds=400.0)
    log.score(100, 8.0, seconds=400.0)  # the same protocol as in training: its row is replaced, the cost is not
    index.refresh()
    row = index.run(run.id)
    assert row.evaluation_seconds == 10.0
    assert row.evaluation_share == pytest.approx(0.1, rel=0.02)


@pytest.mark.parametrize("seconds", [None, "long", math.nan, math.inf, -3.0, [1]])
def test_a_cost_that_makes_no_sense_is_none(index, make_run, seconds):
    run, idle = make_run(), make_run()
    Log(run).start().metrics(range(1, 101), loss=float).score(50, 9.0, seconds=seconds)
    Log(idle)
    index.refresh()
    assert (index.run(run.id).evaluation_seconds, index.run(run.id).evaluation_share) == (0.0, 0.0)
    assert index.run(idle.id).evaluation_share is None


def test_a_score_keeps_its_standard_deviation(index, make_run):
    run = make_run()
    log = Log(run).start().metrics(range(1, 101), loss=float)
    log.score(40, 0.02, metric="kid", std=0.001).score(50, 9.0).score(100, 0.03, metric="kid", std="much")
    index.refresh()
    assert {(e.metric, e.step): e.std for e in index.evaluations(run.id)} == {
        ("kid", 40): 0.001, ("fid", 50): None, ("kid", 100): None
    }  # fmt: skip
    board = {row.metric: row.std for row in index.leaderboard() if row.run}
    assert board == {"kid": 0.001, "fid": None}
    best = index.run(run.id).best
    assert best is not None and (best.metric, best.std) == ("kid", 0.001)


@pytest.fixture
def scored(make_run):
    """Makes a run of a recipe with a score."""

    def scored(value: float, *, seed: int, title: str = "t", steps: int = 9, status: str = "done", **score):
        run = make_run(State(status=status, attempt=1), seed=seed)  # type: ignore[arg-type]
        run.recipe_path.write_text(RECIPE.format(title=title, steps=steps, seed=seed))
        Log(run).start().metrics(range(1, 10), loss=float).score(9, value, **score)
        return run.id

    return scored


def test_runs_that_differ_in_their_seed_alone_are_summed_up(index, scored):
    one, two, three = (scored(value, seed=seed) for seed, value in enumerate((10.0, 12.0, 14.0)))
    described = scored(18.0, seed=3, title="the same with another title")
    other = scored(1.0, seed=4, steps=10)
    elsewhere = scored(2.0, seed=5, protocol="p2")
    running = scored(99.0, seed=6, status="stopped")
    index.refresh()
    board = {row.run: row for row in index.leaderboard("digits") if row.run}
    for run in (one, two, three, described):
        assert (board[run].seeds, board[run].mean) == (4, 13.5)
        assert board[run].sd == pytest.approx(3.4156502553)
    for run, value in ((other, 1.0), (elsewhere, 2.0), (running, 99.0)):
        assert (board[run].seeds, board[run].mean, board[run].sd) == (1, value, None), run
    ranks = [(row.rank, row.run) for row in index.leaderboard("digits") if row.run and row.protocol_id == "p1"]
    assert ranks == list(enumerate([other, one, two, three, described, running], 1)), "as without seeds"
    live = index.leaderboard("digits")
    Index(index.home).rebuild()
    assert index.leaderboard("digits") == live


def test_the_newest_run_of_a_seed_stands_for_it(index, scored):
    old = scored(10.0, seed=1)
    new = scored(20.0, seed=1)
    settle()
    index.refresh()
    newest = max(old, new)
    board = {row.run: row for row in index.leaderboard("digits") if row.run}
    assert [(board[run].seeds, board[run].sd) for run in (old, new)] == [(1, None)] * 2
    assert board[old].mean == board[new].mean == board[newest].value


def test_runs_whose_recipe_cannot_be_read_are_never_taken_together(index, make_run):
    for seed in (1, 2):
        run = make_run(seed=seed)
        run.recipe_path.write_text("name = = 1")
        Log(run).start().score(9, float(seed))
    index.refresh()
    assert [row.seeds for row in index.leaderboard("digits") if row.run] == [1, 1]


def test_scores_too_large_to_sum_up_do_no_harm(index, scored):
    for seed in (1, 2):
        scored(1.7e308, seed=seed)
    index.refresh()
    assert [(row.seeds, row.mean) for row in index.leaderboard("digits") if row.run] == [(2, math.inf)] * 2


def test_the_leaderboard_names_alarms_that_are_more_than_information(index, make_run):
    run = make_run()
    log = Log(run).start().metrics(range(1, 20), loss=float).score(9, 3.0)
    for step, severity in enumerate(("info", "warning", "error"), 10):
        log.add("alert", step, name=f"a-{severity}", **{**ALARM, "severity": severity})
    index.refresh()
    assert [row.alarms for row in index.leaderboard("digits") if row.run] == [
        [("error", "a-error"), ("warning", "a-warning")]
    ]


def test_an_index_of_an_older_version_is_made_again(home, make_run):
    import sqlite3

    run = make_run()
    log = Log(run).start()
    log.append(
        encode({"kind": "alert", "t": 1.7e9, "mono": 101.0, "step": 1, "images": 8, "name": "a", **ALARM})
    )
    Index(home).refresh()
    db = sqlite3.connect(home / "index.db")
    db.execute("ALTER TABLE runs DROP COLUMN alarms")
    db.execute("PRAGMA user_version = 2")
    db.commit()
    db.close()
    index = Index(home)
    assert index.runs()[0].worst == "warning", "a reader mends it"
    index.refresh()
    assert index.run(run.id).alarms == [("warning", "a")]
