"""What tells runs apart."""

from __future__ import annotations

from gentui.index import RunRow
from gentui.runs.naming import names_that_differ


def run(id: str, recipe: str, **settings: object) -> RunRow:
    return RunRow(
        id, recipe=recipe, settings={key.replace("__", "."): value for key, value in settings.items()}
    )


def test_names_that_stand_alone_stay():
    runs = [run("1-a", "x", train__seed=0), run("1-b", "x", train__seed=1)]
    assert names_that_differ(runs, ["one", "two"]) == ["one", "two"]


def test_runs_of_one_name_are_told_by_as_little_as_tells_them():
    same = {"optim__lr": 0.1}
    runs = [
        run("1-a", "x", train__seed=0, model__noise="none", **same),
        run("1-b", "x", train__seed=1, model__noise="none", **same),
        run("1-c", "y", train__seed=0, model__noise="bn", **same),
        run("1-d", "z", train__seed=9, model__noise="bn", **same),
    ]
    names = names_that_differ(runs, ["mine", "mine", "mine", "other"])
    assert names == ["x seed=0 · mine", "x seed=1 · mine", "y seed=0 · mine", "other"]


def test_runs_that_differ_in_nothing_are_told_by_their_ids():
    runs = [run("20260101-000000-aaaaa", "x"), run("20260101-000000-bbbbb", "x")]
    assert names_that_differ(runs, ["x", "x"]) == ["aaaaa", "bbbbb"]


def test_what_all_recipes_begin_with_is_left_out():
    runs = [run("1-a", "fashion-resnet-noise"), run("1-b", "fashion-resnet-class"), run("1-c", "fashion-unet")]
    assert names_that_differ(runs, ["mine"] * 3) == ["…resnet-noise", "…resnet-class", "…unet"]
