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
from gentui.tui.screens.form_fields import HERE, places
from gentui.tui.screens.prompt import PromptScreen
from gentui.tui.widgets.bars import KeyBar
from gentui.tui.widgets.table import Cell, Column, Row, Table

if TYPE_CHECKING:
    from pathlib import Path

    from engine.recipes.recipe import Recipe
    from gentui.runs.planning import Speeds
    from gentui.tui.recipe_cards import Card

FULL, QUICK, EDIT = "full", "quick", "edit"
"""What is chosen on the sheet."""
NAMES = {FULL: "full", QUICK: "short test"}
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
    """What the sheet says, read from the recipe, earlier runs, the queue and hosts.toml: ``offers`` by FULL and QUICK,
    ``places`` as ``form_fields.places``."""

    recipe: Recipe
    offers: dict[str, Offer]
    start: str
    places: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """What was chosen: FULL, QUICK or EDIT, the run's name ("" for none) and where it trains. ``recipe``: None if the
    sheet was answered before it had read it."""

    what: str
    recipe: Recipe | None
    name: str
    place: str


class LaunchScreen(Dialog):
    """Dismissed with an ``Answer`` or None. ``chosen``: where the cursor begins."""

    context = "launch"
    BINDINGS = key_table.bindings("launch")
    DEFAULT_CSS = """
    LaunchScreen > Vertical { width: 78; border-title-style: bold; border-subtitle-color: $text-muted; }
    LaunchScreen Table { height: 5; background: $surface; }
    LaunchScreen .launch-text { color: $text-muted; height: auto; max-height: 9; }
    """

    def __init__(self, card: Card, chosen: str = FULL) -> None:
        super().__init__()
        self._card = card
        self._begin = chosen
        self._facts: Facts | None = None
        self._run_name, self._place = "", HERE

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
        self._fill()

    def _fill(self) -> None:
        facts, rows = self._facts, []
        for name in (FULL, QUICK):
            if facts is None:
                rows.append(Row(name, (NAMES[name], ("…", "dim"), "", "")))
            elif (offer := facts.offers.get(name)) is not None:
                cells: tuple[Cell, ...] = (NAMES[name], offer.trains, offer.time, (offer.looks, "dim"))
                rows.append(Row(name, cells))
        rows.append(Row(EDIT, (EDIT, "change settings first", "", "")))
        self.query_one(Table).set_rows(rows)
        self._describe()

    def on_table_highlighted(self) -> None:
        self._describe()

    def _describe(self) -> None:
        chosen, card = self.query_one(Table).key, self._card
        offer = self._facts.offers.get(str(chosen)) if self._facts is not None else None
        words = shlex.join(command(card.name, chosen == QUICK, self._run_name, self._place))
        text = "Opens the form of all settings." if chosen == EDIT else f"$ {words}"
        if offer is not None and offer.detail:
            text = f"{offer.detail}\n{text}"
        if self._facts is not None:
            start = self._facts.start if self._place == HERE else f"queued at {self._place}"
            self.query_one(".dialog-box").border_subtitle = start
        content = Content(f"\n{self._lines()}{text}\n")
        static = self.query_one(".launch-text", Static)
        if static.content != content:
            static.update(content)

    def _lines(self) -> str:
        """The lines of the run's name and, where there is a choice, of where it trains."""
        rename, move = (
            key_table.as_mapped(key_table.BY_ID[f"launch.{key}"]).display for key in ("name", "place")
        )
        lines = f"name   {self._run_name or '–'}  ({rename} {'changes' if self._run_name else 'gives'} it)\n"
        places = self._facts.places if self._facts is not None else ()
        if places:
            lines += f"where  {'this machine' if self._place == HERE else self._place}  ({move}: the next of"
            lines += f" {', '.join(places)})\n"
        return lines

    def action_name(self) -> None:
        def named(text: str | None) -> None:
            if text is not None:
                self._run_name = clean(text, 100).strip()
                self._describe()

        self.app.push_screen(PromptScreen("Name of the run", "It may be empty.", self._run_name), named)

    def action_place(self) -> None:
        """Choose the next of the places that a run can go to."""
        places = self._facts.places if self._facts is not None else ()
        if not places:
            self.gentui.toast("Runs train on this machine: hosts.toml names no other place.")
            return
        self._place = places[(places.index(self._place) + 1) % len(places)]
        self._describe()

    def on_table_chosen(self) -> None:
        self.action_start()

    def action_start(self) -> None:
        self._answer(self.query_one(Table).key or self._begin)

    def action_edit(self) -> None:
        self._answer(EDIT)

    def _answer(self, chosen: str) -> None:
        recipe = self._facts.recipe if self._facts is not None else self._card.recipe
        self.dismiss(Answer(chosen, recipe, self._run_name, self._place))


def command(recipe: str, quick: bool, name: str = "", place: str = HERE) -> list[str]:
    """The command line that trains a recipe."""
    words = ["gentui", "run", recipe, *(["--quick"] if quick else [])]
    words += ["--on", place] if place != HERE else []
    return words + (["--name", name] if name else [])


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
    return Facts(recipe, offers, clean(when_free(queue_by_slot(home)), 60), places(home))


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
