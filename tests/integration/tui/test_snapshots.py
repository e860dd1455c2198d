"""What every screen looks like, as text and a hash of the styles; some of them at three sizes and in three colourings.

Renew after a change that is meant, and read the difference:
``GENTUI_SNAPSHOTS=renew pytest tests/integration/tui/test_snapshots.py``. With ``GENTUI_SNAPSHOTS=fresh`` the app is
started anew for every size and colouring that is kept, which takes long and must show the same; scenes that keep
something of their start begin there.
"""

from __future__ import annotations

import difflib
import importlib
import os
import pkgutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.filter import NoColor
from textual.screen import ModalScreen, Screen

from gentui.config import preferences
from gentui.tui import screens
from gentui.tui.screens.compare import TABS as COMPARED
from gentui.tui.screens.run import TABS as PANES
from gentui.tui.widgets.viewer import Viewer
from tests.support.app import Desk, Look, look, text_of
from tests.support.runs import Runs
from tests.support.scenes import SCENES, hold_still

FOLDER = Path(__file__).parents[2] / "snapshots"
SIZES = ((80, 24), (120, 40), (200, 60))
COLOURS = ("dark", "light", "nocolor")
MODE = os.environ.get("GENTUI_SNAPSHOTS", "")
PATIENCE = 5.0
"""Seconds until a screen that looks different, though nothing goes on, is taken for broken."""
WORKPLACES = {
    "runs", "runs-sweep", "home-preview", "run-charts", "run-samples", "run-overlaid", "compare-scores",
    "compare-charts", "leaderboard", "playground-drawn", "launch", "form",
}  # fmt: skip
"""Scenes that divide the room between a list, charts and pictures: in every size that people have."""
SIZES_OF_WORK = ((80, 24), (120, 36), (160, 48), (200, 60))
EVERYWHERE = {"machine", "features-class", "jump"}
"""Scenes that are looked at in every size and colouring; others in the first of both."""


def looks_of(name: str) -> list[tuple[tuple[int, int], str]]:
    """The sizes and colourings that a scene is looked at in."""
    if name in WORKPLACES:
        return [(size, colour) for size in SIZES_OF_WORK for colour in COLOURS]
    return [(size, colour) for size in SIZES for colour in COLOURS][: None if name in EVERYWHERE else 1]


EVERY = [(name, *look) for name in SCENES if name != "preferences" for look in looks_of(name)]
SOME = [
    ("home-preview", (120, 36), "light"), ("run-charts", (200, 60), "nocolor"), ("jump", (80, 24), "nocolor"),
]  # fmt: skip
"""What is looked at after a start of its own; preferences name the theme."""


def kept(name: str) -> dict[tuple[str, str], Look]:
    """The looks of a scene by size and colouring. Those of one size with the same text stand there once."""
    found = {}
    for part in (FOLDER / f"{name}.txt").read_text().split("\f")[1:]:
        head, _, text = part.partition("\n")
        size, *styles = head.split()
        for word in styles:
            colour, _, hashed = word.partition(":")
            found[size, colour] = (text.removesuffix("\n"), hashed)
    return found


def keep(name: str, looks: dict[tuple[str, str], Look]) -> None:
    text = ""
    for size in dict.fromkeys(size for size, _ in looks):
        of = {colour: looks[size, colour] for colour in COLOURS if (size, colour) in looks}
        for shown in dict.fromkeys(seen[0] for seen in of.values()):
            styles = " ".join(f"{colour}:{seen[1]}" for colour, seen in of.items() if seen[0] == shown)
            text += f"\f{size} {styles}\n{shown}\n"
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.txt").write_text(text)


def difference(expected: Look, seen: Look) -> str:
    lines = difflib.unified_diff(
        expected[0].splitlines(), seen[0].splitlines(), "kept", "seen", lineterm="", n=1
    )
    return "\n".join(lines) or "the same text in other styles"


async def still(d: Desk) -> Look:
    """What is seen when nothing changes any more."""
    await d.settle()
    seen, since = look(d.app), time.monotonic()
    while time.monotonic() < since + 0.3:
        await d.pilot.pause(0.05)
        if (now := look(d.app)) != seen:
            seen, since = now, time.monotonic()
    return seen


async def recolour(d: Desk, colour: str) -> None:
    """The colouring as it would be had the app been started so."""
    app = d.app
    is_off = colour == "nocolor"
    if (is_off, theme_of(colour)) == (app.no_color, app.theme):
        return
    if is_off != app.no_color:
        app.no_color, app.ansi_color = is_off, True if is_off else None
        app._filters = [one for one in app._filters if not isinstance(one, NoColor)] + [NoColor()] * is_off
        os.environ.pop("NO_COLOR", None)
        if is_off:
            os.environ["NO_COLOR"] = "1"
    app.theme = theme_of(colour)
    await d.settle()
    for viewer in app.screen.query(Viewer):  # pictures are of other characters without colour
        viewer._load()


def theme_of(colour: str) -> str:
    return {"dark": "gentui", "light": "gentui-light", "nocolor": "ansi-dark"}[colour]


def name_of(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


@pytest.fixture(autouse=True)
def stage(home: Path, undrawn: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("NO_COLOR", "")  # so that it is as before in the end
    del os.environ["NO_COLOR"]
    hold_still(monkeypatch)
    yield
    monkeypatch.undo()
    time.tzset()


async def check(d: Desk, name: str, key: tuple[str, str], found: dict[tuple[str, str], Look]) -> None:
    if MODE == "renew":
        found[key] = await still(d)
        return
    expected = kept(name)[key]
    await d.settle(60.0)
    try:
        await d.until(lambda: text_of(d.app) == expected[0] and look(d.app) == expected, PATIENCE)
    except AssertionError:
        raise AssertionError(f"{name} {key}\n{difference(expected, look(d.app))}") from None


@pytest.mark.parametrize("name", SCENES)
async def test_a_screen_looks_as_it_did(desk: Any, runs: Runs, name: str):
    scene = SCENES[name]
    found: dict[tuple[str, str], Look] = {}
    async with desk(SIZES[0], crashes=scene.crashes) as d:
        await scene.play(d, runs)
        await d.on(scene.screen)
        for size, colour in looks_of(name):
            if d.app.size != size:
                await d.resize(*size)
            await recolour(d, colour)
            await check(d, name, (name_of(size), colour), found)
    if MODE == "renew":
        keep(name, found)


@pytest.mark.parametrize(("name", "size", "colour"), EVERY if MODE == "fresh" else SOME)
@pytest.mark.skipif(MODE == "renew", reason="what is kept is being renewed")
async def test_a_fresh_start_looks_the_same(
    desk: Any, runs: Runs, monkeypatch: pytest.MonkeyPatch, name: str, size: tuple[int, int], colour: str
):
    scene = SCENES[name]
    started = (SIZES[0], COLOURS[0]) if scene.keeps_its_start else (size, colour)
    if started[1] == "nocolor":
        monkeypatch.setenv("NO_COLOR", "1")
    preferences.remember(theme=theme_of(started[1]))
    async with desk(started[0], crashes=scene.crashes) as d:
        await scene.play(d, runs)
        if started != (size, colour):
            await d.resize(*size)
            await recolour(d, colour)
        await check(d, name, (name_of(size), colour), {})


def test_every_screen_and_pane_is_kept():
    for module in pkgutil.iter_modules(screens.__path__):
        importlib.import_module(f"{screens.__name__}.{module.name}")
    every, heads = set(), [Screen, ModalScreen]
    while heads:
        below = [cls for cls in heads.pop().__subclasses__() if cls.__module__.startswith(screens.__name__)]
        heads += below
        every |= {cls.__name__ for cls in below if not cls.__subclasses__()}
    assert len(every) > 20 and every <= {scene.screen for scene in SCENES.values()}
    panes = {f"run-{name}" for name, _ in PANES} | {f"compare-{name}" for name, _ in COMPARED}
    assert panes <= {*SCENES}
    assert {path.stem for path in FOLDER.glob("*.txt")} == {*SCENES}, "none of a screen that is gone"
