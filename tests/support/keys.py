"""Every key where it works: ways to each screen, over runs that have something for each key."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual import events
from textual.widgets import Input, TextArea

from gentui import jobs
from gentui.config import key_table
from gentui.tui.widgets.bars import StatusLine
from gentui.tui.widgets.filter import Filter
from gentui.tui.widgets.settings import SettingsForm
from gentui.tui.widgets.table import Table
from gentui.tui.workbench import GentuiApp
from tests.support.app import Desk, look
from tests.support.runs import digit_tiles, grid_png
from tests.support.textual_private import notices

WAYS: dict[str, tuple[str, ...]] = {
    "home": ("app.home",), "form": ("app.home", "home.edit"), "runs": ("app.runs",), "run": ("app.runs", "runs.open"),
    "picture": ("app.runs", "runs.open", "run.zoom"), "overlay": ("app.runs", "runs.open", "run.overlay"),
    "playground": ("app.runs", "runs.play"), "features": ("app.runs", "end", "runs.play"),
    "leaderboard": ("app.leaderboard",), "compare": ("app.runs", "runs.mark_all", "app.compare"),
    "machine": ("app.machine",), "export": ("app.home", "app.export"), "evaluate": ("app.runs", "runs.evaluate"),
    "help": ("app.home", "app.help"), "choose": ("app.home", "app.compare"), "jump": ("app.home", "app.jump"),
    "copy": ("app.runs", "app.copy"), "confirm": ("app.runs", "runs.delete"),
    "launch": ("app.home", "home.train"), "prompt": ("app.runs", "runs.note"),
    "notice": ("app.home", "app.tour"), "preferences": ("app.home", "app.preferences"),
    "find": ("app.home", "app.find"),
}  # fmt: skip
"""How one comes to a context, by the ids of keys."""
BY_FOCUS = {("run", "Lines"): {"space"}, ("run", "Architecture"): {"space"}}
"""Keys that a widget in focus takes on purpose: Space shows the next page of text, and elsewhere plays an animation."""
TYPED = (Input, TextArea, SettingsForm)
"""What has the focus while text is typed: a key that prints is text there."""


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


async def give(d: Desk, stroke: str) -> None:
    """A key, as the terminal gives it."""
    shown = " " if stroke == "space" else key_table.display_name(stroke)
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
            d,
            key_table.as_mapped(key_table.BY_ID[step]).keys.split(",")[0] if step in key_table.BY_ID else step,
        )
        if step in PLACES:
            await d.until(lambda step=step: d.app.screen.context == PLACES[step] and is_filled(d.app.screen))
        for line in d.app.screen.query(Filter):
            line.close()
        if step == "app.runs":
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
    if screen.context == "run":
        return screen.snapshot is not None
    if screen.context == "compare":
        return screen.comparison is not None
    return all(table.rows for table in screen.query(Table))


def is_typed(screen: Any, stroke: str) -> bool:
    """Whether a key goes into a text, and not to the screen."""
    widget = screen.focused
    if not isinstance(widget, TYPED) or not key_table.is_printable(stroke):
        return False
    if stroke == "slash" and isinstance(widget, SettingsForm):
        return widget.entry.takes_slash
    return getattr(widget, "_is_editing", True) or stroke.isdigit() or stroke in ("minus", "full_stop")


async def is_answered(d: Desk, key: key_table.Key) -> bool:
    """Whether a person would notice that it was pressed."""
    for line in d.app.screen.query(StatusLine):
        line.show_message("")
    await d.settle()
    before = seen(d.app)
    await give(d, key.keys.split(",")[0])
    try:
        await d.until(lambda: seen(d.app) != before, 15.0)
    except AssertionError:
        return False
    return True


def seen(app: GentuiApp) -> tuple[Any, ...]:
    """All that a person would notice."""
    return (app.screen, look(app), len(notices(app)), app.clipboard)
