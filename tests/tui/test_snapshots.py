"""What some screens look like, as text and a hash of the styles, at three sizes and in three colourings.

Renew after a change that is meant, and read the difference:
``GENTUI_SNAPSHOTS=renew pytest tests/tui/test_snapshots.py``.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gentui import machine, preferences
from gentui.tui.widgets.table import Table

FOLDER = Path(__file__).parent / "snapshots"
SIZES = ((80, 24), (120, 40), (200, 60))
COLOURS = ("dark", "light", "nocolor")
_MOVING = (
    (re.compile(r"\d{8}-\d{6}-\w+"), "ID"),
    (re.compile(r"\d{1,2} [A-Z][a-z]{2} \d\d:\d\d"), "WHEN"),
)
GPU = machine.Gpu(
    0, "NVIDIA H100", 0.45, (12 << 30, 80 << 30), 61, 302.4, 700.0, (machine.GpuProcess(7, "", 3 << 30),)
)  # fmt: skip
MACHINE = machine.Machine(
    (GPU,), "", 0.5, 2, 1.5, (6 << 30, 24 << 30), (240 << 30, 250 << 30), {"cpu": ()}
)  # fmt: skip


def still(text: str) -> str:
    """Ids and times made the same every time, in as many cells."""
    for pattern, word in _MOVING:
        text = pattern.sub(lambda found, word=word: word.ljust(len(found[0]), "."), text)
    return "\n".join(line.rstrip() for line in text.splitlines())


def snapshot(app: Any) -> str:
    """The screen's text, and a hash of every style with its place."""
    strips = app.screen._compositor.render_strips()
    text = still("\n".join("".join(segment.text for segment in strip) for strip in strips))
    styles, at = hashlib.sha256(), 0
    for strip in strips:
        for segment in strip.simplify():
            styles.update(f"{at} {segment.style}".encode())
            at += segment.cell_length
    return f"{text}\n--- styles {styles.hexdigest()[:16]}\n"


async def compared(d: Any, runs: Any, tab: str = "e") -> None:
    runs.make(name="one", fid=14.2)
    runs.make(name="two", fid=10.2, quick=True, seed=2)
    dialog = await d.opens("ChooseScreen", "C")
    await d.until(lambda: len(dialog.query_one(Table).rows) == 2)
    await d.press("down", "space", "up", "space")
    await d.opens("CompareScreen", "enter")
    await d.sees("A one", "B two")
    await d.press(tab)


async def settings(d: Any, runs: Any) -> None:
    await compared(d, runs, "o")
    await d.sees("steps")


async def the_machine(d: Any, runs: Any) -> None:
    await d.opens("MachineScreen", "5")
    await d.sees("NVIDIA H100", "idle")


async def copying(d: Any, runs: Any) -> None:
    from gentui.tui.screens.copy import CopyScreen

    await d.opens("LeaderboardScreen", "3")
    d.app.push_screen(
        CopyScreen({"id": "an id", "command": "gentui run digits-unet", "path": "/home/me/runs/an id"})
    )
    await d.on("CopyScreen")


async def touring(d: Any, runs: Any) -> None:
    await d.opens("LeaderboardScreen", "3")
    await d.opens("TourScreen", "f12")


SCREENS: dict[str, Callable[[Any, Any], Any]] = {
    "compare-settings": settings, "machine": the_machine, "copy": copying, "tour": touring,
}  # fmt: skip


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
@pytest.mark.parametrize("name", SCREENS)
async def test_a_screen_looks_as_it_did(desk, runs, monkeypatch, name: str, size: tuple[int, int], colour: str):
    monkeypatch.setattr("gentui.tui.screens.machine.look", lambda home: MACHINE)
    if colour == "nocolor":
        monkeypatch.setenv("NO_COLOR", "1")
    preferences.remember(theme="gentui-light" if colour == "light" else "gentui")
    path = FOLDER / f"{name}-{size[0]}x{size[1]}-{colour}.txt"
    async with desk(size) as d:
        await SCREENS[name](d, runs)
        seen = [""]

        def is_still() -> bool:
            seen.append(snapshot(d.app))
            return len(seen) > 3 and seen[-1] == seen[-2] == seen[-3]

        await d.until(is_still)
        if os.environ.get("GENTUI_SNAPSHOTS") == "renew":
            FOLDER.mkdir(exist_ok=True)
            path.write_text(seen[-1])
        wanted = path.read_text()
        if seen[-1] != wanted:  # a slow machine may still be drawing
            await d.until(lambda: snapshot(d.app) == wanted, seconds=5)
