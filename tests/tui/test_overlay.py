"""Runs laid over one another: their colours and markers, and the baseline."""

from __future__ import annotations

from gentui.tui.overlay import MOST, Overlay


def slots(overlay: Overlay, run: str) -> dict[str, int]:
    return {one.run: one.slot for one in overlay.of(run, run)}


def test_a_run_keeps_its_colour_wherever_it_is_drawn():
    overlay = Overlay()
    for run in "bcd":
        assert overlay.add(run, run)
    first = slots(overlay, "a")
    assert sorted(first.values()) == [0, 1, 2, 3]
    assert slots(overlay, "c") == {run: first[run] for run in "cbd"}, "also when it is the one looked at"
    overlay.remove("b")
    assert slots(overlay, "a") == {run: first[run] for run in "acd"}
    overlay.add("e", "e")
    assert slots(overlay, "a")["e"] not in first.values(), "and nobody gets it while there are others"
    overlay.add("b", "b")
    assert slots(overlay, "a")["b"] == first["b"]


def test_never_two_of_one_colour_however_many_runs_have_been_drawn():
    overlay = Overlay()
    for number in range(40):
        overlay.toggle(f"run {number % 17}", "")
        while len(overlay) > MOST - 2:
            overlay.remove(next(one.run for one in overlay.of("x", "x")[1:]))
        shown = slots(overlay, f"viewed {number % 3}")
        assert len(set(shown.values())) == len(shown) and set(shown.values()) <= set(range(MOST + 1))


def test_there_are_no_more_runs_than_colours():
    overlay = Overlay()
    assert all(overlay.add(str(number), "") for number in range(MOST))
    assert not overlay.add("one more", "") and not overlay.set_baseline("one more", "")
    assert overlay.add("3", "") and len(overlay) == MOST


def test_the_baseline_stays_when_the_others_go():
    overlay = Overlay()
    overlay.add("a", "a")
    overlay.set_baseline("b", "b")
    overlay.clear()
    assert [(one.run, one.is_baseline) for one in overlay.of("x", "x")] == [("x", False), ("b", True)]
    overlay.set_baseline("b", "b")
    assert overlay.baseline == "" and "b" in overlay
    overlay.set_baseline("b", "b")
    overlay.remove("b")
    assert overlay.baseline == ""
