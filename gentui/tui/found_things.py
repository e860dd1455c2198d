"""What the palette finds besides the commands of the screen: recipes, runs, settings and metrics."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gentui.text.sanitize import clean

if TYPE_CHECKING:
    from pathlib import Path

MOST = 300
"""Results that are shown at once."""
NEWEST = 200
"""Runs whose metrics are offered."""


@dataclass(frozen=True)
class Thing:
    """``name`` and ``help`` are searched, and are clean text; ``action`` is the method of the app that leads to
    ``target``, and starts nothing by itself. ``also``: further words by which it is found."""

    kind: str
    name: str
    help: str
    action: str
    target: Any
    also: str = ""


def matching(things: Iterable[Thing], words: str) -> list[Thing]:
    """Those that have all the words: names that begin so first, then names that contain them, then descriptions."""
    asked = words.lower().split()

    def rank(thing: Thing) -> int | None:
        name = thing.name.lower()
        if all(word in name for word in asked):
            return 0 if not asked or name.startswith(asked[0]) else 1
        text = f"{thing.kind} {name} {thing.help} {thing.also}".lower()
        return 2 if all(word in text for word in asked) else None

    ranked = [(found, place, thing) for place, thing in enumerate(things) if (found := rank(thing)) is not None]
    return [thing for _, _, thing in sorted(ranked, key=lambda entry: entry[:2])][:MOST]


def read_things(home: Path) -> list[Thing]:
    """Every recipe that can be read, every run, the newest first, and their settings and metrics."""
    from gentui.index import Index
    from gentui.runs import naming
    from gentui.tui.recipe_cards import full_cards

    cards = full_cards()
    recipes = [
        Thing("recipe", card.name, f"{card.title}, {card.dataset}", "show_recipe", card.name) for card in cards
    ]
    settings: dict[str, Thing] = {}
    for card in cards:
        for field in card.recipe.form() if card.recipe is not None else ():
            help_text = clean(field.help or field.type, 200)
            settings.setdefault(
                field.key, Thing("setting", field.key, help_text, "show_setting", (card.name, field.key))
            )
    runs = Index(home).runs()
    metrics: dict[str, Thing] = {}
    for run in runs[:NEWEST]:
        for name in run.metrics:
            of = f"its curve in {clean(naming.label(run), 40)}"
            metrics.setdefault(name, Thing("metric", clean(name, 80), of, "show_metric", (run.id, name)))
    return [*recipes, *(_of_run(naming.label(run), run) for run in runs), *settings.values(), *metrics.values()]


def _of_run(label: str, run: Any) -> Thing:
    of = " · ".join(filter(None, [run.status, clean(run.recipe, 40), clean(run.dataset, 40), run.id]))
    return Thing("run", clean(label, 80), of, "open_run", run.id, " ".join(run.tags))
