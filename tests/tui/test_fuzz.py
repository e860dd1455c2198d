"""Two thousand random keys and resizes over a run that trains on: nothing may crash.

``GENTUI_FUZZ_SEED`` repeats a sequence; the seed is printed with every failure.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.geometry import Size
from textual.keys import _character_to_key

from gentui.tui import keys
from gentui.tui.screens.export import ExportScreen
from gentui.tui.workbench import GentuiApp

PRESSES = 2000
SIZES = ((40, 12), (80, 24), (120, 40), (200, 60), (60, 15), (20, 6), (160, 45), (81, 23))
LEAVES = {"q", "ctrl+q", "ctrl+c"}
"""Keys that would end the app; P and E start real trainers, which this is not about."""
STARTS = {"P", "E"}


def strokes() -> list[str]:
    """Every key of the table, those of lists and fields, and what a person may type."""
    known = {stroke for key in keys.TABLE for stroke in key.keys.split(",")}
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
    return sorted((known | set("abz019.-><=:'é漢") | {"space"}) - LEAVES - STARTS) + moves * 2


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
    assert app._driver is not None
    app._driver.send_message(event)


async def settle(app: GentuiApp, seconds: float) -> None:
    """Wait until the app has taken the keys, or for so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        await asyncio.sleep(0.005)
        if app._message_queue.empty():
            return


@pytest.mark.long
async def test_random_keys_and_resizes_over_a_live_run_crash_nothing(home: Path, runs, monkeypatch):
    seed = int(os.environ.get("GENTUI_FUZZ_SEED") or random.SystemRandom().randrange(10**6))
    print(f"GENTUI_FUZZ_SEED={seed}")
    rng = random.Random(seed)
    runs.make(name="done", samples=3, alerts=2)
    runs.make(name="failed [/] \x1b]52;c;aGk=\x07", status="failed", reason="out of memory", steps=20)
    runs.make(recipe="digits-vae", name="bidi \u202e", status="stopped", steps=150)
    live = runs.live(40, total=10**6, name="live")
    quits = []

    async def quit_(self: GentuiApp) -> None:
        quits.append(1)

    monkeypatch.setattr(GentuiApp, "action_quit", quit_)
    monkeypatch.setattr(
        GentuiApp, "launch", lambda *a, **k: quits.append(1)
    )  # forms are left, nothing is started
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
                if rng.random() < 0.03:
                    size = Size(*rng.choice(SIZES))
                    app._driver._size = size  # type: ignore[union-attr]
                    await send(app, events.Resize(size, size))
                    pressed.append(f"{size.width}x{size.height}")
                else:
                    stroke = rng.choice(every)
                    single = len(stroke) == 1
                    name = _character_to_key(stroke) if single and not stroke.isalnum() else stroke
                    await send(app, events.Key(name, stroke if single else None))
                    pressed.append(stroke)
                await settle(app, 5 if number % 50 == 0 else 0.02)
                assert app.is_running and not app.crashes, (seed, app.crashes, pressed[-30:], told(home))
                if number % 100 == 0:  # what is drawn is drawn
                    await asyncio.sleep(0.05)
                    assert app.screen.size.width > 0
            await asyncio.sleep(0.5)
            assert not app.crashes, (seed, app.crashes, pressed[-30:], told(home))
            assert trainer.steps > 40
    finally:
        trainer.end()


def told(home: Path) -> str:
    with contextlib.suppress(OSError):
        return (home / "crash.log").read_text()[-3000:]
    return ""
