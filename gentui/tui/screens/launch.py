"""The launch sheet: what a recipe would train, how long that takes here and when it can start, before it does."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from gentui.config import key_table
from gentui.text import numbers
from gentui.text.numbers import plural
from gentui.text.sanitize import clean
from gentui.tui.screens.base import Dialog
from gentui.tui.widgets.bars import KeyBar
from gentui.tui.widgets.table import Cell, Column, Row, Table

if TYPE_CHECKING:
    from pathlib import Path

    from engine.recipes.recipe import Recipe
    from gentui.runs.planning import Speeds
    from gentui.tui.recipe_cards import Card

FULL, QUICK, EDIT = "full", "quick", "edit"
"""What is chosen on the sheet."""
COLUMNS = (
    Column("", minimum=5),
    Column("trains", minimum=12, maximum=30),
    Column("time here", minimum=10, maximum=16),
    Column("while it trains", flex=True, minimum=12, maximum=30, drop=1),
)


@dataclass(frozen=True)
class Offer:
    """A way to train the recipe. ``trains``, ``time`` and ``looks`` are its cells; ``detail`` what they leave out."""

    trains: str
    time: str
    looks: str
    detail: str


@dataclass(frozen=True)
class Facts:
    """What the sheet says, read from the recipe, earlier runs and the queue: ``offers`` by FULL and QUICK."""

    recipe: Recipe
    offers: dict[str, Offer]
    start: str


class LaunchScreen(Dialog):
    """Dismissed with (FULL, QUICK or EDIT, the recipe) or None. ``chosen``: where the cursor begins.

    It can be answered before it has read anything: the recipe is None then.
    """

    context = "launch"
    BINDINGS = key_table.bindings("launch")
    DEFAULT_CSS = """
    LaunchScreen > Vertical { width: 78; border-title-style: bold; border-subtitle-color: $text-muted; }
    LaunchScreen Table { height: 5; background: $surface; }
    LaunchScreen .launch-text { color: $text-muted; height: auto; max-height: 6; }
    """

    def __init__(self, card: Card, chosen: str = FULL) -> None:
        super().__init__()
        self._card = card
        self._begin = chosen
        self._facts: Facts | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog-box") as box:
            box.border_title = f"Train {self._card.name}"
            yield Table(COLUMNS)
            yield Static("", classes="launch-text", markup=False)
            yield KeyBar("launch", modal=True)

    def on_mount(self) -> None:
        self._fill()
        table = self.query_one(Table)
        table.focus()
        table.move_to(self._begin)
        card, home = self._card, self.gentui.home
        self.gentui.in_thread(lambda: read_facts(card, home), self._read)

    def _read(self, facts: Facts) -> None:
        self._facts = facts
        self.query_one(".dialog-box").border_subtitle = facts.start
        self._fill()

    def _fill(self) -> None:
        facts, rows = self._facts, []
        for name in (FULL, QUICK):
            if facts is None:
                rows.append(Row(name, (name, ("…", "dim"), "", "")))
            elif (offer := facts.offers.get(name)) is not None:
                cells: tuple[Cell, ...] = (name, offer.trains, offer.time, (offer.looks, "dim"))
                rows.append(Row(name, cells))
        rows.append(Row(EDIT, (EDIT, "change settings first", "", "")))
        self.query_one(Table).set_rows(rows)
        self._describe()

    def on_table_highlighted(self) -> None:
        self._describe()

    def _describe(self) -> None:
        chosen, card = self.query_one(Table).key, self._card
        offer = self._facts.offers.get(str(chosen)) if self._facts is not None else None
        words = shlex.join(command(card.name, quick=chosen == QUICK))
        text = "Opens the form of all settings." if chosen == EDIT else f"$ {words}"
        if offer is not None and offer.detail:
            text = f"{offer.detail}\n{text}"
        content = Content(f"\n{text}\n")
        static = self.query_one(".launch-text", Static)
        if static.content != content:
            static.update(content)

    def on_table_chosen(self) -> None:
        self.action_start()

    def action_start(self) -> None:
        self._answer(self.query_one(Table).key or self._begin)

    def action_edit(self) -> None:
        self._answer(EDIT)

    def _answer(self, chosen: str) -> None:
        self.dismiss((chosen, self._facts.recipe if self._facts is not None else self._card.recipe))


def command(name: str, quick: bool) -> list[str]:
    """The command line that trains a recipe."""
    return ["gentui", "run", name, *(["--quick"] if quick else [])]


def read_facts(card: Card, home: Path) -> Facts:
    """Read what the sheet says. Raises RecipeError."""
    from engine.recipes import recipe as recipes
    from gentui.index import Index
    from gentui.jobs.launchers.local.slot_queues import queue_by_slot, when_free
    from gentui.runs import planning

    recipe = card.recipe or recipes.load(recipes.find_recipe(card.name))
    speeds = planning.Speeds(Index(home).runs())
    forms = {FULL: recipe} | ({QUICK: recipe.as_quick()} if recipe.quick else {})
    offers = {name: _offer(form, card, speeds) for name, form in forms.items()}
    return Facts(recipe, offers, clean(when_free(queue_by_slot(home)), 60))


def _offer(recipe: Recipe, card: Card, speeds: Speeds) -> Offer:
    from engine.recipes.axes import RANDOM, count_runs
    from gentui.runs import planning

    axes = planning.axes_of(recipe) if recipe.sweep else []
    number = count_runs(axes, recipe.sweep.get(RANDOM)) if axes else 1
    estimate = speeds.of_sweep(recipe, axes, number)
    trains = plural(recipe.steps_total(), "step")
    details = [f"{plural(number, 'run')} ({planning.shape(axes)}) of {trains} each"] if axes else []
    details.append(planning.UNKNOWN if estimate is None else estimate.text(numbers.duration))
    if not recipe.data_is_available():
        details.insert(0, f"✗ Data missing: {card.remedy}")
    elif recipe.dataset != card.dataset:
        details.insert(0, f"On {clean(recipe.dataset, 40)}, since {card.dataset} is missing here")
    return Offer(
        plural(number, "run") if axes else trains,
        "no estimate" if estimate is None else f"≈ {numbers.duration(estimate.seconds)}",
        _looks(recipe),
        clean("; ".join(details), 600),
    )


def _looks(recipe: Recipe) -> str:
    """``4 scores, 8 grids``."""
    counts = ((getattr(recipe.evaluate, "times", 0), "score"), (getattr(recipe.sample, "times", 0), "grid"))
    return ", ".join(plural(count, word) for count, word in counts if count)
