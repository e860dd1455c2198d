"""A notice that stays until it is closed."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from gentui.config import key_table
from gentui.text.sanitize import clean, clean_lines
from gentui.tui.screens.base import Dialog
from gentui.tui.widgets.bars import KeyBar


class NoticeScreen(Dialog):
    """``title``, what is wrong; ``text``, what to do; ``after``, what happened. The latter two may be untrusted."""

    context = "notice"
    BINDINGS = key_table.bindings("notice")

    def __init__(self, title: str, text: str, after: str = "") -> None:
        super().__init__()
        self.text = "\n".join(clean_lines(text, 1000))
        self._content = Content.assemble(
            (f"✗ {title}", "bold $warning"), "\n\n", self.text, "\n\n", (clean(after, 300), "$text-muted"), "\n"
        )

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog-box"):
            yield Static(self._content, markup=False)
            yield KeyBar("notice", modal=True)
