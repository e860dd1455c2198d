"""Recipes and runs in the command palette, beside the commands of the screen."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.command import Hit, Hits, Provider

from gentui.text.sanitize import clean

if TYPE_CHECKING:
    from pathlib import Path

MOST = 20
"""Recipes and runs that are offered at once."""


@dataclass(frozen=True)
class Thing:
    """``name`` is what is searched; ``action`` the name of the method of the app that leads to ``target``."""

    name: str
    help: str
    action: str
    target: str


class ThingsProvider(Provider):
    """Finds recipes by name or title, and runs by name, recipe or id; choosing one goes there and starts nothing."""

    async def startup(self) -> None:
        home: Path = self.app.home  # pyright: ignore[reportAttributeAccessIssue]
        self._things = await asyncio.to_thread(read_things, home)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        scored = [(score, thing) for thing in self._things if (score := matcher.match(thing.name)) > 0]
        for score, thing in sorted(scored, key=lambda pair: -pair[0])[:MOST]:
            go = partial(getattr(self.app, thing.action), thing.target)
            yield Hit(score, matcher.highlight(thing.name), partial(self.app.call_later, go), help=thing.help)


def read_things(home: Path) -> list[Thing]:
    """Every recipe that can be read, and every run, the newest first."""
    from gentui.index import Index
    from gentui.runs import naming
    from gentui.tui.recipe_cards import quick_cards

    recipes = [
        Thing(f"recipe {card.name}", f"{card.title}, {card.dataset}", "show_recipe", card.name)
        for card in quick_cards()
    ]
    return recipes + [_of_run(naming.label(run), run) for run in Index(home).runs()]


def _of_run(label: str, run: Any) -> Thing:
    recipe = "" if label == run.recipe else f" {clean(run.recipe, 40)}"
    name = f"run {clean(label, 60)}{recipe} {run.id}"
    return Thing(name, f"{run.status}, {clean(run.dataset, 40)}", "open_run", run.id)
