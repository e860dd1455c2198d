"""The filter language: what matches, and that every mistake is told in a sentence."""

from __future__ import annotations

import time

import pytest

from gentui.index import RunRow
from gentui.runs import filter_language

RUNS = {
    run.id: run
    for run in (
        RunRow(
            "a", name="wide one", recipe="fashion-unet", family="diffusion", dataset="fashion-mnist", status="running",
            step=50, steps=100, seconds=400.0, seed=0, metrics={"loss": 0.2, "fid": 70.0}, scores={"fid": 55.0},
            tags=["keep", "Sweep-1"], settings={"optim.lr": 1e-3, "optim.name": "adam", "model.channels": [16, 32],
            "schedule.warmup": 5, "train.ema": True, "schedule.name": "constant"},
        ),
        RunRow(
            "b", recipe="digits-unet", family="diffusion", dataset="digits", status="done", step=100, seconds=20.0,
            alerts=2, alarms=[("error", "non-finite"), ("warning", "slow")], metrics={"loss": float("nan")},
            scores={"fid": 60.0}, settings={"optim.lr": 1e-4, "optim.name": "sgd", "train.ema": False},
            notes="forgot the warm-up", seed=7, quick=True,
        ),
        RunRow("c", recipe="photos-dcgan", family="gan", dataset="photos", status="failed", reason="out of memory"),
    )
}  # fmt: skip
KNOWN = filter_language.FilterKeys.of(RUNS.values())


def found(text: str) -> str:
    """The ids of the runs that match, and no mistake."""
    query = filter_language.parse(text, KNOWN)
    assert query.mistakes == (), text
    return "".join(run.id for run in RUNS.values() if query.matches(run))


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", "abc"), ("fashion", "a"), ("FASHION unet", "a"), ("unet", "ab"), ("-unet", "c"), ("nothing", ""),
        ('"wide one"', "a"), ('-"wide one"', "bc"), ("status:running", "a"), ("status:run", "a"),
        ("status:running,done", "ab"), ("-status:done", "ac"), ("status!=done", "ac"), ("optim.lr>=1e-3", "a"),
        ("optim.lr=0.0001", "b"), ("lr<1e-3", "b"), ("fid<60", "a"), ("fid<=60", "ab"), ("-fid<60", "bc"),
        ("tag:keep", "a"), ("tag=kee", ""), ("tag:sweep", "a"), ("-tag:keep", "bc"), ("tags:keep,other", "a"),
        ("step>=50", "ab"), ("seconds>5m", "a"), ("time<1m", "bc"), ("seconds>400", ""), ("data:digits", "b"),
        ("family:gan", "c"), ("alarms>0", "b"), ("alarms:slow", "b"), ("alarms:error", "b"), ("alarms:0", "ac"),
        ("loss<1", "a"), ("loss>=0", "a"), ("optim.name:ad", "a"), ("optim.name=ad", ""), ("train.ema:true", "a"),
        ("ema:no", "b"), ("channels:16", "a"), ("warmup>3", "a"), ("seed:7", "b"), ("note:warm-up", "b"),
        ("reason:memory", "c"), ("quick:yes", "b"), ("fashion status:running optim.lr>=1e-3 fid<60 -tag:x", "a"),
        ('name:"wide one"', "a"), ("-", "abc"), ('"', "abc"),
    ],
)  # fmt: skip
def test_what_matches(text, ids):
    assert found(text) == ids


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("optim.lrr>=1", "no run has a setting or score called 'optim.lrr'; did you mean optim.lr?"),
        ("stauts:done", "no run has a setting or score called 'stauts'; did you mean status?"),
        ("optim.lr>=", "optim.lr>= wants a value after it"),
        ("status:", "status: wants a value after it"),
        ("fid<many", "fid is a number, and 'many' is none"),
        ("step:many", "step is a number, and 'many' is none"),
        ("seconds>2w", "seconds is a number (or a time, as 90s, 5m, 2h), and '2w' is none"),
        ("optim.name>3", "optim.name is a text and cannot be compared: write optim.name:3"),
        ("name=x schedule:x", "no run has a setting or score called 'schedule'"),
        ("warmup<x", "warmup is a number, and 'x' is none"),
        (
            "status:begun",
            "no status is called 'begun': they are queued, running, stalled, done, stopped, failed,",
        ),
    ],
)
def test_a_mistake_is_a_sentence(text, sentence):
    assert filter_language.parse(text, KNOWN).mistake.startswith(sentence)


def test_a_key_of_two_tables_is_not_guessed():
    assert filter_language.parse(
        "lr:1", filter_language.FilterKeys.of([RunRow("x", settings={"optim.lr": 1, "other.lr": 2})])
    ).mistake == ("lr may mean optim.lr or other.lr")


def test_the_terms_without_a_mistake_still_hold():
    query = filter_language.parse("unet nonsense>3", KNOWN)
    assert query.mistake and [run.id for run in RUNS.values() if query.matches(run)] == ["a", "b"]


def test_a_thousand_runs_are_filtered_between_two_key_strokes():
    settings = [{f"table.{i}": i * n for i in range(60)} for n in range(10)]
    runs = [RunRow(str(n), recipe="digits-unet", settings=settings[n % 10], tags=["x"]) for n in range(1000)]
    began = time.process_time()
    query = filter_language.parse("digits table.3>=6 -tag:y status:lost", filter_language.FilterKeys.of(runs))
    assert sum(query.matches(run) for run in runs) == 800
    assert time.process_time() - began < 0.2  # measured: 0.01


def test_keys_of_more_runs_are_added_to_those_known():
    first, second = list(RUNS.values())[:1], list(RUNS.values())[1:]
    assert filter_language.FilterKeys.of(first).and_of(second) == KNOWN
    assert KNOWN.and_of(first) is KNOWN


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("status:running | status:failed", "ac"),
        ("fashion OR gan", "ac"),
        ("diffusion optim.lr<5e-4 | photos -status:done", "bc"),
        ("gan | | ", "c"),
        ("|", "abc"),
        ("has:fid", "ab"),
        ("-has:fid", "c"),
        ("has:tag | has:note", "ab"),
        ("has:optim.lr,model.channels quick:true", "b"),
    ],
)
def test_one_of_several_filters_is_enough_and_a_run_may_have_a_value_at_all(text, ids):
    assert found(text) == ids


def test_what_no_run_has_is_a_mistake_there_too():
    assert "no run has a setting or score called 'moon'" in filter_language.parse("has:moon", KNOWN).mistake


def test_a_setting_wins_over_a_metric_of_its_name_and_last_is_the_metric():
    runs = [
        RunRow("a", settings={"optim.lr": 2e-3, "method.loss": "bce"}, metrics={"lr": 1e-5, "loss": 0.5}),
        RunRow("b", settings={"optim.lr": 5e-4, "method.loss": "hinge"}, metrics={"lr": 2e-6, "loss": 0.1}),
    ]
    known = filter_language.FilterKeys.of(runs)
    assert filter_language.key_of("lr", known) == "optim.lr"
    assert filter_language.key_of("loss", known) == "loss", "a setting that is no number hides no metric"

    def found(text: str) -> list[str]:
        return [run.id for run in runs if filter_language.parse(text, known).matches(run)]

    assert found("lr>1e-3") == ["a"] and found("last.lr<5e-6") == ["b"] and found("loss<0.2") == ["b"]
    assert sorted(runs, key=filter_language.sort_key("last.lr"))[0].id == "b"
    assert filter_language.parse("last.lrr>1", known).mistake
