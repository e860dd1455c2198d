"""The form that queues an evaluation of a run's checkpoint. Input is checked as it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from gentui.config import key_table
from gentui.runs.naming import label
from gentui.text.sanitize import clean
from gentui.tui.screens.base import Dialog
from gentui.tui.screens.settings_form import SettingsFormScreen
from gentui.tui.widgets.bars import KeyBar
from gentui.tui.widgets.settings import SettingsForm
from gentui.tui.widgets.settings_entry import Entry, as_text, parse_setting, problems_by_key

if TYPE_CHECKING:
    from engine.recipes.recipe import FormField, Recipe

CHECKPOINT = "checkpoint"
AS_PUBLISHED = "as_published"
METRICS = "evaluate.also"
FILES = frozenset({"weights", "labels", "statistics"})
"""Options that may name a file, with settings of the same name."""


class EvaluateScreen(SettingsFormScreen, Dialog):
    """``run`` is a RunRow, ``recipe`` its recipe, ``checkpoints`` the names of its checkpoints, the default first."""

    context = "evaluate"
    CSS_PATH = "evaluate.tcss"
    BINDINGS = key_table.bindings("evaluate")

    def __init__(self, run: Any, recipe: Recipe, checkpoints: list[str]) -> None:
        super().__init__()
        self._run = run
        self._recipe = recipe
        self._checkpoints = checkpoints
        self.options: dict[str, Any] = {}
        self.problems: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog-box", id="evaluate-box"):
            title = Content.assemble(
                (f"Evaluate {clean(label(self._run), 100)}", "bold"), (f"   {self._run.id}", "$text-muted")
            )
            yield Static(title, id="evaluate-title", markup=False)
            yield SettingsForm(id="evaluate-fields")
            yield Static(id="evaluate-help", markup=False)
            yield Static(id="evaluate-summary", markup=False)
            yield Static(id="evaluate-command", markup=False)
            yield KeyBar("evaluate", modal=True)

    def on_mount(self) -> None:
        self.form.set_entries([_entry(name, field) for name, field in self._fields().items()])
        self.form.focus()
        self.check()

    def _fields(self) -> dict[str, FormField]:
        """The settings by option of ``gentui evaluate``; if the run makes no images, only the checkpoint."""
        from engine.recipes.evaluate_options import OPTIONS, recipe_metrics
        from engine.recipes.recipe import FormField, extractors
        from engine.settings.evaluation import METRIC_SCORES

        fields = {}
        if metrics := recipe_metrics(self._recipe):
            settings = {field.key: field for field in self._recipe.as_scored().form()}
            fields = {name: settings[key] for name, key in OPTIONS.items() if key in settings}
            choices = f"any of {', '.join(METRIC_SCORES)}, separated by commas"
            fields["metrics"] = FormField(METRICS, ",".join(metrics), "", "text", choices)
            key, value = "evaluate.extractor", fields["extractor"].value
            names = tuple(dict.fromkeys(["auto", str(value), *extractors()]))
            fields["extractor"] = FormField(key, value, "auto", "text", fields["extractor"].help, names)
            if self._recipe.reference is not None and self._recipe.reference.evaluate:
                how = f"score as the published {self._recipe.reference.metric} was made, to be ranked with it"
                fields = {AS_PUBLISHED: FormField(AS_PUBLISHED, False, False, "true or false", how)} | fields
        first, checkpoints = self._checkpoints[0], tuple(self._checkpoints)
        fields[CHECKPOINT] = FormField(CHECKPOINT, first, first, "choice", "the weights to score", checkpoints)
        return fields

    # -- checking

    def check(self) -> None:
        """Validate as the command line would. An empty field takes the value of the recipe."""
        from engine.recipes.evaluate_options import OPTIONS, with_evaluate_options
        from engine.recipes.recipe import RecipeError

        names = {key: name for name, key in OPTIONS.items()} | {
            name: name for name in (CHECKPOINT, AS_PUBLISHED)
        }
        changed = {names[e.key]: parse_setting(e.setting, e.text) for e in self.form.entries if e.is_changed}
        self.options = {name: value for name, value in changed.items() if value not in (None, "")}
        self.problems = {}
        try:
            given = {name: self.options.get(name) for name in OPTIONS}
            recipe = with_evaluate_options(self._recipe, given, bool(self.options.get(AS_PUBLISHED)))
        except RecipeError as error:
            self.problems = problems_by_key(error)
        except ValueError as error:
            self.problems = {METRICS: clean(error, 300)}
        else:
            for name in FILES & self.options.keys():  # absolute by now: the job runs in another directory
                self.options[name] = getattr(recipe.evaluate, name)
        elsewhere = self.complain()
        if self.problems:
            text = "✗ " + ("; ".join(elsewhere) or "see the fields")
            self.put("summary", Content.assemble((text, "bold $error")))
        else:
            summary = "✓ goes into the queue; its scores are added to the run's"
            self.put("summary", Content.assemble((summary, "$success")))
        self.put_command(self.command())

    def command(self) -> list[str]:
        """The command line that does the same."""
        words = ["gentui", "evaluate", self._run.id]
        for name, value in self.options.items():
            words += ["--as-published"] if name == AS_PUBLISHED else [f"--{name}", as_text(value)]
        return words

    # -- keys

    def action_queue(self) -> None:
        if self.problems:
            self.gentui.toast("Not queued. " + "; ".join(self.problems.values()), "error")
            return
        self.gentui.evaluate(self._run, self.options, self.command())
        self.dismiss(None)


def _entry(name: str, field: FormField) -> Entry:
    text = as_text(field.value)
    return Entry(field, name.replace("_", " "), text, text)
