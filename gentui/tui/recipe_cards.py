"""The entries of the recipe menu.

Validating recipes imports pydantic, which takes as long as everything else before the first frame. So the menu is drawn
from the TOML files alone at first, and again when the validated recipes have loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import tomli

from engine.runs.files import read_plain_file
from engine.runs.paths import recipe_files
from gentui.text.numbers import real
from gentui.text.sanitize import clean

if TYPE_CHECKING:
    from engine.recipes.recipe import Recipe

DEMONSTRATIONS = "Demonstrations"


@dataclass(frozen=True)
class Card:
    """What the menu shows of a recipe. Text is clean.

    ``metric``, ``published``: the published score. ``here``: whether the data is on this machine, None until that is
    known; ``remedy``: what to do if not. ``stand_in``: the data set that quick runs take if the data is missing.
    ``problem``: why the recipe cannot be read, "" if it can. ``settings``: what is searched besides the names.
    ``recipe``: None until it is validated.
    """

    name: str
    title: str
    family: str
    dataset: str
    summary: str
    metric: str = ""
    published: float | None = None
    order: int = 100
    group: str = ""
    here: bool | None = None
    remedy: str = ""
    problem: str = ""
    dataset_title: str = ""
    stand_in: str = ""
    settings: str = field(default="", repr=False)
    recipe: Recipe | None = field(default=None, compare=False, repr=False)

    def matches(self, words: str) -> bool:
        """Whether all words occur in the names, titles, data sets and settings of the recipe."""
        texts = (
            self.name,
            self.title,
            self.family,
            self.group,
            self.dataset,
            self.dataset_title,
            self.stand_in,
            self.settings,
        )
        text = " ".join(texts).lower()
        return all(word in text for word in words.lower().split())


def quick_cards() -> list[Card]:
    """Cards from the TOML files alone, without those that cannot be read."""
    cards = []
    for path in recipe_files().values():
        try:
            raw = tomli.loads(read_plain_file(path, follow_links=True).decode())
        except (OSError, ValueError, RecursionError):
            continue
        cards.append(_from_toml(raw))
    return in_order(cards)


def _from_toml(raw: Mapping[str, Any]) -> Card:
    table = lambda key: t if isinstance(t := raw.get(key), dict) else {}  # noqa: E731
    reference, order = table("reference"), raw.get("order")
    value = reference.get("value")
    return Card(
        name=clean(raw.get("name", "?"), 64),
        title=clean(raw.get("title", ""), 200),
        family=clean(raw.get("family", ""), 40),
        dataset=clean(table("data").get("dataset", ""), 64),
        summary=clean(raw.get("summary", ""), 2000),
        metric=clean(reference.get("metric", ""), 40) if reference else "",
        published=real(value),
        order=order if isinstance(order, int) else 100,
        stand_in=clean(table("quick").get("stand_in", ""), 64),
    )


def full_cards() -> list[Card]:
    """Cards of the validated recipes; that of a broken recipe says what is wrong."""
    from engine.recipes import recipe as recipes

    cards = []
    for name, path in recipe_files().items():
        try:
            recipe = recipes.load(path)
        except (recipes.RecipeError, recipes.UnknownRecipe) as error:
            cards.append(Card(clean(name, 64), "cannot be read", "", "", "", problem=clean(error, 2000)))
            continue
        cards.append(card_of(recipe))
    return in_order(cards)


def card_of(recipe: Recipe) -> Card:
    """The card of a validated recipe."""
    from engine.recipes.recipe import MissingData

    data = type(recipe.data)
    try:
        recipe.require_data()
        remedy = ""
    except MissingData as missing:
        remedy = clean(missing, 1000)
    raw = recipe.raw()
    return replace(
        _from_toml(raw),
        here=not remedy,
        remedy=remedy,
        dataset_title=clean(data.title, 100),
        group=DEMONSTRATIONS if data.embedded else "",
        settings=_searched(raw),
        recipe=recipe,
    )


_PARTS = ("model", "method", "optim", "schedule", "sample", "evaluate")


def _searched(raw: Mapping[str, Any]) -> str:
    """The names of the parts that a recipe is made of, and where they stand: ``method.loss=wasserstein``. Numbers, and
    what is on or off, are not searched: every recipe has them."""
    return clean(
        " ".join(
            f"{table}.{key}={value}"
            for table in _PARTS
            if isinstance(values := raw.get(table), dict)
            for key, value in values.items()
            if isinstance(value, str)
        ),
        4000,
    )


EMBEDDED = frozenset({"digits", "digits-m", "photos", "toonfaces", "digitsm-digits"})
"""Data sets that come with a package, for the first frame only: the validated recipes say so themselves."""

_FAMILIES = {"diffusion": "Diffusion", "gan": "GANs", "vae": "Autoencoders", "dann": "Domain adaptation"}


def in_order(cards: list[Card]) -> list[Card]:
    """Sort cards: demonstrations first, broken recipes last, families and recipes by the ``order`` of the recipes."""
    grouped = [replace(card, group=card.group or _group(card)) for card in cards]
    first = {group: min(c.order for c in grouped if c.group == group) for group in {c.group for c in grouped}}
    return sorted(
        grouped,
        key=lambda c: (c.group != DEMONSTRATIONS, bool(c.problem), first[c.group], c.group, c.order, c.name),
    )


def _group(card: Card) -> str:
    if card.problem:
        return "Broken recipes"
    if card.dataset in EMBEDDED:
        return DEMONSTRATIONS
    return _FAMILIES.get(card.family, card.family)
