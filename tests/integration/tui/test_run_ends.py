"""A run that ends while the app is open is told, in the app and in the terminal."""

from __future__ import annotations

import json
import os

from gentui.config import preferences
from tests.support.textual_private import notices


def end(runs, run) -> None:
    runs.event(run, "status", 100, status="done", reason="")
    run.write_state(run.read_state().with_(status="done", exit_code=0, ended_at=1e9))


async def test_a_run_that_ends_is_told_wherever_one_is(desk, runs):
    run = runs.live(100, 100, name="mine")
    async with desk() as d:
        await d.opens("MachineScreen", "5")
        await d.sees("1 running")
        end(runs, run)
        await d.until(lambda: any("mine is done after " in told.message for told in notices(d.app)))
        assert len(notices(d.app)) == 1
        await d.renewed()
        assert len(notices(d.app)) == 1, "once"


def test_the_terminal_hears_of_it_and_gets_its_title_back(terminal, runs):
    run = runs.live(100, 100, name="mine")
    preferences.path().write_text(json.dumps({"toured": True, "signal": "osc9"}))
    t = terminal()
    t.sees("● 1 running")
    t.until(lambda: b"\x1b]2;gentui: \xe2\x97\x8f 1 running\x07" in t.raw)
    assert b"\x1b[22;2t" in t.raw and b"\x1b]9;" not in t.raw
    end(runs, run)
    t.until(lambda: b"\x1b]9;mine is done after " in t.raw)
    assert b"\x1b]2;gentui: mine is done after " in t.raw
    t.press("q")
    assert os.waitstatus_to_exitcode(t.ended()) == 0
    assert b"\x1b[23;2t" in t.raw
