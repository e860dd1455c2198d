"""Which runs have ended, and how that is told."""

from __future__ import annotations

import pytest

from gentui.index.rows import RunRow
from gentui.tui.endings import Watch, sentence, terminal_signal, title


def run(id: str, status: str, attempt: int = 1, **known) -> RunRow:
    return RunRow(id, recipe="digits-unet", status=status, attempt=attempt, **known)


def test_only_what_ended_since_the_last_look_has_ended():
    watch = Watch()
    assert (
        watch.ended([run("old", "done"), run("a", "running"), run("b", "queued", 0), run("c", "queued", 0)])
        == []
    )
    after = [
        run("old", "done"),
        run("a", "failed"),
        run("b", "stopped", 0),
        run("c", "done"),
        run("new", "done"),
    ]
    assert [one.id for one in watch.ended(after)] == ["a", "c"], "b left the queue; new was never seen at work"
    assert watch.ended(after) == []


def test_how_runs_ended_is_said_in_a_sentence():
    assert sentence([run("a", "done", seconds=279.0)]) == ("digits-unet is done after 4m 39s", "information")
    failed = run("a", "failed", step=60, reason="out of memory", name="mine")
    assert sentence([failed]) == ("mine failed at step 60: out of memory", "error")
    assert sentence([run("a", "stopped", step=60)]) == ("digits-unet was stopped at step 60", "information")
    assert sentence([failed, run("b", "done"), run("c", "done")]) == (
        "3 runs have ended: 2 done, 1 failed",
        "error",
    )


@pytest.mark.parametrize(
    ("kind", "environment", "written"),
    [
        ("bell", {}, "\a"), ("bell", {"TMUX": "x"}, "\a"), ("none", {}, ""),
        ("osc9", {}, "\x1b]9;a; b\a"), ("osc777", {}, "\x1b]777;notify;gentui;a, b\a"),
        ("osc9", {"TMUX": "x"}, "\x1bPtmux;\x1b\x1b]9;a; b\a\x1b\\"),
    ],
)  # fmt: skip
def test_the_terminal_is_told_as_it_is_preferred(kind, environment, written):
    assert terminal_signal(kind, "a; b", environment) == written


def test_no_name_of_a_run_ends_the_sequence():
    nasty = "x\x07\x1b]52;c;AAAA\x07\x1b\\y"
    for sequence in (terminal_signal("osc9", nasty, {}), terminal_signal("osc777", nasty, {}), title(nasty)):
        assert sequence.count("\a") == 1 and sequence.count("\x1b") == 1
