"""Export the results table to a file, with a preview."""

from __future__ import annotations

from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from gentui.config import key_table
from gentui.text.sanitize import clean, clean_lines, shorten
from gentui.tui.screens.base import Dialog
from gentui.tui.widgets.bars import KeyBar
from gentui.tui.widgets.settings import SettingsForm
from gentui.tui.widgets.settings_entry import Entry

FORMATS = {"csv": ".csv", "md": ".md", "latex": ".tex", "json": ".json", "html": ".html"}
FORMAT, DATASET, FILE = "format", "data set", "file"
ALL = "all"
Request = tuple[str, str | None]
"""Format, and data set or None for all."""


class ExportScreen(Dialog):
    """A form of format, data set and path, with the first lines of the file."""

    context = "export"
    CSS_PATH = "export.tcss"
    BINDINGS = key_table.bindings("export")

    def __init__(self) -> None:
        super().__init__()
        self._text = ""
        self._requested: Request | None = None  # of the preview
        self._datasets: list[str] = []
        self._texts = {FORMAT: "csv", DATASET: ALL, FILE: "results.csv"}
        self._is_default_path = True

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog-box", id="export-box"):
            yield Static(Content.assemble(("Export the results table", "bold")), markup=False)
            yield SettingsForm(id="export-fields")
            yield Static(id="export-note", markup=False)
            yield Static(id="preview", markup=False)
            yield KeyBar("export", modal=True)

    def on_mount(self) -> None:
        form = self.query_one(SettingsForm)
        form.on_edit = self._edited
        self._build(FORMAT)
        form.focus()
        self._refresh_preview()
        home = self.gentui.home

        def datasets() -> list[str]:
            from gentui.index import Index

            return sorted({run.dataset for run in Index(home).runs() if run.dataset})

        self.gentui.in_thread(datasets, self._offer)

    def _build(self, focus: str) -> None:
        from engine.recipes.recipe import FormField

        choices = {FORMAT: tuple(FORMATS), DATASET: (ALL, *(clean(name, 60) for name in self._datasets))}
        helps = {FORMAT: "of the file", DATASET: "whose runs are exported", FILE: "where it is written"}
        fields = [
            FormField(name, text, text, "text", helps[name], choices.get(name, ()))
            for name, text in self._texts.items()
        ]
        self.query_one(SettingsForm).set_entries(
            [Entry(field, field.key, field.value, field.value) for field in fields], focus
        )

    def _offer(self, datasets: list[str]) -> None:
        self._datasets = datasets
        self._build(self.query_one(SettingsForm).entry.key)

    def _edited(self, entry: Entry) -> None:
        self._texts[entry.key] = entry.text
        if entry.key == FILE:
            self._is_default_path = False
            self._note()
            return
        if entry.key == FORMAT and self._is_default_path:
            self._texts[FILE] = f"results{FORMATS[self.format]}"
            self._build(FORMAT)
        self._refresh_preview()

    @property
    def format(self) -> str:
        return self._texts[FORMAT]

    @property
    def path(self) -> Path:
        return Path(self._texts[FILE].strip()).expanduser()

    def _refresh_preview(self) -> None:
        request = self._request
        if request == self._requested:
            return
        self._requested = request
        home = self.gentui.home
        self.gentui.in_thread(lambda: (request, _table(home, request)), self._show_preview)

    @property
    def _request(self) -> Request:
        """What the fields ask for."""
        place = [ALL, *(clean(name, 60) for name in self._datasets)].index(self._texts[DATASET])
        return self.format, self._datasets[place - 1] if place else None

    def _show_preview(self, result: tuple[Request, str]) -> None:
        request, text = result
        if request != self._requested or not self.is_attached:
            return
        self._text = text
        width = max(20, self.query_one("#preview").size.width)
        lines = [shorten(line, width) for line in clean_lines(text[:20_000])[:12]]
        self.query_one("#preview", Static).update(Content("\n".join(lines)))
        self._note()

    def _note(self) -> None:
        lines = self._text.count("\n")
        words = [f"{lines:,} lines, {len(self._text.encode()):,} bytes"] if self._text else []
        path = self.path
        if path.is_dir():
            words.append("that is a folder: add a file name")
        elif path.exists():
            words.append("that file exists and will be replaced")
        else:
            words.append(f"into {clean(path.absolute().parent, 200)}")
        self.query_one("#export-note", Static).update(Content(" · ".join(words)))

    def action_write(self) -> None:
        path, request, home = self.path, self._request, self.gentui.home  # the preview may be of another
        if path.is_dir() or not path.name:
            self.gentui.toast("Give the name of a file.", "warning")
            return

        def work() -> str:
            from gentui.export import write_text

            write_text(path, _table(home, request))
            return f"Wrote {path}"

        self.gentui.in_thread(work, self._written)

    def _written(self, message: str) -> None:
        self.gentui.toast(message)
        if self.is_active:
            self.dismiss(None)


def _table(home: Path, request: Request) -> str:
    from gentui.export import render

    form, dataset = request
    return render(home, form, dataset=dataset)
