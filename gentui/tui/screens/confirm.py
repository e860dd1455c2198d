"""A yes-or-no question."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from gentui.config import key_table
from gentui.text.sanitize import clean
from gentui.tui.screens.base import Dialog
from gentui.tui.widgets.bars import KeyBar


class ConfirmScreen(Dialog):
    """Dismissed with True for yes. ``question`` and ``detail`` may be untrusted. ``yes`` and ``no`` name the answers:
    Enter takes the first, Esc the second, which changes nothing."""

    context = "confirm"
    BINDINGS = key_table.bindings("confirm")

    def __init__(self, question: str, detail: str, yes: str, no: str = "Keep") -> None:
        super().__init__()
        self._named = {"confirm.yes": (yes, ""), "confirm.no": (no, "")}
        self._text = Content.assemble((clean(question, 300), "bold"), "\n\n", clean(detail, 600), "\n")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog-box"):
            yield Static(self._text, markup=False)
            yield KeyBar("confirm", modal=True, named=self._named)

    def action_yes(self) -> None:
        self.dismiss(True)

    def action_no(self) -> None:
        self.dismiss(False)
