"""The form that trains a recipe with other settings. Input is checked as it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Static

from gentui.config import key_table
from gentui.text import numbers
from gentui.text.numbers import plural
from gentui.text.sanitize import clean
from gentui.tui.screens import form_fields
from gentui.tui.screens.base import BaseScreen
from gentui.tui.screens.confirm import ConfirmScreen
from gentui.tui.screens.form_fields import DEVICES, HERE, NAME, PLACE, SEED
from gentui.tui.screens.settings_form import SettingsFormScreen
from gentui.tui.widgets.filter import Filter, FilterLine
from gentui.tui.widgets.settings import SettingsForm
from gentui.tui.widgets.settings_entry import Entry, as_text, parse_setting, problems_by_key

if TYPE_CHECKING:
    from engine.recipes.axes import Axis
    from engine.recipes.recipe import FormField, Recipe
    from gentui.runs.planning import Speeds

SWEEPS = "a | b in a field trains a run for each value"


class FormScreen(SettingsFormScreen, BaseScreen):
    """Every setting of a recipe. ``reference`` is what ``gentui run`` calls it: its name, or a path.

    A field with ``|`` between values is swept: there is a run for each combination.
    """

    context = "form"
    place = "home"
    CSS_PATH = "form.tcss"
    BINDINGS = key_table.bindings("form")

    def __init__(
        self, recipe: Recipe, reference: str = "", label: str = "", place: str = HERE, focus: str = NAME
    ) -> None:
        super().__init__()
        self._original = recipe
        self._base = recipe
        self._reference = reference or recipe.name
        self._values: dict[str, Any] = {}
        self._axes: dict[str, Axis] = dict(self._own_axes())
        self._unread: dict[str, str] = {}  # what is wrong with swept values, by field
        self._speeds: Speeds | None = None  # of earlier runs, to estimate the time
        self.label, self._devices, self._place, self._begin = label, 1, place, focus
        self._places: tuple[str, ...] = ()
        self.recipe: Recipe | None = recipe
        self.problems: dict[str, str] = {}

    def body(self) -> ComposeResult:
        yield Static(id="form-title", markup=False)
        yield FilterLine("settings by name, value or description", id="form-filter")
        yield SettingsForm(id="fields", several=True)
        yield Static(id="form-help", markup=False)
        yield Static(id="form-summary", markup=False)
        yield Static(id="form-command", markup=False)
        with Horizontal(id="form-buttons"):
            yield Button("Train (F5)", id="train", compact=True, variant="primary")
            yield Static(f"   {SWEEPS}", id="form-sweeps", markup=False)

    def on_mount(self) -> None:
        self._build(self._begin)
        self.check()
        self.form.focus()
        home = self.gentui.home

        def read() -> tuple[Speeds, tuple[str, ...]]:
            from gentui.index import Index
            from gentui.runs import planning

            return planning.Speeds(Index(home).runs()), form_fields.places(home)

        self.gentui.in_thread(read, self._have_read)

    def _have_read(self, found: tuple[Speeds, tuple[str, ...]]) -> None:
        self._speeds, self._places = found
        if self.is_attached:
            if self._places:
                self._build(self.form.entry.key)
            self.check()

    # -- fields

    def _own_axes(self) -> dict[str, Axis]:
        """The axes of the recipe's own sweep, by key."""
        from gentui.runs import planning

        return {axis.key: axis for axis in planning.axes_of(self._base)} if self._base.sweep else {}

    @property
    def axes(self) -> list[Axis]:
        return list(self._axes.values())

    @property
    def runs(self) -> int:
        """The number of runs that will be launched."""
        from engine.recipes.axes import count_runs

        return count_runs(self.axes, self._chosen)

    @property
    def _chosen(self) -> int | None:
        from engine.recipes.axes import RANDOM

        return self._base.sweep.get(RANDOM) if self._axes else None

    def _build(self, focus: str = NAME) -> None:
        """Make the fields of the recipe as it is now; those that stay keep their text."""
        own = form_fields.own_texts(self._base, self._own_axes())
        place = form_fields.place_field(self._place, self._places) if self._places else None
        recipe = self.recipe or self._base
        self.form.set_entries(
            form_fields.lines_of(recipe, own, self._axes, self.label, self._devices, place), focus
        )

    def name_of(self, entry: Entry) -> str:
        return entry.key

    def take(self, entry: Entry) -> None:
        if entry.key == NAME:
            self.label = clean(entry.text, 200)
        elif entry.key == DEVICES:
            self._take_devices(entry.text)
        elif entry.key == PLACE:
            self._place = entry.text
        else:
            self._take(entry)
        if self._names_a_part(entry.key) and entry.key not in self._axes:
            table = entry.key.partition(".")[0] + "."
            self._values = {k: v for k, v in self._values.items() if not k.startswith(table) or k == entry.key}
            self._axes = {k: axis for k, axis in self._axes.items() if not k.startswith(table)}
            self._unread = {k: why for k, why in self._unread.items() if not k.startswith(table)}
            self.check()
            if self.recipe is not None:
                self._build(focus=entry.key)

    def _take_devices(self, text: str) -> None:
        self._unread.pop(DEVICES, None)
        if text.isascii() and text.isdigit() and int(text):
            self._devices = int(text)
        else:
            self._unread[DEVICES] = "should be a number of devices, 1 or more"

    def _take(self, entry: Entry) -> None:
        """Read a field: one value, or several to sweep."""
        from engine.recipes.axes import Axis, parse_values
        from engine.recipes.recipe import RecipeError

        key = entry.key
        for entries in (self._values, self._axes, self._unread):
            entries.pop(key, None)
        if "|" in entry.text:
            try:
                values = parse_values(entry.text, "|", key=key, read=lambda text: _read(entry.setting, text))
                self._axes[key] = Axis(key, values)
            except RecipeError as error:
                self._unread[key] = error.problems[0].message
        elif entry.is_changed:
            self._values[key] = parse_setting(entry.setting, entry.text)

    @staticmethod
    def _names_a_part(key: str) -> bool:
        from engine.recipes.recipe import PARTS

        table, _, name = key.partition(".")
        return table in PARTS and PARTS[table][1] == name

    # -- checking

    def check(self) -> None:
        from engine.recipes.axes import MAX_RUNS, too_many_runs
        from engine.recipes.recipe import RecipeError
        from engine.recipes.sweep import check
        from gentui.jobs.launching import require_shareable
        from gentui.jobs.states import JobError

        self.problems = {}
        try:
            alone = self._base.model_copy(update={"sweep": {}}) if self._base.sweep else self._base
            recipe = alone.with_values(self._values) if self._values else alone
            check(recipe, self.axes)
            if self.runs > MAX_RUNS:
                raise RecipeError([too_many_runs(self.runs)])
            require_shareable(recipe, self._devices)
            self.recipe = recipe
        except JobError as error:
            self.recipe, self.problems = None, {DEVICES: str(error)}
        except RecipeError as error:
            self.recipe = None
            self.problems = problems_by_key(error)
        if self._unread:
            self.recipe, self.problems = None, self.problems | self._unread
        self._show_state(self.complain())

    def _show_state(self, elsewhere: list[str]) -> None:
        """Show the title, the problems or what will be trained, the command. ``elsewhere``: problems of no field."""
        title = [(clean(self._original.title, 200), "bold"), (f"   {self._original.name}", "$text-muted")]
        if self._base.is_quick:
            title.append(("   short test run", "bold"))
        self.put("title", Content.assemble(*title))
        if self.problems:
            text = f"✗ {plural(len(self.problems), 'problem')}: " + ("; ".join(elsewhere) or "see the fields")
            self.put("summary", Content.assemble((text, "bold $error")))
        elif self.recipe is not None:
            self.put("summary", Content.assemble((f"✓ {self._summary(self.recipe)}", "$success")))
        self.put_command(self.command())
        self.query_one("#train", Button).disabled = bool(self.problems)

    def _summary(self, recipe: Recipe) -> str:
        """What will be trained: steps, epochs, data set, and how long it may take."""
        steps = recipe.steps_total()
        text = f"{steps:,} steps of {recipe.data.batch_size:,} images"
        if size := recipe.data.sizes.get("train"):
            text += f", {steps * recipe.data.batch_size / size:.3g} epochs"
        text += f" on {clean(recipe.dataset, 60)}"
        text += "" if recipe.data_is_available() else " (not on this machine)"
        estimate = self._estimate(recipe)
        return f"{estimate}; each {text}" if self.runs > 1 else f"{text}; {estimate}"

    def _estimate(self, recipe: Recipe) -> str:
        from gentui.runs import planning

        number, speeds = self.runs, self._speeds
        estimate = speeds.of_sweep(recipe, self.axes, number) if speeds is not None else None
        about = planning.UNKNOWN if estimate is None else estimate.text(numbers.duration)
        return about if number == 1 else f"{number:,} runs ({planning.shape(self.axes)}), {about}"

    def command(self) -> list[str]:
        """The command line that launches the same runs."""
        words = ["gentui", "run", self._reference]
        if self._base.is_quick and not self._original.is_quick:
            words.append("--quick")
        own = self._own_axes()
        for key, axis in self._axes.items():
            if own.get(key) != axis:
                words += ["--sweep", f"{key}={','.join(map(as_text, axis.values))}"]
        for key, value in self._values.items():
            if key != SEED or key in own:
                words += ["-o", f"{key}={as_text(value)}"]
        if self._values.get(SEED) is not None and SEED not in own:
            words += ["--seed", as_text(self._values[SEED])]
        if self._devices > 1:
            words += ["--devices", str(self._devices)]
        if self._place != HERE:
            words += ["--on", self._place]
        if self.label:
            words += ["--name", self.label]
        return words

    # -- keys

    def on_button_pressed(self) -> None:
        self.action_launch()

    def action_launch(self) -> None:
        if self.recipe is None:
            self.gentui.toast(f"Not started. {self.all_problems()}", "error")
            return
        recipe = self.recipe
        self.say("Starting …")
        self.gentui.launch(
            recipe, self.label, command=self.command(), replacing=self, axes=self.axes, chosen=self._chosen,
            devices=self._devices, on=None if self._place == HERE else self._place,
        )  # fmt: skip

    def action_quick(self) -> None:
        self._base = self._original if self._base is not self._original else self._original.as_quick()
        self._values, self._axes, self._unread = {}, dict(self._own_axes()), {}
        self.recipe = self._base
        self._build(self.form.entry.key)
        self.check()

    # -- the filter

    def action_filter(self) -> None:
        self.query_one(Filter).open()

    def on_filter_edited(self, message: Filter.Edited) -> None:
        found = self.form.narrow(message.words)
        self.query_one(FilterLine).show_error("" if found else "no setting matches")

    def on_filter_closed(self) -> None:
        self.form.narrow("")
        self.form.focus()

    def on_input_submitted(self) -> None:
        self.form.focus()

    def action_back(self) -> None:
        if self.query_one(Filter).close():
            return
        own = self._own_axes()
        swept = sum(own.get(key) != axis for key, axis in self._axes.items())
        changes = len(self._values) + swept + len(self._unread) + bool(self.label) + (self._devices > 1)
        changes += self._place != HERE
        if not changes:
            self.app.pop_screen()
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.app.pop_screen()

        detail = f"{plural(changes, 'change')} would be lost."
        self.app.push_screen(ConfirmScreen("Leave the form?", detail, "Leave", "Stay"), answered)


def _read(setting: FormField, text: str) -> Any:
    value = parse_setting(setting, text.strip())
    return None if value == "" else value
