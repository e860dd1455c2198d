"""Export the results table to a file, with a preview."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Select, Static

from gentui.config import key_table
from gentui.text.sanitize import clean, clean_lines, shorten
from gentui.tui.screens.base import Dialog
from gentui.tui.widgets.bars import KeyBar

FORMATS = {"csv": ".csv", "md": ".md", "latex": ".tex", "json": ".json", "html": ".html"}


class ExportScreen(Dialog):
    """A form of format, data set and path, with the first lines of the file."""

    context = "export"
    CSS_PATH = "export.tcss"
    BINDINGS = key_table.bindings("export")

    def __init__(self) -> None:
        super().__init__()
        self._text = ""
        self._requested: tuple[str, str | None, str | None] | None = (
            None  # format, data set and status of the preview
        )
        self._is_default_path = True

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog-box", id="export-box"):
            yield Static(Content.assemble(("Export the results table", "bold")), markup=False)
            with Horizontal(classes="line"):
                yield Static("format", classes="label")
                yield Select(
                    [(name, name) for name in FORMATS],
                    value="csv",
                    allow_blank=False,
                    compact=True,
                    id="format",
                )
                yield Static("data set", classes="label")
                yield Select([("all", "")], value="", allow_blank=False, compact=True, id="dataset")
            with Horizontal(classes="line"):
                yield Static("file", classes="label")
                path = Input("results.csv", compact=True, id="path")
                path.cursor_blink = False
                yield path
            yield Static(id="export-note", markup=False)
            yield Static(id="preview", markup=False)
            with Horizontal(classes="line", id="export-buttons"):
                yield Button("Write file", id="write", compact=True, variant="primary")
            yield KeyBar("export", modal=True)

    def on_mount(self) -> None:
        self.query_one("#format").focus()
        self._refresh_preview()
        home = self.gentui.home

        def datasets() -> list[str]:
            from gentui.index import Index

            return sorted({run.dataset for run in Index(home).runs() if run.dataset})

        self.gentui.in_thread(datasets, self._offer)

    def _offer(self, datasets: list[str]) -> None:
        if self.is_attached:
            select = self.query_one("#dataset", Select)
            with self.prevent(Select.Changed):
                select.set_options([("all", ""), *((clean(name, 60), name) for name in datasets)])
                select.value = ""

    def on_select_changed(self, message: Select.Changed) -> None:
        if message.select.id == "format" and self._is_default_path:
            with self.prevent(Input.Changed):
                self.query_one("#path", Input).value = f"results{FORMATS[self.format]}"
        self._refresh_preview()

    def on_input_changed(self) -> None:
        self._is_default_path = False
        self._note()

    @property
    def format(self) -> str:
        return str(self.query_one("#format", Select).value)

    @property
    def path(self) -> Path:
        return Path(self.query_one("#path", Input).value.strip()).expanduser()

    def _refresh_preview(self) -> None:
        dataset = str(self.query_one("#dataset", Select).value or "") or None
        request = (self.format, dataset, None)
        if request == self._requested:
            return
        self._requested = request
        home = self.gentui.home

        def work() -> tuple[Any, str]:
            from gentui.export import render

            return request, render(home, request[0], dataset=request[1], status=request[2])

        self.gentui.in_thread(work, self._show_preview)

    def _show_preview(self, result: tuple[Any, str]) -> None:
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

    def on_input_submitted(self) -> None:
        self.action_write()

    def on_button_pressed(self) -> None:
        self.action_write()

    def action_write(self) -> None:
        path, text = self.path, self._text
        if not text:
            self.gentui.toast("The table is not ready yet.", "warning")
            return
        if path.is_dir() or not path.name:
            self.gentui.toast("Give the name of a file.", "warning")
            return

        def work() -> str:
            from gentui.export import write_text

            write_text(path, text)
            return f"Wrote {path}"

        self.gentui.in_thread(work, self._written)

    def _written(self, message: str) -> None:
        self.gentui.toast(message)
        if self.is_active:
            self.dismiss(None)
