"""What can be copied of a run, written out in full: where the terminal has no clipboard, it is selected by hand."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from gentui.config import key_table
from gentui.text.sanitize import clean
from gentui.tui.screens.base import Dialog
from gentui.tui.widgets.bars import KeyBar


class CopyScreen(Dialog):
    """``texts``: the id, the command line and the path, which may be untrusted."""

    context = "copy"
    BINDINGS = key_table.bindings("copy")

    def __init__(self, texts: dict[str, str]) -> None:
        super().__init__()
        self._texts = {name: clean(text) for name, text in texts.items()}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog-box"):
            yield Static(self._content(), id="texts", markup=False)
            yield KeyBar("copy", modal=True)

    def _content(self, message: str = "") -> Content:
        parts: list[tuple[str, str]] = []
        for name, text in self._texts.items():
            parts += [(f"{name}\n", "bold $primary"), (f"{text or '–'}\n\n", "")]
        note = (
            message
            or "A key copies through the terminal (OSC 52). Where that does nothing, select the text by hand."
        )
        return Content.assemble(*parts, (note, "$text-muted"))

    def action_copy(self, name: str) -> None:
        text = self._texts.get(name, "")
        if not text:
            self.query_one("#texts", Static).update(self._content(f"There is no {name} to copy."))
            return
        self.app.copy_to_clipboard(text)
        message = (
            f"The {name} was sent to the terminal's clipboard; if it is not there, select it here by hand."
        )
        self.query_one("#texts", Static).update(self._content(message))
