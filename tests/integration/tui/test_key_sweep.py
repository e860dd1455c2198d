"""Every key of the table is pressed where it works: it reaches its own action, and something is seen of that."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import numpy as np
import pytest
from textual import events
from textual.widgets import Input, TextArea

import gentui.tui
from gentui import jobs
from gentui.config import key_table
from gentui.tui.widgets.bars import StatusLine
from gentui.tui.widgets.filter import Filter
from gentui.tui.widgets.settings import SettingsForm
from gentui.tui.widgets.table import Table
from gentui.tui.widgets.tabs import Tabs
from gentui.tui.workbench import GentuiApp
from tests.support.app import Desk, digit_tiles, grid_png, look
from tests.support.screens import SCREENS
from tests.support.textual_private import notices

WAYS: dict[str, tuple[str, ...]] = {
    "home": ("app.home",), "form": ("app.home", "home.edit"), "runs": ("app.runs",), "run": ("app.runs", "runs.open"),
    "picture": ("app.runs", "runs.open", "run.zoom"), "overlay": ("app.runs", "runs.open", "run.overlay"),
    "playground": ("app.runs", "runs.play"), "features": ("app.runs", "end", "runs.play"),
    "leaderboard": ("app.leaderboard",), "compare": ("app.runs", "runs.mark_all", "app.compare"),
    "machine": ("app.machine",), "export": ("app.home", "app.export"), "evaluate": ("app.runs", "runs.evaluate"),
    "help": ("app.home", "app.help"), "choose": ("app.home", "app.compare"), "jump": ("app.home", "app.jump"),
    "copy": ("app.runs", "app.copy"), "confirm": ("app.runs", "runs.delete"), "prompt": ("app.runs", "runs.note"),
    "notice": ("app.home", "app.tour"), "preferences": ("app.home", "app.preferences"),
}  # fmt: skip
"""How one comes to a context, by the ids of keys."""
TYPED = (Input, TextArea, SettingsForm)
"""What has the focus while text is typed: a key that prints is text there."""
OWN = {"Table": {"cursor", "page", "end"}, "HelpScreen": {"scroll", "page"}}
"""Actions of ours that move within one thing, and so are no rows of the table."""


class Idle:
    """Stands in for the process that draws."""

    def __init__(self, folder: Path, device: str, heard: Callable[..., None]) -> None:
        self.asked: list[dict[str, Any]] = []

    def ask(self, **words: Any) -> int:
        self.asked.append(words)
        return len(self.asked)

    def end(self) -> None:
        pass


@pytest.fixture
def furnished(runs, monkeypatch) -> None:
    """Runs of all that a key may want: samples, figures, an animation, scores, checkpoints, a classifier; and nothing
    that is started here starts a process."""

    def refuse(*_: Any, **__: Any) -> None:
        raise ValueError("nothing is started here")

    for name in ("launch", "evaluate", "resume", "stop", "reorder"):
        monkeypatch.setattr(jobs, name, refuse)
    monkeypatch.setattr("gentui.tui.screens.playground.SamplerProcess", Idle)
    classifier = runs.make("digitsm-digits-dann", samples=0, name="classifier")
    for name in ("tsne", "confusion"):
        path = f"figures/{name}-000300.png"
        grid_png(classifier.path / path, digit_tiles(2, 3))
        told = {"counts": np.eye(10, dtype=int).tolist(), "class_names": [*"0123456789"]}
        (classifier.path / path).with_suffix(".json").write_text(json.dumps(told))
        runs.event(classifier, "figure", 300, name=name, path=path, caption="")
    for name in ("first", "second"):
        run = runs.make(name=name, seed=len(name))
        runs.film(run, 300)
        for which in ("best", "last"):
            (run.path / "checkpoints" / which).mkdir(parents=True)


def classes() -> list[type]:
    """Every class of ours that Textual may bind keys of."""
    modules = [import_module(m.name) for m in walk_packages(gentui.tui.__path__, "gentui.tui.")]
    found = {
        c for m in modules for _, c in inspect.getmembers(m, inspect.isclass) if c.__module__ == m.__name__
    }
    return sorted(found, key=lambda c: c.__qualname__)


def action_of(key: key_table.Key) -> str:
    name = re.match(r"\w+", key.action)
    assert name
    return name[0]


def test_every_action_of_ours_is_a_row_of_the_table():
    for cls in classes():
        ours = {name.removeprefix("action_") for name in vars(cls) if name.startswith("action_")}
        contexts = [c for c, screen in SCREENS.items() if issubclass(screen, cls)]
        contexts += ["app"] if issubclass(GentuiApp, cls) else []
        rows = {action_of(key) for context in contexts for key in key_table.of(context)}
        assert ours <= rows | OWN.get(cls.__name__, set()), f"{cls.__name__} has actions without a key"


def test_nothing_is_bound_outside_of_the_table():
    for cls in classes():
        for binding in vars(cls).get("BINDINGS", ()):
            is_own = action_of(binding) in OWN.get(cls.__name__, set()) or cls.__name__ == "Lines"
            assert binding.id in key_table.BY_ID or is_own or binding.key == "ctrl+c", (
                f"{cls.__name__}: {binding}"
            )


async def give(d: Desk, stroke: str) -> None:
    """A key, as the terminal gives it."""
    shown = " " if stroke == "space" else key_table.name_of(stroke)
    d.app.post_message(events.Key(stroke, shown if len(shown) == 1 and shown.isascii() else None))
    await d.drawn()


async def go(d: Desk, context: str) -> Any:
    """To the screen of a context, from wherever."""
    await d.app.action_go("home")
    await d.until(lambda: d.app.screen.context == "home")
    for line in d.app.screen.query(Filter):
        line.close()
    await d.settle()
    for step in WAYS[context]:
        await give(
            d, key_table.real(key_table.BY_ID[step]).keys.split(",")[0] if step in key_table.BY_ID else step
        )
        if step in PLACES:
            await d.until(lambda step=step: d.app.screen.context == PLACES[step] and is_filled(d.app.screen))
        if step == "app.runs":
            d.app.screen.query_one(Filter).close()
            table = d.app.screen.query_one(Table)
            table.set_marked(())
            table.action_end(False)
    await d.until(lambda: d.app.screen.context == context and is_filled(d.app.screen))
    await d.settle()
    return d.app.screen


PLACES = {"app.home": "home", "app.runs": "runs", "runs.open": "run"}
"""Keys whose effect is waited for, on the way."""


def is_filled(screen: Any) -> bool:
    """Whether what it shows has come."""
    if screen.context in ("run", "compare"):
        return screen.snapshot is not None
    return all(table.rows for table in screen.query(Table))


def is_typed_in(screen: Any) -> bool:
    return isinstance(screen.focused, TYPED)


class Recorder:
    """Takes the place of running actions."""

    def __init__(self, app: GentuiApp, monkeypatch: pytest.MonkeyPatch):
        self.called: list[tuple[str, Any]] = []
        self._app, self._monkeypatch = app, monkeypatch

    async def _record(self, action: str, namespace: Any = None, *_: Any) -> bool:
        if action in ("scroll_left", "scroll_right") and not namespace.allow_horizontal_scroll:
            return False  # as Textual does: the next one bound to the key has its turn
        self.called.append((action, namespace))
        return True

    async def what(self, d: Desk, stroke: str) -> list[tuple[str, Any]]:
        """The actions that a key leads to."""
        self.called.clear()
        with self._monkeypatch.context() as patch:
            patch.setattr(self._app, "run_action", self._record)
            await give(d, stroke)
        return [*self.called]


@pytest.mark.long
@pytest.mark.parametrize("are_mapped", [False, True], ids=["as they come", "a person's own"])
async def test_each_key_reaches_its_action_whatever_has_the_focus(
    desk, furnished, keys_file, monkeypatch, are_mapped: bool
):
    """Pressed in its context: with the focus as it is at first, on each pane, and on everything that can have it."""
    if are_mapped:
        own = {
            key.id: f"{'super' if key.context == 'app' else 'alt'}+f{n}"
            for n, key in enumerate(key_table.TABLE, 1)
        }
        keys_file("\n".join(f'"{name}" = "{stroke}"' for name, stroke in own.items()))
    wrong = []
    async with desk((120, 40)) as d:
        assert not notices(d.app), "keys.toml was understood"
        recorder = Recorder(d.app, monkeypatch)
        for context in SCREENS:
            screen = await go(d, context)
            rows = [*key_table.of(context), *(() if context in key_table.MODAL else key_table.of("app"))]
            expected = {stroke: key for key in rows for stroke in key.keys.split(",")}

            async def check(strokes: Any, where: str, screen=screen, expected=expected) -> None:
                for stroke in strokes:
                    key, before = expected[stroke], screen.focused
                    is_text = is_typed_in(screen) and key_table.prints(stroke)
                    wanted = [] if is_text else [(key.action, d.app if key.context == "app" else screen)]
                    if (found := await recorder.what(d, stroke)) != wanted:
                        wrong.append(f"{where}: {stroke} of {key.id} calls {[name for name, _ in found]}")
                    if screen.focused is not before:
                        screen.set_focus(before)

            await check(expected, context)
            if are_mapped:
                continue
            for pane in [name for tabs in screen.query(Tabs) for name, _ in tabs._panes] or [""]:
                if pane:
                    screen.action_tab(pane)
                    await d.drawn()
                for widget in screen.focus_chain:
                    screen.set_focus(widget)
                    taken = {*widget._bindings.key_to_bindings}
                    at = " ".join(filter(None, (context, pane, type(widget).__name__)))
                    await check([stroke for stroke in expected if stroke in taken], at)
    assert not wrong, "\n".join(wrong)


QUIET = {"app.quit", "home.back"}
"""What ends the app, and what closes what is not open."""


@pytest.mark.long
@pytest.mark.parametrize("context", SCREENS)
async def test_each_key_is_answered(desk, furnished, context: str):
    """Something else is on the screen after each key, if only a sentence on why there is nothing to do."""
    silent = []
    async with desk((120, 40)) as d:
        panes = [tabs.active for tabs in (await go(d, context)).query(Tabs)]
        for key in key_table.of(context):
            if key.id in QUIET or any(f"tab('{pane}')" in key.action for pane in panes):
                continue
            await go(d, context)
            if not await is_answered(d, key):
                silent.append(key.id)
    assert not silent


async def is_answered(d: Desk, key: key_table.Key) -> bool:
    """Whether a person would notice that it was pressed."""
    for line in d.app.screen.query(StatusLine):
        line.say("")
    await d.settle()
    before = seen(d.app)
    await give(d, key.keys.split(",")[0])
    try:
        await d.until(lambda: seen(d.app) != before, 15.0)
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("context, shown", [("runs", "No runs yet"), ("leaderboard", "published")])
async def test_each_key_is_answered_where_there_is_no_run(desk, home, context: str, shown: str):
    silent = []
    async with desk((120, 40)) as d:
        for key in key_table.of(context):
            await d.app.action_go("home")
            await d.app.action_go(context)
            await d.until(lambda: d.app.screen.context == context)
            d.app.screen.query_one(Filter).close()
            await d.sees(shown)
            if not await is_answered(d, key):
                silent.append(key.id)
    assert not silent


def seen(app: GentuiApp) -> tuple[Any, ...]:
    """All that a person would notice."""
    return (app.screen, look(app), len(notices(app)), app.clipboard)


async def test_a_command_chosen_in_the_palette_is_done(desk, furnished):
    async with desk() as d:
        await d.opens("CommandPalette", "ctrl+p")
        await d.press(*"leaderboard")
        await d.sees("scores beside the published")
        await d.press("enter")
        await d.on("LeaderboardScreen")
