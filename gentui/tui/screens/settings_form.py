"""The base of screens around a form of settings: input is checked and explained, and shown as a command line."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, ClassVar

from textual.content import Content
from textual.widgets import Static

from gentui.text.sanitize import clean
from gentui.tui.widgets.settings import SettingsForm
from gentui.tui.widgets.settings_entry import Entry, split_problems

if TYPE_CHECKING:
    from textual.screen import Screen

    _OnScreen = Screen[Any]
else:  # no widget itself: Textual takes styles from the first base that is one
    _OnScreen = object


class SettingsFormScreen(_OnScreen):
    """Mixin of a screen with a ``SettingsForm`` and texts below it, whose ids are ``CONTEXT-help`` (about the setting
    under the cursor), ``CONTEXT-command`` (the command line that does the same), and so on.
    """

    context: ClassVar[str]
    problems: dict[str, str]
    """What is wrong, by key of the setting."""

    @property
    def form(self) -> SettingsForm:
        return self.query_one(SettingsForm)

    def check(self) -> None:
        """Validate as the command line would, and show each problem beside its setting."""
        raise NotImplementedError

    def take(self, entry: Entry) -> None:
        """Called when a setting was edited, before it is checked."""

    def name_of(self, entry: Entry) -> str:
        """The name of a setting in the help."""
        return entry.label

    def on_settings_form_moved(self, message: SettingsForm.Moved) -> None:
        self._explain(message.entry)

    def on_mount(self) -> None:
        self.form.on_edit = self._edited

    def _edited(self, entry: Entry) -> None:
        self.take(entry)
        self.check()
        self._explain(entry)

    def _explain(self, entry: Entry) -> None:
        name = self.name_of(entry)
        if entry.problem:
            self.put("help", Content.assemble((f"✗ {name}: {entry.problem}", "$error")))
        else:
            self.put("help", Content.assemble((f"{name}: ", "bold"), entry.help))

    def complain(self) -> list[str]:
        """Show each problem beside its setting. Return those of no setting in the form."""
        in_form, elsewhere = split_problems(self.problems, {entry.key for entry in self.form.entries})
        self.form.show_problems(in_form)
        return elsewhere

    def all_problems(self) -> str:
        """All problems in one line."""
        return "; ".join(f"{key}: {text}" if key else text for key, text in self.problems.items())

    def put_command(self, words: list[str]) -> None:
        self.put("command", Content.assemble(("$ ", "$text-muted"), clean(shlex.join(words))))

    def put(self, name: str, content: Content) -> None:
        """Change the text ``CONTEXT-name``."""
        static = self.query_one(f"#{self.context}-{name}", Static)
        if static.content != content:
            static.update(content)

    def action_reset(self) -> None:
        entry = self.form.entry
        if not entry.is_changed:
            self.put("help", Content.assemble((f"{self.name_of(entry)}: ", "bold"), "unchanged."))
        self.form.set_text(entry.own)
