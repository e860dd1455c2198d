"""The help: all keys, from the key table, and what the marks beside scores mean."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from gentui.config import key_table
from gentui.runs.scores import MARK, REAL_IMAGES, REAL_IMAGES_CAPTION, SELECTION_CAPTION
from gentui.tui.screens.base import Dialog
from gentui.tui.widgets.bars import KeyBar

ABOUT = (
    "gentui trains, watches, scores and ranks image generative models. Training runs in processes of its own: "
    "leaving, or losing the connection, stops nothing."
)

SCORES = (
    ("3.03 ± 0.22", "standard deviation over what the score's line says, such as 3 noises"),
    (f"2.65{MARK}", SELECTION_CAPTION.removeprefix(f"{MARK} ")),
    (REAL_IMAGES, REAL_IMAGES_CAPTION.removeprefix(f"{REAL_IMAGES}: ")),
    ("over seeds", "mean ± standard deviation over finished runs that differ only in their seed"),
)
"""Marks beside scores, and what they mean."""


NOTES = {
    "form": (
        (
            "1e-3 | 1e-4",
            "several values in a field train a run for each; in several fields, for each combination",
        ),
        ("← →", "choose another value; its first letter does, too, and | adds one more value"),
        ("/", "filters, except in a text, which takes it itself"),
    ),
}
"""What else can be typed on a screen, by context."""


def help_text(context: str, width: int = 76) -> Content:
    """All keys: of the screen that help was asked on first, then the global ones, then the others; then marks of
    scores."""
    indent = "\n" + " " * 28
    order = [context, "app", *(name for name in key_table.CONTEXTS if name not in (context, "app"))]
    parts: list[tuple[str, str] | str] = [ABOUT, "\n\n"]
    for name in order:
        if name not in key_table.CONTEXTS:
            continue
        here = "  (this screen)" if name == context and name != "app" else ""
        parts += [(key_table.CONTEXTS[name], "bold $primary"), (here, "$text-muted"), "\n"]
        for key in key_table.keys_of(name):
            help_lines = indent.join(textwrap.wrap(key.help, max(20, width - 29)))
            parts += [
                (f"  {key.display_all:<10} ", "bold $accent"),
                f"{key.label:<14} ",
                (help_lines, "$text-muted"),
                "\n",
            ]
        parts += _notes(NOTES.get(name, ()), width)
        parts.append("\n")
    parts += [("In tables", "bold $primary"), "\n"]
    for keys, effect in (("↑ ↓ k j", "move"), ("PgUp PgDn", "a page"), ("Home End", "first, last")):
        parts += [(f"  {keys:<10} ", "bold $accent"), effect, "\n"]
    parts += ["\n", ("In scores", "bold $primary"), "\n"]
    parts += _notes(SCORES, width)
    return Content.assemble(*parts)


def _notes(notes: Sequence[tuple[str, str]], width: int) -> list[tuple[str, str] | str]:
    """A line for each mark with its meaning."""
    parts: list[tuple[str, str] | str] = []
    for mark, meaning in notes:
        lines = ("\n" + " " * 28).join(textwrap.wrap(meaning, max(20, width - 29)))
        parts += [(f"  {mark:<25} ", "bold $accent"), (lines, "$text-muted"), "\n"]
    return parts


class HelpScreen(Dialog):
    """The help, over the screen it was asked on, of which ``context`` is the context."""

    context = "help"
    BINDINGS: ClassVar[list[BindingType]] = [
        *key_table.bindings("help"),
        Binding("up,k", "scroll(-1)", show=False),
        Binding("down,j", "scroll(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown,space", "page(1)", show=False),
    ]
    DEFAULT_CSS = """
    HelpScreen > Vertical { width: 84; height: 90%; }
    HelpScreen VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; scrollbar-gutter: stable; }
    HelpScreen Static { width: 100%; height: auto; }
    """

    def __init__(self, context: str) -> None:
        super().__init__()
        self._below = context

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog-box"):
            with VerticalScroll(can_focus=False):
                yield Static(markup=False)
            yield KeyBar("help", modal=True)

    def on_resize(self) -> None:
        self.call_after_refresh(self._write)

    def _write(self) -> None:
        static = self.query_one(Static)
        static.update(help_text(self._below, static.size.width or 70))

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)

    def action_page(self, by: int) -> None:
        scroll = self.query_one(VerticalScroll)
        scroll.scroll_relative(y=by * max(1, scroll.size.height - 1), animate=False)
