"""Two thousand random keys and resizes over a run that trains on: nothing may crash, nothing may hang.

``GENTUI_FUZZ_SEED`` repeats a sequence; the seed is printed with every failure.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

from textual import events
from textual.geometry import Size
from textual.keys import _character_to_key

from gentui.config import key_table
from gentui.tui.screens.confirm import ConfirmScreen
from gentui.tui.screens.export import ExportScreen
from gentui.tui.screens.home import HomeScreen
from gentui.tui.screens.runs import RunsScreen
from gentui.tui.textual_private.core import has_queued_messages
from gentui.tui.workbench import GentuiApp
from tests.support.features import drawn
from tests.support.textual_private import driver, resize_terminal

SUPPORT = Path(__file__).parents[2] / "support"
PRESSES = 2000
SIZES = ((40, 12), (40, 12), (40, 12), (80, 24), (120, 40), (200, 60), (60, 15), (20, 6), (160, 45), (81, 23))
LEAVES = {"q", "ctrl+q", "ctrl+c"}
"""Keys that would end the app."""


def strokes() -> list[str]:
    """Every key of the table, those of lists and fields, and what a person may type."""
    known = {stroke for key in key_table.TABLE for stroke in key.keys.split(",")}
    moves = [
        "up",
        "down",
        "left",
        "right",
        "pageup",
        "pagedown",
        "home",
        "end",
        "tab",
        "enter",
        "escape",
        "backspace",
    ]
    return sorted((known | set("abz019.-><=:'é漢") | {"space"}) - LEAVES) + moves * 2


class Trainer(threading.Thread):
    """Writes events of a run as a trainer would, until told to end."""

    def __init__(self, runs: Any, run: Any):
        super().__init__(daemon=True)
        self._runs, self._run, self._ended, self.steps = runs, run, threading.Event(), 40

    def run(self) -> None:
        while not self._ended.wait(0.2):
            with contextlib.suppress(OSError):
                is_odd = self.steps % 3 == 0
                spikes = (self.steps + 2,) if is_odd else ()
                samples = 1 if self.steps % 40 == 0 else 0
                self._runs.extend(
                    self._run,
                    self.steps,
                    self.steps + 5,
                    10**6,
                    spikes=spikes,
                    samples=samples,
                    alerts=int(is_odd),
                )
                self.steps += 5

    def end(self) -> None:
        self._ended.set()
        self.join()


async def send(app: GentuiApp, event: events.Event) -> None:
    event.set_sender(app)
    driver(app).send_message(event)


async def press(app: GentuiApp, stroke: str) -> None:
    single = len(stroke) == 1
    name = _character_to_key(stroke) if single and not stroke.isalnum() else stroke
    await send(app, events.Key(name, stroke if single else None))


async def settle(app: GentuiApp, seconds: float) -> bool:
    """Wait until the app has taken the keys, or for so long; whether it has."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        await asyncio.sleep(0.005)
        if not has_queued_messages(app):
            return True
    return False


async def goes_home(app: GentuiApp) -> bool:
    """Whether keys still lead from wherever this is to the list of runs and back home."""
    for place in (RunsScreen, HomeScreen):
        deadline = time.monotonic() + 60
        while not isinstance(app.screen, place):
            if time.monotonic() > deadline:
                return False
            is_below = len(app.screen_stack) == 1
            there = "2" if place is RunsScreen else "1"
            for key in ("y",) if isinstance(app.screen, ConfirmScreen) else ("escape", there)[: 1 + is_below]:
                await press(app, key)
                await settle(app, 5)
                await asyncio.sleep(0.05)
    return True


async def test_random_keys_and_resizes_over_a_live_run_crash_nothing(
    home: Path, runs, quick_sampler, monkeypatch
):
    seed = int(os.environ.get("GENTUI_FUZZ_SEED") or random.SystemRandom().randrange(10**6))
    print(f"GENTUI_FUZZ_SEED={seed}")
    rng = random.Random(seed)
    for run in (runs.make(name="done", samples=3, alerts=2), runs.make("toonfaces-acgan", name="attributes")):
        (run.checkpoints / "last").mkdir(parents=True)
    drawn(runs, [[9, 1], [0, 8]])
    runs.make(name="failed [/] \x1b]52;c;aGk=\x07", status="failed", reason="out of memory", steps=20)
    runs.make(recipe="digits-vae", name="bidi \u202e", status="stopped", steps=150)
    live = runs.live(40, total=10**6, name="live")
    (live.checkpoints / "last").mkdir(parents=True)
    quits = []

    async def quit_(self: GentuiApp) -> None:
        quits.append(1)

    monkeypatch.setattr(GentuiApp, "action_quit", quit_)
    monkeypatch.setattr(
        GentuiApp, "launch", lambda *a, **k: quits.append(1)
    )  # forms are left, nothing is started
    evaluator = [sys.executable, "-P", str(SUPPORT / "fake_evaluator.py")]
    monkeypatch.setenv("GENTUI_EVALUATOR", json.dumps(evaluator))
    monkeypatch.setattr(ExportScreen, "path", home / "table.csv")  # whatever is typed, nothing else is written
    app = GentuiApp(home, "half")
    trainer = Trainer(runs, live)
    trainer.start()
    pressed: list[str] = []
    every = strokes()
    try:
        async with app.run_test(size=(80, 24), notifications=True):
            while not app._is_up:
                await asyncio.sleep(0.01)
            app.open_run(live.id)
            await settle(app, 2)
            for number in range(PRESSES):
                if rng.random() < 0.04:
                    for _ in range(rng.choice((1, 1, 1, 8))):  # a window's edge is dragged
                        size = Size(*rng.choice(SIZES))
                        resize_terminal(app, size)
                        await send(app, events.Resize(size, size))
                        pressed.append(f"{size.width}x{size.height}")
                else:
                    pressed.append(rng.choice(every))
                    await press(app, pressed[-1])
                is_due = number % 50 == 0
                has_taken = await settle(app, 60 if is_due else 0.02)
                assert has_taken or not is_due, (seed, "nothing moves any more", pressed[-60:])
                assert app.is_running and not app.crashes, (seed, app.crashes, pressed[-30:])
                if number % 100 == 0:  # what is drawn is drawn
                    await asyncio.sleep(0.05)
                    assert app.screen.size.width > 0
            assert await goes_home(app), (seed, app.screen_stack, pressed[-30:])
            await asyncio.sleep(0.5)
            assert not app.crashes, (seed, app.crashes, pressed[-30:])
            assert trainer.steps > 40
    finally:
        trainer.end()
        print(told(home))


def told(home: Path) -> str:
    with contextlib.suppress(OSError):
        return (home / "crash.log").read_text()[-3000:]
    return ""
