"""The playground: draw images from any checkpoint of a run, and watch them come out of the noise."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from gentui.config import key_table
from gentui.runs.naming import label
from gentui.text.sanitize import clean
from gentui.tui import navigation
from gentui.tui.sampler_process import SamplerProcess
from gentui.tui.screens.base import BaseScreen, is_ready
from gentui.tui.screens.playground_fields import CHECKPOINT, LABEL, OUT, entries_of, label_of, safe
from gentui.tui.screens.playground_history import Drawn, History, name_of, sheet_of
from gentui.tui.screens.settings_form import SettingsFormScreen
from gentui.tui.widgets.picture import Sheet
from gentui.tui.widgets.picture_grid import PictureGrid
from gentui.tui.widgets.settings import SettingsForm
from gentui.tui.widgets.settings_entry import Entry, as_text, parse_setting, problems_by_key
from gentui.tui.widgets.tiles import ALONE, EXAMPLES, Grid
from gentui.tui.widgets.viewer import Viewer

if TYPE_CHECKING:
    from engine.recipes.recipe import Recipe

MOST_IMAGES = 256
MOST_PICTURES = 2048
"""Images times frames, at most."""
WHOLE_NUMBERS = {
    "n": (1, MOST_IMAGES), "seed": (0, 2**63 - 1), "to-seed": (0, 2**63 - 1), "frames": (2, 240), "neighbours": (1, 16),
}  # fmt: skip
"""Fields that take a whole number, with the least and the most."""
OPTIONAL = ("to-seed", "neighbours")
SUFFIXES = (".png", ".gif", ".npy")


class PlaygroundScreen(SettingsFormScreen, BaseScreen):
    """``run`` is a RunRow, ``recipe`` its recipe, ``checkpoints`` the names of its checkpoints, the default first;
    ``device`` is where images are drawn.

    A sampler process reads the weights when the screen opens, and draws until it is left.
    """

    context = "playground"
    place = "view"
    CSS_PATH = "playground.tcss"
    BINDINGS = key_table.bindings("playground")

    def __init__(self, run: Any, recipe: Recipe, checkpoints: list[str], device: str = "auto") -> None:
        super().__init__()
        from engine.recipes.labels import Labels

        self._run = run
        self._recipe = recipe
        self._checkpoints = checkpoints
        self._device = device
        self._dir = Path()
        self._labels = Labels.of(recipe.data)
        self._is_conditional = False  # until the weights are read
        self._sampler: SamplerProcess | None = None
        self._pending: tuple[int, list[str]] | None = None  # number and arguments of what is being drawn
        self._newest: list[str] | None = None  # arguments of the sampler's newest picture, which it can save
        self._history = History()
        self._shows_two = False
        self._save_when_done = ""  # the path to save the pending request to
        self._pictures = 0
        self._drawing: tuple[dict[str, str], str] = {}, ""  # texts of the form and name of what is being drawn
        self.options: dict[str, Any] = {}
        self.problems: dict[str, str] = {}

    def body(self) -> ComposeResult:
        yield Static(id="playground-title", markup=False)
        with Container(id="playground-body"):
            with Vertical(id="playground-left"):
                yield SettingsForm(id="playground-fields", leaves_letters=True)
                yield Static(id="playground-help", markup=False)
            with Vertical(id="playground-right"):
                with Horizontal(id="playground-pictures"):
                    yield Viewer(self.gentui.images, more="z", id="playground-picture")
                    yield Viewer(self.gentui.images, more="[ z", id="playground-other")
                yield Viewer(self.gentui.images, more="J", id="playground-real")
                yield PictureGrid(self.gentui.images, id="playground-history")
        yield Static(id="playground-command", markup=False)

    def on_mount(self) -> None:
        self._dir = self.gentui.home / "runs" / self._run.id
        self.put(
            "title",
            Content.assemble(
                (f"Playground: {clean(label(self._run), 80)}", "bold"), (f"   {self._run.id}", "$text-muted")
            ),
        )
        self.form.set_entries(self._entries())
        self.form.focus()
        self.check()
        self._start()
        self.call_after_refresh(self._show_nothing, "reading the weights …")

    def on_unmount(self) -> None:
        self._end()

    # -- the form

    def _entries(self) -> list[Entry | str]:
        return entries_of(self._recipe, self._labels if self._is_conditional else None, self._checkpoints)

    def _label(self, texts: dict[str, str]) -> str:
        """The label that the fields choose; "" for any."""
        return label_of(self._labels, texts) if self._is_conditional else ""

    def check(self) -> None:
        """Validate as the command line would."""
        from engine.recipes import sample_options
        from engine.settings.diagnostics import RecipeError

        form = self.form
        texts = {entry.key: entry.text.strip() for entry in form.entries}
        names = {key: name for name, key in sample_options.OPTIONS.items()}
        self.problems, self.options = {}, {}
        for entry in form.entries:
            if entry.key in names and entry.is_changed:
                self.options[names[entry.key]] = parse_setting(entry.setting, entry.text)
        try:
            sample_options.with_sample_options(self._recipe, self.options)
        except RecipeError as error:
            self.problems |= problems_by_key(error)
        if text := self._label(texts):
            self.options[LABEL] = text
        for key, (least, most) in WHOLE_NUMBERS.items():
            if not texts[key] and key in OPTIONAL:
                continue
            if not (texts[key].isdecimal() and texts[key].isascii() and least <= int(texts[key]) <= most):
                self.problems[key] = f"should be a whole number from {least:,} to {most:,}"
            else:
                self.options[key] = int(texts[key])
        if "to-seed" not in self.options:
            self.options.pop("frames", None)
        elif self.options.get("n", 1) * self.options.get("frames", 1) > MOST_PICTURES:
            self.problems["frames"] = f"images × frames should be at most {MOST_PICTURES:,}"
        if {"to-seed", "neighbours"} <= self.options.keys():
            self.problems["neighbours"] = "should be empty where there is a second seed"
        if texts[CHECKPOINT] != self._checkpoints[0]:
            self.options[CHECKPOINT] = texts[CHECKPOINT]
        if problem := _problem_of(texts[OUT]):
            self.problems[OUT] = problem
        self.options = {name: value for name, value in self.options.items() if value is not None}
        if elsewhere := self.complain():
            self.say("✗ " + "; ".join(elsewhere))
        self.put_command(self.command(texts[OUT]))

    def arguments(self) -> list[str]:
        """The chosen options as arguments of ``engine.inference.sample``."""
        return [f"--{name}={as_text(value)}" for name, value in self.options.items()]

    def command(self, out: str) -> list[str]:
        """The command line that draws the same images."""
        device = [] if self._device == "auto" else ["--device", self._device]
        return ["gentui", "sample", self._run.id, *self.arguments(), *device, "-o", out]

    @property
    def selected_runs(self) -> list[str]:
        return [self._run.id]

    @property
    def shown_command(self) -> str:
        return shlex.join(self.command(self._out))

    # -- drawing

    def _start(self) -> SamplerProcess:
        """The sampler process; a new one if there is none."""
        if self._sampler is None:
            self._sampler = SamplerProcess(self._dir, self._device, self._answered)
            self._sampler.ask(read=self._checkpoints[0])
        return self._sampler

    def _end(self) -> None:
        if self._sampler is not None:
            self._sampler.end()
        self._sampler = self._pending = self._newest = None
        self._history.forget_files()
        self._save_when_done = ""

    def _answered(self, sampler: SamplerProcess, answer: dict[str, Any]) -> None:
        """Called in the sampler's thread."""
        if self.app.is_running:
            self.app.call_later(self._take, sampler, answer)

    def _take(self, sampler: SamplerProcess, answer: dict[str, Any]) -> None:
        """Show an answer of the sampler, unless it is another's by now."""
        if sampler is not self._sampler or not is_ready(self):
            return
        if "conditions" in answer:
            self._weights_read(answer)
        elif "ended" in answer:
            self._end()
            self._show_nothing("nothing is drawn")
            self.say(f"The sampler process has ended: {answer['ended']}")
        elif "error" in answer:
            self._pending, self._save_when_done = None, ""
            self.say(f"✗ {clean(answer['error'], 300)}")
        elif "saved" in answer:
            self.say(f"Wrote {clean(answer['saved'], 300)}.")
        elif "path" in answer and self._pending and answer["id"] == self._pending[0]:
            self._show_images(answer)

    def _weights_read(self, answer: dict[str, Any]) -> None:
        """Offer the labels that the weights know, and say which weights they are."""
        from engine.recipes.labels import Labels

        is_first = self._pending is None and self._newest is None and not self._history.drawn
        labels, conditional = Labels.of(answer["conditions"]), bool(answer["conditional"])
        if (labels, conditional) != (self._labels, self._is_conditional):
            self._labels, self._is_conditional = labels, conditional
            form = self.form
            typed, here = {entry.key: entry.text for entry in form.entries}, form.entry.key
            first = form.entries[0].key
            lines = self._entries()
            for entry in lines:
                if isinstance(entry, Entry):
                    entry.text = typed.get(entry.key, entry.text)
            form.set_entries(lines, "" if is_first and here == first else here)
            self.check()
        if is_first:
            self._show_nothing("Enter draws")
            self.say(f"{answer['which']} checkpoint, step {answer['step']:,}, on {clean(answer['device'], 20)}")

    @property
    def _viewer(self) -> Viewer:
        return self.query_one("#playground-picture", Viewer)

    def _show_nothing(self, why: str) -> None:
        self._viewer.show(None, why)

    def _show_images(self, answer: dict[str, Any]) -> None:
        self._pictures += 1
        sheet = sheet_of(answer, self._pictures)
        if "done" in answer:
            self._viewer.show(sheet, f"sampling step {answer['done']:,} of {answer['of']:,}")
            return
        assert self._pending is not None
        self._newest, self._pending = self._pending[1], None
        has_near = any(word.startswith("--neighbours=") for word in self._newest)
        near = "beside each: its nearest training images" if has_near else ""
        caption = f"{self._drawing[1]} · {answer['which']} checkpoint, step {answer['step']:,}"
        self._history.add(Drawn(tuple(self._newest), self._drawing[0], self._drawing[1], caption, near, sheet))
        self._show_drawn()
        self.say("Done. s saves it, Y copies the command, n draws with another seed.")
        if self._save_when_done:
            self._save(self._save_when_done)

    def _show_drawn(self) -> None:
        """Show the picture that was chosen of those drawn, the one before it if two are asked for, and the others."""
        history, shown = self._history, self._history.shown
        if shown is None:
            return
        words = " · ".join(filter(None, [history.place, shown.caption]))
        self._viewer.show(shown.sheet, words if shown.sheet else "Enter draws it again", shown.detail)
        before = history.before if self._shows_two else None
        other = self.query_one("#playground-other", Viewer)
        other.display = before is not None
        if before is not None:
            other.show(before.sheet, before.name, before.detail)
        strip = self.query_one("#playground-history", PictureGrid)
        strip.set_class(len(history.drawn) > 1, "-several")
        if len(history.drawn) > 1:
            strip.show([(each.sheet, f"{'● ' * is_shown}{each.name}") for is_shown, each in history.newest(4)])

    def _save(self, path: str) -> None:
        self._save_when_done = ""
        self._start().ask(save=str(Path(path).expanduser().absolute()))

    # -- keys

    def action_draw(self) -> None:
        self.form.end_editing()
        if self.problems:
            self.say("✗ Not drawn. " + self.all_problems())
            return
        if self._pending is not None:
            self._end()  # of another request
        arguments = self.arguments()
        texts = {entry.key: entry.text.strip() for entry in self.form.entries}
        self._drawing = texts, name_of(texts, self._label(texts))
        self._pending = (self._start().ask(arguments=arguments), arguments)
        self.say("Drawing … Esc stops it.")

    @property
    def _out(self) -> str:
        """The path that is saved to."""
        return next(entry.text.strip() for entry in self.form.entries if entry.key == OUT)

    def action_save(self) -> None:
        path = self._out
        if self.problems:
            self.say("✗ Not saved. " + self.all_problems())
        elif self._newest == self.arguments() and self._pending is None:
            self._save(path)
        else:
            if self._pending is None or self._pending[1] != self.arguments():
                self.action_draw()
            self._save_when_done = path

    def action_another(self) -> None:
        """Draw with a seed that was not drawn with yet."""
        drawn = [int(each.texts["seed"]) for each in self._history.drawn if each.texts["seed"].isdecimal()]
        self._put_texts({"seed": str(max([int(self.options.get("seed", 0)), *drawn]) + 1)})
        self.action_draw()

    def _put_texts(self, texts: Mapping[str, str]) -> None:
        """Set the texts of fields by key."""
        self.form.end_editing()
        for entry in self.form.entries:
            entry.text = texts.get(entry.key, entry.text)
        self.form.refresh()
        self.check()

    def scrub(self, by: int) -> str:
        """Bring back what was drawn before, or after; return what to tell the user, "" if nothing."""
        if self._pending is not None:
            return "Something is being drawn. Esc stops it."
        if not self._history.scrub(by):
            return "Nothing was drawn before it." if by < 0 else "Nothing was drawn after it."
        if (shown := self._history.shown) is not None:
            self._put_texts(shown.texts)
        self._show_drawn()
        return ""

    def follow_newest(self) -> str:
        """Bring back what was drawn last."""
        while self._history.scrub(1):
            pass
        return self.scrub(0)

    def current_picture(self) -> tuple[Any, ...]:
        """The picture that is shown, with its caption."""
        shown = self._history.shown
        return (
            (shown.sheet, shown.caption, shown.detail) if shown is not None else (None, "nothing is drawn", "")
        )

    def next_figure(self) -> str:
        return "There is one kind of picture here."

    def action_scrub(self, by: int) -> None:
        if message := self.scrub(by):
            self.say(message)

    def action_beside(self) -> None:
        if not self._shows_two and self._history.before is None:
            self.say("There is nothing else that was drawn.")
            return
        self._shows_two = not self._shows_two
        self._show_drawn()

    def action_zoom(self) -> None:
        self.app.push_screen(navigation.create("picture", self))

    def action_play(self) -> None:
        self.say(self._viewer.play_or_pause())

    def action_real(self) -> None:
        real = self.query_one("#playground-real", Viewer)
        real.display = not real.display
        path = self._dir / "figures" / "real.png"
        sample = self._recipe.sample
        if path.is_file():
            names = tuple(map(safe, self._labels.classes[: sample.rows]))
            grid = Grid(
                len(names) or sample.rows, sample.columns, "classes" if names else "", row_names=names,
                order=EXAMPLES if names else ALONE, certain=False,
            )  # fmt: skip
            real.show(Sheet(path, grid), "training images")
        else:
            real.show(None, "no real images: they are drawn with a run's first samples")

    def action_scroll_real(self, by: int) -> None:
        real = self.query_one("#playground-real", Viewer)
        if not real.display:
            self.say("B shows training images, which J and K scroll.")
        elif not real.scroll_tiles(by):
            self.say("No more training images on that side.")

    def action_back(self) -> None:
        if self._pending is not None:
            self._end()
            self._show_nothing("stopped; Enter draws")
            self.say("Stopped.")
        else:
            self.app.pop_screen()


def _problem_of(out: str) -> str:
    """What is wrong with a path to save to; "" if nothing."""
    path = Path(out).expanduser()
    if path.suffix.lower() not in SUFFIXES:
        return f"should end in {', '.join(SUFFIXES)}"
    try:
        return "" if path.absolute().parent.is_dir() else "there is no such directory"
    except (OSError, ValueError):
        return "is no path"
