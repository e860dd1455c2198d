"""Every action has a key in the table, and every key is answered where there is no run.

The whole sweep, of each key on each screen, is in ``tests/long``."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pkgutil import walk_packages
from typing import Protocol

import pytest

import gentui.tui
from gentui.config import key_table
from gentui.tui.widgets.filter import Filter
from gentui.tui.workbench import GentuiApp
from tests.support.keys import is_answered
from tests.support.screens import SCREENS

OWN = {
    "Table": {"cursor", "page", "end"}, "HelpScreen": {"scroll", "page"}, "GentuiApp": {"help_quit"},
    "PlaygroundScreen": {"figure"},
}  # fmt: skip
"""Actions of ours that move within one thing, what Ctrl-C says, and what the full-screen picture asks of the screen
below it: they are no rows of the table."""


def classes() -> list[type]:
    """Every class of ours that Textual may bind keys of."""
    modules = [import_module(m.name) for m in walk_packages(gentui.tui.__path__, "gentui.tui.")]
    classes = {
        c for m in modules for _, c in inspect.getmembers(m, inspect.isclass) if c.__module__ == m.__name__
    }
    return sorted((c for c in classes if Protocol not in c.__bases__), key=lambda c: c.__qualname__)


def action_of(key: key_table.Key) -> str:
    name = re.match(r"\w+", key.action)
    assert name
    return name[0]


def test_every_action_of_ours_is_a_row_of_the_table():
    for cls in classes():
        ours = {name.removeprefix("action_") for name in vars(cls) if name.startswith("action_")}
        contexts = [c for c, screen in SCREENS.items() if issubclass(screen, cls)]
        contexts += ["app"] if issubclass(GentuiApp, cls) else []
        rows = {action_of(key) for context in contexts for key in key_table.keys_of(context)}
        assert ours <= rows | OWN.get(cls.__name__, set()), f"{cls.__name__} has actions without a key"


def test_nothing_is_bound_outside_of_the_table():
    for cls in classes():
        for binding in vars(cls).get("BINDINGS", ()):
            is_own = action_of(binding) in OWN.get(cls.__name__, set()) or cls.__name__ == "Lines"
            assert binding.id in key_table.BY_ID or is_own or binding.key == "ctrl+c", (
                f"{cls.__name__}: {binding}"
            )


@pytest.mark.parametrize("context, shown", [("runs", "No runs yet"), ("leaderboard", "published")])
async def test_each_key_is_answered_where_there_is_no_run(desk, home, context: str, shown: str):
    silent = []
    async with desk((120, 40)) as d:
        for key in key_table.keys_of(context):
            await d.app.action_go("home")
            await d.app.action_go(context)
            await d.until(lambda: d.app.screen.context == context)
            d.app.screen.query_one(Filter).close()
            await d.sees(shown)
            if not await is_answered(d, key):
                silent.append(key.id)
    assert not silent


async def test_a_command_chosen_in_the_palette_is_done(desk, furnished):
    async with desk() as d:
        await d.opens("FindScreen", "colon")
        await d.press(*"leaderboard")
        await d.sees("scores with published")
        await d.press("enter")
        await d.on("LeaderboardScreen")
