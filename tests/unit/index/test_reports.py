"""Selections and reports: which scores stand for a run, and which are ranked or summed up together."""

from __future__ import annotations

import math
from typing import Any

import pytest

from engine.runs.directory import State
from gentui.index import Index, LeaderboardRow
from gentui.runs import compare, filter_language
from tests.support.index import Log, dump, settle

RECIPE = 'name = "r"\n[data]\ndataset = "digits"\n[train]\nsteps = 9\nseed = {seed}\n'


def own(index: Index, metric: str = "fid") -> list[LeaderboardRow]:
    index.refresh()
    return [row for row in index.leaderboard("digits") if row.run and row.metric == metric]


def test_a_run_is_shown_by_its_report_and_not_by_what_selected_the_checkpoint(index, make_run):
    run = make_run()
    Log(run).start().selection(10, 9.0).selection(20, 2.6).selection(30, 4.0).report(20, 3.03, std=0.22)
    (row,) = own(index)
    assert (row.value, row.std, row.over, row.role, row.step) == (3.03, 0.22, "3 noises", "report", 20)
    assert (row.floor, row.floor_std, row.noise_seed, row.noises) == (0.46, 0.03, 0, 3)
    assert (row.precision, row.labels) == ("fp32", "as in the data")
    best = index.run(run.id).best
    assert best is not None
    assert (best.value, best.std, best.over, best.role, best.floor_std) == (
        3.03,
        0.22,
        "3 noises",
        "report",
        0.03,
    )
    assert [(e.value, e.role) for e in index.evaluations(run.id) if e.best] == [
        (2.6, "selection"),
        (3.03, "report"),
    ]


def test_a_run_without_a_report_is_shown_by_its_best_selection_and_says_so(index, make_run):
    run = make_run(State(status="stopped", attempt=1))
    Log(run).start().selection(10, 9.0).selection(20, 2.6)
    (row,) = own(index)
    assert (row.value, row.role, row.std, row.over, row.noises) == (2.6, "selection", None, "", 1)
    assert row.heading == "digits · fid (selection) · fid under 1 noise"
    best = index.run(run.id).best
    assert best is not None and (best.value, best.role) == (2.6, "selection")


def test_a_selection_is_never_ranked_with_a_report_even_of_one_noise(index, make_run):
    reported, selected = make_run(), make_run()
    Log(reported).start().selection(10, 2.6).report(10, 3.0, protocol="1 noise", std=None)
    Log(selected).start().selection(10, 2.0)
    ranks = {(row.run, row.role): row.rank for row in own(index)}
    assert ranks == {(reported.id, "report"): 1, (selected.id, "selection"): 1}


def test_the_newest_report_counts_and_the_others_stay(index, make_run):
    run = make_run()
    log = Log(run).start().selection(10, 2.6).report(10, 3.0, noise_seed=0).report(10, 3.4, noise_seed=5)
    assert [(row.value, row.noise_seed) for row in own(index)] == [(3.4, 5)]
    log.add("evaluation", 10, metric="fid", value=3.1, **{**reported_again(), "noise_seed": 0})
    assert [(row.value, row.noise_seed) for row in own(index)] == [(3.1, 0)]
    reports = {(e.value, e.noise_seed, e.best) for e in index.evaluations(run.id) if e.role == "report"}
    assert reports == {(3.4, 5, False), (3.1, 0, True)}, "the same noises anew replace what they gave before"


def reported_again() -> dict[str, Any]:
    """The fields of a report a minute after the others."""
    return {
        "role": "report", "protocol": "fid under 3 noises", "protocol_id": "3 noises", "protocol_detail": {},
        "lower_is_better": True, "std": 0.1, "over": "3 noises", "t": 1.7e9 + 1000,
    }  # fmt: skip


def test_a_report_of_another_checkpoint_does_not_take_the_place_of_that_of_the_selected_one(index, make_run):
    run = make_run()
    log = Log(run).start().selection(10, 2.6).selection(20, 2.9)
    log.report(20, 3.3, noise_seed=1)
    assert [row.step for row in own(index)] == [20], "better than none"
    best = index.run(run.id).best
    assert best is not None and (best.step, best.role) == (10, "selection")
    log.report(10, 3.0).report(20, 1.0, noise_seed=2)
    assert [(row.step, row.value) for row in own(index)] == [(10, 3.0)]
    best = index.run(run.id).best
    assert best is not None and (best.step, best.value) == (10, 3.0)


def test_the_selected_checkpoint_is_the_one_that_the_trainer_says_it_is(index, make_run):
    run = make_run()
    log = Log(run).start()
    for step, fid, ssim, best in ((10, 2.0, 0.5, True), (20, 3.0, 0.9, True), (30, 4.0, 0.8, False)):
        log.selection(step, fid)
        log.selection(step, ssim, metric="ssim", lower_is_better=False, best=best, t=1.7e9 + 100.5 + step)
    index.refresh()
    best = index.run(run.id).best
    assert best is not None and (best.metric, best.step, best.value) == ("fid", 20, 3.0), "what ssim selected"
    log.report(30, 4.1, t=1.7e9 + 200).report(20, 3.2, t=1.7e9 + 200).report(10, 2.2, t=1.7e9 + 201)
    assert [(row.step, row.value) for row in own(index)] == [(20, 3.2)]
    best = index.run(run.id).best
    assert best is not None and (best.step, best.value) == (20, 3.2)


def test_a_protocol_that_changes_while_a_run_trains_selects_anew(index, make_run):
    run = make_run()
    log = Log(run).start().selection(10, 2.0, best=True).selection(20, 2.5)
    log.selection(30, 9.0, best=True, protocol="1 noise, fewer images").selection(
        40, 9.5, protocol="1 noise, fewer images"
    )
    log.report(30, 9.2, protocol="3 noises, fewer images", t=1.7e9 + 200)
    index.refresh()
    best = index.run(run.id).best
    assert best is not None and (best.step, best.value, best.role) == (30, 9.2, "report")


def test_a_runs_best_keeps_the_protocol_it_was_first_reported_under(index, make_run):
    run = make_run()
    Log(run).start().selection(10, 2.6).report(10, 3.0).report(10, 1.0, protocol="more images")
    assert sorted(row.value for row in own(index)) == [1.0, 3.0]
    best = index.run(run.id).best
    assert best is not None and best.value == 3.0


def test_old_scores_stay_under_their_old_protocol(index, make_run):
    old, new = make_run(), make_run()
    Log(old).start().score(10, 2.0).score(20, 1.0).report(20, 3.5)
    Log(new).start().selection(10, 2.6).report(10, 3.0)
    rows = [(row.rank, row.run, row.value, row.role, row.protocol_id) for row in own(index)]
    assert rows == [
        (1, new.id, 3.0, "report", "3 noises"), (2, old.id, 3.5, "report", "3 noises"), (1, old.id, 1.0, "", "p1")
    ]  # fmt: skip


def test_what_an_old_score_is_over_is_read_from_its_parameters(index, make_run):
    detail = {"how": "100 subsets of 500"}
    Log(make_run()).start().score(10, 0.02, metric="kid", std=0.001, protocol_detail=detail)
    Log(make_run()).start().score(10, 3.0, protocol_detail={"how": "by hand"})
    assert [(row.std, row.over) for row in own(index, "kid")] == [(0.001, "100 subsets of 500")]
    assert [(row.std, row.over) for row in own(index)] == [(None, "")], "nothing is invented"


def seeds(make_run, precisions: str) -> None:
    """Finished runs that differ in their seed, and in their precision as named."""
    for seed, precision in enumerate(precisions.split()):
        run = make_run(seed=seed)
        run.recipe_path.write_text(RECIPE.format(seed=seed))
        log = Log(run)
        log.add("status", 0, status="started", total_steps=9, precision=precision)
        log.score(9, float(seed))


def test_seeds_of_old_scores_do_not_mix_precisions_that_their_protocol_does_not_tell(index, make_run):
    seeds(make_run, "fp32 fp32 bf16 bf16 fp32")
    found = {row.seed: (row.precision, row.seeds, row.mean) for row in own(index)}
    fp32, bf16 = ("fp32", 3, pytest.approx(5 / 3)), ("bf16", 2, 2.5)
    assert found == {0: fp32, 1: fp32, 2: bf16, 3: bf16, 4: fp32}
    assert {row.sd_over for row in own(index)} == {"3 training seeds", "2 training seeds"}


@pytest.mark.parametrize(
    ("noise_seeds", "says"),
    [
        ((0, 0, 0), "3 training seeds, each the mean over 3 noises, the same for all"),
        ((0, 1, 2), "3 training seeds, each the mean over 3 noises, not the same for all"),
        ((None, None, None), "3 training seeds, each the mean over 3 noises"),
    ],
)
def test_a_standard_deviation_over_seeds_says_what_it_contains(index, make_run, noise_seeds, says):
    for seed, noise_seed in enumerate(noise_seeds):
        run = make_run(seed=seed)
        run.recipe_path.write_text(RECIPE.format(seed=seed))
        Log(run).start().selection(9, 2.0).report(9, 3.0 + seed, noise_seed=noise_seed)
    assert {(row.seeds, row.mean, row.sd, row.sd_over) for row in own(index)} == {(3, 4.0, 1.0, says)}


def test_the_curve_of_a_score_is_drawn_from_selections_alone(index, make_run):
    run, only = make_run(), make_run()
    Log(run).start().selection(10, 9.0).selection(20, 2.6).report(20, 3.0).report(20, 3.1, noise_seed=1)
    Log(only).start().report(20, 3.0).report(20, 3.1, noise_seed=1)
    index.refresh()
    assert index.score_series(run.id, "fid").mean.tolist() == [9.0, 2.6]
    assert index.score_series(only.id, "fid").mean.tolist() == [3.1]


def test_a_report_costs_time_beside_the_selection_of_its_step(index, make_run):
    run = make_run()
    Log(run).start().metrics(range(1, 50), loss=float).selection(20, 2.0, seconds=4.0).report(
        20, 3.0, seconds=9.0
    )
    index.refresh()
    assert index.run(run.id).evaluation_seconds == 13.0


def test_runs_are_filtered_by_what_was_reported(index, make_run):
    Log(make_run()).start().selection(20, 2.0).report(20, 3.0)
    index.refresh()
    (row,) = index.runs()
    keys = filter_language.FilterKeys.of([row])
    assert row.scores == {"fid": 3.0}
    assert not filter_language.parse("fid<2.5", keys).matches(row)


def test_compared_are_the_reports_and_the_selections_of_a_run_that_has_no_report(index, make_run):
    one, two, running = make_run(), make_run(), make_run(State(status="stopped", attempt=1))
    Log(one).start().selection(10, 2.0).report(10, 3.0)
    Log(two).start().selection(10, 2.5).report(10, 3.5)
    Log(running).start().selection(10, 2.2)
    index.refresh()

    def values(*runs: Any) -> dict[str, list[float | None]]:
        best = [compare.best_scores(index, index.run(run.id)) for run in runs]
        return {key: [of and of.value for of in row] for key, row in compare.comparable(best).items()}

    reports = {"fid (fid under 3 noises)": [3.0, 3.5]}
    assert values(one, two) == reports
    assert values(one, two, running) == {
        "fid (fid under 3 noises)": [3.0, 3.5, None], "fid (fid under 1 noise), selection": [2.0, 2.5, 2.2]
    }  # fmt: skip


HOSTILE = {
    "role": ["a", 3, None, "best", "report\x1b"],
    "over": [7, "3\x1b[31m noises\u202e", "x" * 1000, None],
    "noise_seed": [-1, 1.5, True, "7", 10**40, math.nan],
    "floor_std": ["a", math.inf, math.nan, True],
    "protocol_detail": [{"labels": 3, "noises": "three", "precision": ["a\x1b"]}, [], None],
}


@pytest.mark.parametrize("field", HOSTILE)
def test_fields_that_make_no_sense_are_left_out(index, make_run, field):
    run = make_run()
    log = Log(run).start()
    for step, value in enumerate(HOSTILE[field], 1):
        log.report(step, 3.0, **{field: value})
    rows = own(index)
    assert rows and index.run(run.id).corrupt == 0
    for score in (*rows, *index.evaluations(run.id)):
        texts = (score.role, score.over, *(() if score in rows else score.conditions[:2]))
        assert all(text.isprintable() and len(text) < 200 for text in texts)
        assert score.noise_seed in (None, 0) and score.floor_std in (None, 0.03)


def test_a_rebuilt_index_is_the_same(index, make_run):
    run = make_run()
    log = Log(run).start()
    for step in (10, 20, 30):
        log.selection(step, 40.0 - step).report(step, 41.0 - step)
        index.refresh()
    settle()
    index.refresh()
    live = dump(index.path)
    index.rebuild()
    assert dump(index.path) == live
