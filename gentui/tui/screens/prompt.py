"""A question that is answered with text, of one line or several."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static, TextArea

from gentui.config import key_table
from gentui.text.sanitize import clean
from gentui.tui.screens.base import Dialog
from gentui.tui.widgets.bars import KeyBar


class PromptScreen(Dialog):
    """Dismissed with the text, or None. ``question``, ``detail`` and ``text`` may be untrusted.

    ``lines``: the text may have several lines. ``check``: what is wrong with a text, "" if nothing; a wrong text is
    not accepted.
    """

    context = "prompt"
    BINDINGS = key_table.bindings("prompt")
    DEFAULT_CSS = """
    PromptScreen Input { height: 1; border: none; padding: 0 1; }
    PromptScreen TextArea { height: 10; border: none; }
    PromptScreen #prompt-note { height: auto; max-height: 3; }
    """

    def __init__(
        self,
        question: str,
        detail: str = "",
        text: str = "",
        *,
        lines: bool = False,
        check: Callable[[str], str] = lambda text: "",
    ) -> None:
        super().__init__()
        self._question, self._detail = clean(question, 300), clean(detail, 600)
        self._text, self._lines, self._check = text, lines, check

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog-box"):
            yield Static(Content.styled(self._question, "bold"), markup=False)
            if self._lines:
                yield TextArea(self._text, compact=True, tab_behavior="focus", highlight_cursor_line=False)
            else:
                yield Input(self._text, compact=True)
            yield Static(Content(self._detail), id="prompt-note", markup=False)
            yield KeyBar("prompt", modal=True, named={} if self._lines else {"prompt.save": ("Save", "enter")})

    def on_mount(self) -> None:
        field = self.query_one(TextArea if self._lines else Input)
        field.cursor_blink = False  # an idle screen writes nothing
        field.focus()
        if isinstance(field, TextArea):
            field.move_cursor(field.document.end)

    @property
    def text(self) -> str:
        return self.query_one(TextArea).text if self._lines else self.query_one(Input).value

    def on_input_submitted(self) -> None:
        self.action_save()

    def on_input_changed(self) -> None:
        self._show_problem()

    def on_text_area_changed(self) -> None:
        self._show_problem()

    def _show_problem(self) -> str:
        """Show and return what is wrong with the text, "" if nothing."""
        problem = clean(self._check(self.text), 300)
        note = Content.styled(f"✗ {problem}", "$error") if problem else Content(self._detail)
        self.query_one("#prompt-note", Static).update(note)
        return problem

    def action_save(self) -> None:
        if not self._show_problem():
            self.dismiss(self.text)
