"""The detail pane of the recipe menu as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from gentui.config import key_table
from gentui.runs import scores
from gentui.runs.metric_names import label, published_name
from gentui.text import numbers
from gentui.text.sanitize import clean
from gentui.tui import formatting

if TYPE_CHECKING:
    from engine.recipes.recipe import Recipe
    from gentui.tui.recipe_cards import Card
    from gentui.tui.screens.home_data import Best, NewestRun, Preview

Part = Content | tuple[str, str] | str

_TABLES = ("data", "model", "method", "optim", "schedule", "train", "sample", "evaluate")


def recipe_text(
    card: Card, best: Best | None, preview: Preview | None = None, newest: NewestRun | None = None
) -> Content:
    """What the recipe does, its data, the published figure, the newest run, the settings, what the quick version
    changes, and the net as the newest run built it."""
    parts: list[Part] = [(card.title, "bold"), "\n"]
    line = " · ".join(part for part in (card.family, card.dataset_title or card.dataset) if part)
    parts += [(line, "$text-muted"), "\n"]
    if newest is not None:
        parts += ["Newest run ", (newest.status, formatting.STYLES.get(newest.tone, ""))]
        parts += [f" · {newest.progress}\n" if newest.progress else "\n"]
    if card.summary:
        parts += ["\n", card.summary, "\n"]
    if card.problem:
        parts += ["\n", ("✗ This recipe cannot be read\n", "bold $error"), card.problem, "\n"]
    if card.here is False:
        parts += ["\n", ("✗ Data missing\n", "bold $warning"), card.remedy, "\n", ways_to_data(card), "\n"]
    if card.recipe is not None:
        parts += _published(card.recipe)
    if best is not None:
        score = f"{label(best)} {scores.value_in_full(best, numbers.number)}"
        parts += ["\n", ("Your best  ", "bold"), (score, "bold"), "\n", (best.protocol, "$text-muted"), "\n"]
        if scores.is_selection(best):
            parts += [(scores.SELECTION_CAPTION, "$text-muted"), "\n"]
    if card.recipe is not None:
        parts += ["\n", *_settings(card.recipe), *_quick_changes(card.recipe)]
    if preview is not None and preview.net:
        parts += ["\n", ("Net", "bold"), (f"  of {preview.run}\n", "$text-muted"), "\n".join(preview.net), "\n"]
    return Content.assemble(*parts)


def ways_to_data(card: Card) -> str:
    """The keys of the menu that help where data is missing: ``t short test run on toonfaces · e choose a folder``."""
    short, edit = (key_table.as_mapped(key_table.BY_ID[f"home.{key}"]).display for key in ("quick", "edit"))
    ways = [f"{short} short test run on {card.stand_in}"] if card.stand_in else []
    return " · ".join([*ways, f"{edit} choose a folder (data.path)"])


def _published(recipe: Recipe) -> list[Part]:
    reference = recipe.reference
    if reference is None:
        return []
    value = numbers.number(reference.value) if reference.value is not None else "no figure"
    parts: list[Part] = [
        "\n", ("Published  ", "bold"), (f"{published_name(reference.metric)} {value}", "bold"), "\n",
    ]  # fmt: skip
    for text in (reference.protocol.removeprefix("as published: "), reference.source, reference.note):
        if text:
            parts += [(clean(text, 300), "$text-muted"), "\n"]
    return parts


def _settings(recipe: Recipe) -> list[Part]:
    parts: list[Part] = [("Settings", "bold"), "\n"]
    raw = recipe.raw()
    for table in _TABLES:
        values = raw.get(table)
        if isinstance(values, dict):
            words = "  ".join(f"{clean(k, 60)} {_value(v)}" for k, v in values.items())
            parts += [(f"{table:<9}", "$secondary"), words, "\n"]
    return parts


def _quick_changes(recipe: Recipe) -> list[Part]:
    """What differs in the quick version."""
    changes = []
    for table, values in recipe.quick.items():
        if isinstance(values, dict):
            changes += [f"{clean(table, 40)}.{clean(k, 60)} {_value(v)}" for k, v in values.items()]
        elif table == "stand_in":
            changes.append(f"data: {_value(values)} where the real set is missing")
    return ["\n", ("Short test run changes", "bold"), "\n", "\n".join(changes), "\n"] if recipe.quick else []


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return numbers.number(value)
    if isinstance(value, list):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    return clean(value, 80)
