from __future__ import annotations

import json
import math
import os
import shutil
import time
from pathlib import Path

import pytest

from engine.recipes.recipe import load
from engine.runs.directory import RunDir, State
from gentui.index import Index, RunNotFound
from gentui.index.files import configuration_of
from tests.support.index import Log, dump


def test_statuses_are_as_of_now_without_a_refresh(index, make_run):
    run = make_run(State(status="queued", queued_at=time.time()))
    index.refresh()
    run.write_state(State(status="stopped", reason="stopped while queued", attempt=0))
    assert (index.run(run.id).status, index.run(run.id).reason) == ("stopped", "stopped while queued")


def test_runs_are_newest_first_and_filtered(index, make_run):
    a = make_run(dataset="digits")
    time.sleep(0.002)
    b = make_run(State(status="failed", attempt=1), dataset="fashion-mnist")
    time.sleep(0.002)
    c = make_run(dataset="fashion-mnist")
    index.refresh()
    assert [row.id for row in index.runs()] == [c.id, b.id, a.id]
    assert [row.id for row in index.runs(status="failed")] == [b.id]
    assert [row.id for row in index.runs(dataset="fashion-mnist")] == [c.id, b.id]


def test_a_run_is_found_by_id_prefix_latest_or_name(index, make_run):
    with pytest.raises(RunNotFound, match="no runs yet"):
        index.find("latest")
    a = make_run(name="baseline")
    time.sleep(0.002)
    b = make_run(name="twice")
    time.sleep(0.002)
    c = make_run(name="twice")
    assert index.find("latest") == c.id and index.find(a.id) == a.id  # before any ingest
    index.refresh()
    assert index.find("baseline") == a.id
    assert index.find(b.id[:-1]) == b.id
    with pytest.raises(RunNotFound, match="matches 2 runs"):
        index.find("twice")
    with pytest.raises(RunNotFound, match="matches 3 runs"):
        index.find(a.id[:8])
    for nothing in ("", "nope", "../x", "%"):
        with pytest.raises(RunNotFound, match="no run is called"):
            index.find(nothing)


BROKEN = {
    "no run.json": lambda run: run.info_path.unlink(),
    "no state.json": lambda run: run.state_path.unlink(),
    "no recipe.toml": lambda run: run.recipe_path.unlink(),
    "half a state.json": lambda run: run.state_path.write_text('{"status": "don'),
    "run.json a list": lambda run: run.info_path.write_text("[1, 2]"),
    "run.json deep": lambda run: run.info_path.write_text("[" * 100_000),
    "run.json huge": lambda run: run.info_path.write_bytes(b" " * (2 << 20)),
    "run.json of wrong types": lambda run: run.info_path.write_text(
        json.dumps({"name": 7, "seed": "x", "created_at": "soon", "total_steps": 10**30, "reference": [1]})
    ),
    "state.json of wrong types": lambda run: run.state_path.write_text(
        json.dumps({"status": "running", "attempt": "one", "pid": 10**40, "slot": ["cpu"], "started_at": {}})
    ),
    "unknown status": lambda run: run.state_path.write_text(
        json.dumps({"status": "\x1b[31mpwned", "attempt": 1})
    ),
    "status a number": lambda run: run.state_path.write_text(json.dumps({"status": 3})),
    "not utf-8": lambda run: run.recipe_path.write_bytes(b"\xff\xfe\x00"),
    "recipe not toml": lambda run: run.recipe_path.write_text("name = = 3"),
    "run.json a fifo": lambda run: (run.info_path.unlink(), os.mkfifo(run.info_path)),
    "state.json a folder": lambda run: (run.state_path.unlink(), run.state_path.mkdir()),
    "run.json a link": lambda run: (run.info_path.unlink(), run.info_path.symlink_to("/dev/zero")),
    "log a fifo": lambda run: os.mkfifo(run.events_path(2)),
    "log a folder": lambda run: run.events_path(2).mkdir(),
    "log a link": lambda run: run.events_path(2).symlink_to("/dev/zero"),
    "log of garbage": lambda run: run.events_path(2).write_bytes(os.urandom(3 << 20)),
    "log of one endless line": lambda run: run.events_path(2).write_bytes(b"x" * (5 << 20)),
    "all gone": lambda run: [shutil.rmtree(p) if p.is_dir() else p.unlink() for p in run.path.iterdir()],
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_run_is_a_row_with_a_reason_and_harms_no_other(index, make_run, how):
    good, bad = make_run(name="good"), make_run(name="bad")
    for run in (good, bad):
        Log(run).start().metrics(range(1, 50), loss=float)
    BROKEN[how](bad)
    index.refresh()
    rows = {row.id: row for row in index.runs()}
    assert rows[good.id].step == 49 and rows[good.id].status == "done" and rows[good.id].reason == ""
    row = rows[bad.id]
    assert row.status in ("done", "lost", "running", "interrupted")
    if "log" not in how and how != "run.json of wrong types" and "state.json of wrong" not in how:
        assert row.reason and row.reason.isprintable()
    else:
        assert row.reason.isprintable()
    index.leaderboard()
    Index(index.home).rebuild()
    assert len(index.runs()) == 2


HOSTILE_EVENTS = [
    {"kind": "metrics"},
    {"kind": "metrics", "step": -1, "images": 0, "t": 1.0, "mono": 1.0, "values": {"loss": 1.0}},
    {"kind": "metrics", "step": 10**40, "images": 0, "t": 1.0, "mono": 1.0, "values": {"loss": 1.0}},
    {"kind": "metrics", "step": True, "images": 0, "t": 1.0, "mono": 1.0, "values": {"loss": 1.0}},
    {"kind": "metrics", "step": 1.5, "images": 0, "t": 1.0, "mono": 1.0, "values": {"loss": 1.0}},
    {"kind": "metrics", "step": 1, "images": 0, "t": float("nan"), "mono": 1.0, "values": {"loss": 1.0}},
    {"kind": "metrics", "step": 1, "images": 0, "t": 1.0, "mono": 1.0, "values": [1, 2]},
    {"kind": "metrics", "step": 1, "images": 0, "t": 1.0, "mono": 1.0, "values": {"@seconds": 1.0, "": 2.0}},
    {"kind": "metrics", "step": 1, "images": 0, "t": 1.0, "mono": 1.0, "values": {"a\x1b[2J": 1.0, "b": "x"}},
    {"kind": "metrics", "step": 1, "images": 0, "t": 1.0, "mono": 1.0, "values": {"\ud800": 1.0}},
    {"kind": "metrics", "step": 1, "images": 0, "t": 1.0, "mono": 1.0, "values": {"big": 10**400}},
    {"kind": "sample", "step": 1, "images": 0, "t": 1.0, "mono": 1.0, "path": "../../etc/passwd"},
    {"kind": "sample", "step": 1, "images": 0, "t": 1.0, "mono": 1.0, "path": "/etc/passwd"},
    {"kind": "figure", "step": 1, "images": 0, "t": 1.0, "mono": 1.0, "path": 3, "name": {}},
    {"kind": "checkpoint", "step": 1, "images": 0, "t": 1.0, "mono": 1.0, "which": None, "path": "x"},
    {"kind": "evaluation", "step": 1, "images": 0, "t": 1.0, "mono": 1.0, "metric": "fid", "value": "good"},
    {"kind": "evaluation", "step": 1, "images": 0, "t": 1.0, "mono": 1.0, "metric": "fid", "value": 10**400},
    {"kind": "status", "step": 1, "images": 0, "t": 1.0, "mono": 1.0, "status": ["done"]},
    {"kind": "rm -rf", "step": 1, "images": 0, "t": 1.0, "mono": 1.0},
    {"kind": ["metrics"], "step": 1, "images": 0, "t": 1.0, "mono": 1.0},
    {"kind": "__init__", "step": 1, "images": 0, "t": 1.0, "mono": 1.0},
]


def test_records_that_make_no_sense_are_counted_and_do_no_harm(index, make_run):
    from engine.runs.events import encode

    run = make_run()
    log = Log(run).start().metrics(range(1, 5), loss=float)
    for event in HOSTILE_EVENTS:
        log.append(encode(event))
    log.metrics([5], loss=float)
    index.refresh()
    row = index.run(run.id)
    assert row.corrupt == len(HOSTILE_EVENTS) and row.step == 5 and row.metrics["loss"] == 5.0
    assert index.samples(run.id) == index.evaluations(run.id) == []
    assert index.metric_keys(run.id) == ["loss"]


def test_texts_from_runs_are_stripped_of_control_and_bidi_characters(index, make_run):
    run = make_run(name="a\x1b[31mb\u202ec\nd", title="t\x07")
    log = Log(run).start()
    log.add("alert", 1, severity="\x1b", name="n\u2066", sentence="s\x9b1m", cause="\ud800", remedy="a\tb")
    index.refresh()
    row, alert = index.run(run.id), index.alerts(run.id)[0]
    for text in (row.name, row.title, alert.severity, alert.name, alert.sentence, alert.cause, alert.remedy):
        assert text.isprintable(), repr(text)
    assert row.name == "abc d"


def test_a_trainer_that_invents_names_without_end_is_not_followed(index, make_run):
    run = make_run()
    log = Log(run).start()
    for first in range(0, 5000, 500):
        values = {f"metric{n}": 1.0 for n in range(first, first + 500)}
        log.append(log.line("metrics", first + 1, values=values))
    index.refresh()
    assert len(index.metric_keys(run.id)) == 1000


def test_only_one_protocol_is_ranked_together_and_published_figures_stand_beside(index, make_run):
    reference = {"metric": "fid", "value": 102.0, "protocol": "as published", "source": "a report"}
    runs = [make_run(recipe=f"r{n}", dataset="toy", reference=reference, seed=n) for n in range(3)]
    Log(runs[0]).start().score(10, 9.0).score(20, 7.0).score(
        20, 0.6, metric="label_accuracy", lower_is_better=False
    )
    Log(runs[1]).start().score(10, 8.0).score(20, 0.9, metric="label_accuracy", lower_is_better=False)
    Log(runs[2]).start().score(10, 1.0, protocol="p2")
    index.refresh()
    board = index.leaderboard("toy")
    ranked = {(r.metric, r.protocol_id): [] for r in board if r.rank}
    for row in board:
        if row.rank:
            ranked[row.metric, row.protocol_id].append((row.rank, row.run, row.value))
    assert ranked["fid", "p1"] == [(1, runs[0].id, 7.0), (2, runs[1].id, 8.0)]
    assert ranked["fid", "p2"] == [(1, runs[2].id, 1.0)]
    assert ranked["label_accuracy", "p1"] == [(1, runs[1].id, 0.9), (2, runs[0].id, 0.6)]
    published = [(r.recipe, r.value, r.rank, r.run, r.source) for r in board if r.run is None]
    assert published == [(f"r{n}", 102.0, None, None, "a report") for n in range(3)]
    best = next(r for r in board if r.run == runs[0].id and r.metric == "fid")
    assert (best.step, best.seed, best.samples, best.reference, best.floor) == (20, 0, 500, 102.0, 1.0)
    sets = [row.dataset for row in index.leaderboard()]
    assert set(sets) > {"toy"}, "with what shipped recipes say was published"
    assert set(sets[: len(board)]) == {"toy"}, "and what one has scored oneself comes first"


def test_a_reference_stands_beside_its_own_metric_only_and_higher_may_be_better(index, make_run):
    reference = {"metric": "target_accuracy", "value": 0.4943, "source": "a report"}
    runs = [make_run(recipe="dann", dataset="pair", reference=reference) for _ in range(2)]
    accuracy = {"metric": "target_accuracy", "lower_is_better": False, "floor": None}
    Log(runs[0]).start().score(10, 0.3, **accuracy).score(20, 0.2, **accuracy).score(20, 5.0)
    Log(runs[1]).start().score(10, 0.4, **accuracy).score(20, 0.9, metric="ssim", lower_is_better=False)
    index.refresh()
    board = index.leaderboard("pair")
    ranked = [(r.rank, r.run, r.value, r.reference) for r in board if r.metric == "target_accuracy" and r.run]
    assert ranked == [(1, runs[1].id, 0.4, 0.4943), (2, runs[0].id, 0.3, 0.4943)]
    assert {r.metric: r.reference for r in board if r.run and r.metric != "target_accuracy"} == {
        "fid": None,
        "ssim": None,
    }
    (published,) = [r for r in board if r.run is None]
    assert (published.metric, published.value, published.lower_is_better) == ("target_accuracy", 0.4943, False)


def test_a_figure_of_a_recipe_that_was_added_stands_on_the_board_at_once(index, tmp_path, monkeypatch):
    monkeypatch.setenv("GENTUI_CONFIG", str(tmp_path))
    before = {row.recipe for row in index.leaderboard()}
    (tmp_path / "recipes").mkdir()
    text = load("digits-unet").to_toml().replace("digits-unet", "mine")
    figure = '[reference]\nmetric = "fid"\nvalue = 3.0\nprotocol = "a protocol"\nsource = "a paper"\n'
    (tmp_path / "recipes" / "mine.toml").write_text(text + figure)
    assert {row.recipe for row in index.leaderboard()} == before | {"mine"}
    (tmp_path / "recipes" / "mine.toml").unlink()
    assert {row.recipe for row in index.leaderboard()} == before


def test_a_stand_in_is_never_compared_with_a_published_figure(index, make_run):
    reference = {"metric": "fid", "value": 102.0, "source": "a report"}
    run = make_run(recipe="x", dataset="digits", stand_in_for="fashion-mnist", quick=True, reference=reference)
    Log(run).start().score(10, 9.0)
    index.refresh()
    (row,) = index.leaderboard("digits")
    assert (row.run, row.reference, row.quick) == (run.id, None, True)


def test_a_thousand_unchanged_runs_cost_a_refresh_two_looks_each(index, make_run, monkeypatch):
    for _ in range(50):
        Log(make_run()).start().metrics(range(1, 3), loss=float)
    time.sleep(0.06)
    index.refresh()
    monkeypatch.setattr(RunDir, "read_state", lambda self: pytest.fail("read a state"))
    monkeypatch.setattr("gentui.index.ingest.columns_of", lambda path: pytest.fail("read files"))
    monkeypatch.setattr("gentui.index.log_ingestor.read_events", lambda *a: pytest.fail("read a log"))
    assert not index.refresh()
    assert not Index(index.home).refresh()
    assert len(index.runs()) == 50


def test_an_index_may_be_asked_from_several_threads(index, make_run):
    from concurrent.futures import ThreadPoolExecutor

    run = make_run()
    log = Log(run).start()

    def ask(n: int) -> int:
        if n % 10 == 0:
            index.refresh()
        series = index.series(run.id, "loss")
        assert series.points <= 200
        return len(index.runs())

    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(ask, range(200))
        log.metrics(range(1, 201), loss=float)
        assert set(answers) <= {0, 1}
    index.refresh()
    assert index.series(run.id, "loss").points == 200
    assert dump(index.path)["runs"]


def test_an_empty_home_answers_everything_with_nothing(tmp_path: Path):
    index = Index(tmp_path)
    assert index.runs() == [] and index.leaderboard("digits") == [] and index.version() == 0
    assert index.samples("x") == [] and index.last_metrics("x") == {}
    assert not index.refresh()
    assert index.runs() == []


def adapted(log: Log, step: int, target: float, selection: float | None) -> None:
    """The scores of one step, one after the other, as the trainer of an adapted classifier writes them."""
    scores = [("target_accuracy", target), ("selection", selection), ("oracle_target_accuracy", target)]
    for i, (metric, value) in enumerate(scores):
        if value is not None:
            by = "selection" if metric == "target_accuracy" else ""
            log.score(
                step, value, metric=metric, selected_by=by, lower_is_better=False, t=1.7e9 + step + i / 10
            )


def test_a_score_that_another_metric_chooses_is_best_where_that_one_is(index, make_run):
    run = make_run(dataset="toy", recipe="r0")
    log = Log(run).start()
    for step, target, selection in ((10, 0.9, 0.3), (20, 0.6, 0.8), (30, 0.7, 0.5)):
        adapted(log, step, target, selection)
    index.refresh()
    chosen = {(e.metric, e.step, e.value) for e in index.evaluations(run.id) if e.best}
    assert chosen == {
        ("target_accuracy", 20, 0.6), ("selection", 20, 0.8), ("oracle_target_accuracy", 10, 0.9)
    }  # fmt: skip
    assert {e.selected_by for e in index.evaluations(run.id) if e.metric == "target_accuracy"} == {"selection"}
    best = index.run(run.id).best
    assert best is not None and (best.metric, best.value, best.step) == ("target_accuracy", 0.6, 20)
    assert best.selected_by == "selection"
    board = {r.metric: (r.value, r.step) for r in index.leaderboard("toy") if r.run}
    assert board["target_accuracy"] == (0.6, 20) and board["oracle_target_accuracy"] == (0.9, 10)


def test_what_is_chosen_is_chosen_again_as_the_log_grows(index, make_run):
    log = Log(make_run(dataset="toy", recipe="r0")).start()
    found = []
    for step, target, selection in ((10, 0.9, 0.3), (20, 0.6, 0.8), (30, 0.4, 0.9)):
        adapted(log, step, target, selection)
        index.refresh()
        found += [r.value for r in index.leaderboard("toy") if r.metric == "target_accuracy" and r.run]
    assert found == [0.9, 0.6, 0.4]


def test_a_step_that_was_not_judged_is_never_chosen(index, make_run):
    run = make_run(dataset="toy", recipe="r0")
    log = Log(run).start()
    adapted(log, 10, 0.9, None)
    adapted(log, 20, 0.5, 0.1)
    adapted(log, 30, 0.99, math.nan)
    index.refresh()
    best = index.run(run.id).best
    assert best is not None and (best.value, best.step) == (0.5, 20)


def test_a_setting_that_an_earlier_version_had_not_is_no_other_experiment():
    evaluate = {"metric": "fid", "samples": 100}
    before = configuration_of({"evaluate": evaluate})
    assert configuration_of({"evaluate": {**evaluate, "sampler": "", "steps": 0}}) == before
    assert configuration_of({"evaluate": {**evaluate, "sampler": "euler", "steps": 0}}) != before
